//! Charts of what the model decides: the sampler's stages, entropy, attention patterns.

use super::{cell, columns};
use crate::measure::record::schema::AttentionRecord;
use crate::report::chart::{Axis, Chart, Mark, Point, Series};
use crate::report::{Events, units};
use std::collections::BTreeMap;

/// 15: the best candidates after each stage, in the step whose choice was widest.
pub(super) fn sampler(events: &Events<'_>) -> Option<Chart> {
    let first = |record: &&&crate::measure::record::schema::SamplerRecord| record.stage == "logits";
    let widest = events.samplers.iter().filter(first).max_by(|a, b| a.entropy.total_cmp(&b.entropy))?.step;
    let stages: Vec<_> = events.samplers.iter().filter(|stage| stage.step == widest).collect();
    let mut chart = Chart {
        x: Axis::linear("rank of the candidate", "").from(0.5, 10.5),
        y: Axis::log("probability", ""),
        statistic: format!(
            "the ten best candidates after each stage, in step {widest}, where the model was least sure"
        ),
        source: "sampler".into(),
        columns: columns([
            "stage",
            "candidates before",
            "after",
            "kept mass, %",
            "entropy, bits",
            "KL from the stage before, bits",
        ]),
        ..Chart::default()
    };
    let bits = std::f64::consts::LN_2;
    for stage in stages {
        let points: Vec<Point> = stage
            .top
            .iter()
            .enumerate()
            .map(|(rank, &(token, p))| {
                let text = format!("{}: token {token}, {}", stage.stage, units::percent(f64::from(p)));
                Point { size: 0.08, ..Point::at(rank as f64 + 1.0, f64::from(p)) }.saying(text)
            })
            .collect();
        chart.n += points.len();
        chart.rows.push(vec![
            stage.stage.to_string(),
            stage.n_in.to_string(),
            stage.n_out.to_string(),
            cell(100.0 * stage.kept_mass),
            cell(stage.entropy / bits),
            cell(stage.kl / bits),
        ]);
        chart.series.push(Series::new(&*stage.stage, Mark::Line, points));
    }
    (chart.n > 0).then_some(chart)
}

/// 16: entropy of the model's distribution, surprise of the chosen token, and the mean surprise so far.
pub(super) fn entropy(events: &Events<'_>) -> Option<Chart> {
    let bits = std::f64::consts::LN_2;
    let entropies: BTreeMap<usize, f64> =
        events.samplers.iter().filter(|s| s.stage == "logits").map(|s| (s.step, s.entropy / bits)).collect();
    let chosen: Vec<(usize, f64, &str, usize)> = events
        .tokens
        .iter()
        .filter_map(|token| Some((token.step, token.nll? / bits, &*token.piece, token.rank?)))
        .collect();
    if entropies.is_empty() || chosen.is_empty() {
        return None;
    }
    let mut sum = 0.0;
    let mut mean = Vec::new();
    let mut surprise = Vec::new();
    let mut rows = Vec::new();
    for (i, (step, nll, piece, rank)) in chosen.iter().enumerate() {
        sum += nll;
        mean.push((*step as f64, sum / (i + 1) as f64));
        let text = format!("step {step}, {piece:?}: {} bits, place {}", cell(*nll), rank + 1);
        surprise.push(Point { size: 0.05, ..Point::at(*step as f64, *nll) }.saying(text));
        let entropy = entropies.get(step).map_or("unknown".to_owned(), |bits| cell(*bits));
        rows.push(vec![step.to_string(), format!("{piece:?}"), entropy, cell(*nll), (rank + 1).to_string()]);
    }
    Some(Chart {
        x: Axis::linear("step", ""),
        y: Axis::linear("bits", ""),
        n: surprise.len(),
        series: vec![
            Series::line("entropy of the distribution", entropies.iter().map(|(&step, &bits)| (step as f64, bits))),
            Series::line("mean surprise so far (2 to its power is the perplexity)", mean),
            Series::new("surprise of the chosen token", Mark::Dot, surprise),
        ],
        statistic: "every step, before any stage of the sampler".into(),
        source: "sampler, token".into(),
        columns: columns(["step", "token", "entropy, bits", "surprise, bits", "place"]),
        rows,
        ..Chart::default()
    })
}

