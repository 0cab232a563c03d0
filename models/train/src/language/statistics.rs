//! How often the language repeats itself. What a model has seen a hundred times it can say by heart; a sentence that is
//! new each time has to be understood.
//!
//! `cargo run --release -p cutaway-train -- corpus --bytes 10000000 --statistics` counts. Look first at [`sentences`].

use std::collections::HashSet;
use std::fmt;

use super::Document;

/// Sentences of a corpus, and how many of them came before.
#[derive(Clone, Debug, Default)]
pub struct Repetition {
    /// All sentences.
    pub sentences: usize,
    /// Those that an earlier one equals, letter for letter.
    pub repeated: usize,
    seen: HashSet<String>,
}

impl Repetition {
    /// What these documents repeat.
    pub fn of(documents: impl Iterator<Item = Document>) -> Self {
        documents.fold(Self::default(), |mut count, document| {
            for sentence in sentences(&document.text) {
                count.sentences += 1;
                count.repeated += usize::from(!count.seen.insert(sentence.to_owned()));
            }
            count
        })
    }

    /// The share of repetitions among all sentences.
    pub fn share(&self) -> f64 {
        self.repeated as f64 / self.sentences.max(1) as f64
    }
}

impl fmt::Display for Repetition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0 * self.share();
        write!(f, "{} sentences, {} of them said before: {percent:.2} %", self.sentences, self.repeated)
    }
}

/// The sentences of a document: its lines, and every message of a chat, cut after `.`, `!` and `?` where a space, a
/// quotation mark or nothing follows.
///
/// Not sentences are JSON, the items of a list and bare sums: lines that begin with `{`, `-` or a digit. A question
/// for a bare sum (`What is 3 + 4?`) is none either.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split("<|im_end|>\n")
        .map(|message| match message.strip_prefix("<|im_start|>") {
            Some(message) => message.split_once('\n').map_or("", |(_role, content)| content),
            None => message,
        })
        .flat_map(str::lines)
        .filter(|line| !line.starts_with(|c: char| c == '{' || c == '-' || c.is_ascii_digit()))
        .flat_map(cut)
        .filter(|sentence| !sentence.is_empty() && !is_bare_sum(sentence))
}

/// Cuts a line where its sentences end.
fn cut(line: &str) -> impl Iterator<Item = &str> {
    let ends = line.char_indices().filter(|&(at, c)| {
        let next = line[at + c.len_utf8()..].chars().next();
        matches!(c, '.' | '!' | '?') && matches!(next, None | Some(' ' | '"'))
    });
    let mut start = 0;
    ends.map(|(at, _)| at + 1).chain([line.len()]).map(move |end| {
        let sentence = &line[start..end];
        start = end;
        sentence.trim_matches([' ', '"'])
    })
}

fn is_bare_sum(sentence: &str) -> bool {
    sentence.strip_prefix("What is ").is_some_and(|sum| sum.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_cut_into_its_sentences() {
        let text = "<|im_start|>user\nHello! Who is it? \"It is Tom.\" 3.5<|im_end|>\n<|im_start|>assistant\n\
                    {\"a\": \"b. c\"}<|im_end|>\n<|im_start|>user\nWhat is 3 + 4?<|im_end|>\n- plums\n3 + 4 = 7\nGo";
        assert_eq!(sentences(text).collect::<Vec<_>>(), ["Hello!", "Who is it?", "It is Tom.", "3.5", "Go"]);
    }
}
