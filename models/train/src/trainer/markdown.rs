//! Reports of examinations as Markdown: the family's table, and the stories of one of them.

use super::evaluate::{Report, Score};
use std::fmt::Write;

/// One line for each model.
pub fn table(reports: &[Report]) -> String {
    let mut out = String::from(
        "| model | parameters | used per token | bytes | KV bytes per token | training loss | held-out loss | \
         held-out perplexity | JSON valid | record right | answer right | sum right |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for r in reports {
        let [json, record, answer, sum] = [r.json_valid, r.json_right, r.answers_right, r.sums_right].map(score);
        let line = format!(
            "| `{}` | {} | {} | {} | {} | {:.4} | {:.4} | {:.3} | {json} | {record} | {answer} | {sum} |\n",
            r.name,
            grouped(r.parameters as u64),
            grouped(r.active as u64),
            grouped(r.bytes),
            grouped(r.kv_bytes_per_token as u64),
            r.train_loss,
            r.held_out_loss,
            r.held_out_perplexity
        );
        out.push_str(&line);
    }
    out
}

/// A model's stories, numbered, the openings that were given in bold.
pub fn stories(report: &Report) -> String {
    report.stories.iter().zip(1..).fold(String::new(), |mut out, ((opening, story), i)| {
        let story = story.trim_end().replace('\n', "\\\n   ");
        let written = writeln!(out, "{i}. **{opening}**{story}");
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        out
    })
}

fn score(score: Score) -> String {
    format!("{} of {}", score.right, score.of)
}

/// `1205888` → `1,205,888`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_205_888].map(grouped), ["0", "999", "1,000", "1,205,888"]);
    }
}