/// 19: the head with the sharpest pattern of those that were kept and does not only look at the first token.
pub(super) fn map(events: &Events<'_>) -> Option<Chart> {
    let kept = events.attention.iter().filter(|a| !a.p.is_empty());
    let head = kept.min_by(|a, b| (a.entropy + 4.0 * a.sink).total_cmp(&(b.entropy + 4.0 * b.sink)))?;
    let pieces = |i: usize| format!("{i}");
    let mut points = Vec::new();
    for row in 0..head.rows {
        for col in 0..head.cols {
            let p = f64::from(*head.p.get(row * head.cols + col)?);
            if p > 0.0005 {
                let text = format!("token {row} looks at {col}: {}", units::percent(p));
                points
                    .push(Point { size: p.sqrt(), ..Point::at(col as f64, (head.rows - 1 - row) as f64) }.saying(text));
            }
        }
    }
    let strongest = strongest(head);
    Some(Chart {
        title: format!("Attention of head {} in block {}", head.head, head.layer),
        x: Axis::named("position that is looked at", (0..head.cols).map(pieces).collect()),
        y: Axis::named("position that looks", (0..head.rows).rev().map(pieces).collect()),
        n: head.rows * head.cols,
        series: vec![Series::new("probability", Mark::Cell, points)],
        statistic: "one head on the prompt, naive path; darkness is the square root of the probability".into(),
        source: "attention".into(),
        notes: vec![
            "Shown is the sharpest head of those that were kept and do not only look at the first token.".into(),
        ],
        columns: columns(["position that looks", "looks most at", "with, %"]),
        rows: strongest,
    })
}

/// What each token looks at most.
fn strongest(head: &AttentionRecord) -> Vec<Vec<String>> {
    let best = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).map(|i| (i, f64::from(row[i])));
    let rows = head.p.chunks(head.cols.max(1)).enumerate();
    rows.filter_map(|(i, row)| best(row).map(|(at, p)| vec![i.to_string(), at.to_string(), cell(100.0 * p)])).collect()
}

/// 20: a cell for each head: how much it looks at the first token.
pub(super) fn atlas(events: &Events<'_>) -> Option<Chart> {
    let layers = events.attention.iter().map(|a| a.layer + 1).max()?;
    let heads = events.attention.iter().map(|a| a.head + 1).max()?;
    let points: Vec<Point> = events
        .attention
        .iter()
        .map(|a| {
            let text = format!(
                "block {}, head {}: {} at the first token, entropy {} bits",
                a.layer,
                a.head,
                units::percent(a.sink),
                cell(a.entropy / std::f64::consts::LN_2)
            );
            Point { size: a.sink, ..Point::at(a.head as f64, (layers - 1 - a.layer) as f64) }.saying(text)
        })
        .collect();
    let row = |a: &&AttentionRecord| {
        vec![a.layer.to_string(), a.head.to_string(), cell(100.0 * a.sink), cell(a.entropy / std::f64::consts::LN_2)]
    };
    Some(Chart {
        x: Axis::named("head", (0..heads).map(|head| head.to_string()).collect()),
        y: Axis::named("block", (0..layers).rev().map(|layer| layer.to_string()).collect()),
        n: points.len(),
        series: vec![Series::new("share of the first token", Mark::Cell, points)],
        statistic: "mean over the tokens of the prompt of the probability of the first position; dark: the head looks nowhere else".into(),
        source: "attention".into(),
        columns: columns(["block", "head", "first token, %", "entropy, bits"]),
        rows: events.attention.iter().map(row).collect(),
        ..Chart::default()
    })
}
