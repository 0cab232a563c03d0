//! Charts of weights, of rounding, of the distance of the two paths, and of the tokenizer.

use super::{cell, columns};
use crate::report::chart::{Axis, Chart, Mark, Point, Series};
use crate::report::{Events, units};

/// `attn_q` of `blk.3.attn_q.weight`.
fn role(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("blk.")?.split_once('.')?.1;
    rest.strip_suffix(".weight")
}

/// 21: a cell for each matrix of each block, for the coarsest format that was tried.
pub(super) fn rounding(events: &Events<'_>) -> Option<Chart> {
    let coarsest = events.tensors.iter().find_map(|tensor| tensor.rounding.last())?.0.clone();
    let mut roles: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for tensor in &events.tensors {
        let (Some(role), Some(layer)) = (role(&tensor.name), tensor.layer) else { continue };
        let Some((_, error)) = tensor.rounding.iter().find(|(format, _)| *format == coarsest) else { continue };
        if !roles.contains(&role) {
            roles.push(role);
        }
        found.push((role, layer, *error));
    }
    let layers = found.iter().map(|(_, layer, _)| layer + 1).max()?;
    let logs = || found.iter().map(|(.., error)| error.max(1e-9).ln());
    let (low, high) = logs().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let points: Vec<Point> = found
        .iter()
        .filter_map(|(role, layer, error)| {
            let x = roles.iter().position(|r| r == role)? as f64;
            let size = 0.1 + 0.9 * (error.max(1e-9).ln() - low) / (high - low).max(1e-9);
            let text = format!("block {layer}, {role}: {}", units::percent(*error));
            Some(Point { size, ..Point::at(x, (layers - 1 - layer) as f64) }.saying(text))
        })
        .collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for tensor in events.tensors.iter().filter(|tensor| !tensor.rounding.is_empty()) {
        for (format, error) in &tensor.rounding {
            rows.push(vec![tensor.name.clone(), tensor.format.clone(), format.clone(), cell(100.0 * error)]);
        }
    }
    Some(Chart {
        title: format!("What {coarsest} would round away"),
        x: Axis::named("", roles.iter().map(|role| (*role).to_owned()).collect()),
        y: Axis::named("block", (0..layers).rev().map(|layer| layer.to_string()).collect()),
        n: points.len(),
        series: vec![Series::new("relative RMS error", Mark::Cell, points)],
        statistic: format!(
            "relative RMS error of rounding a sample of the weights as they are in the file; from {} (light) to {} (dark)",
            units::percent(low.exp()),
            units::percent(high.exp())
        ),
        source: "tensor".into(),
        columns: columns(["tensor", "format in the file", "rounded to", "relative RMS error, %"]),
        rows,
        ..Chart::default()
    })
}

/// 22: how often values occur, relative to the largest.
pub(super) fn histogram(events: &Events<'_>) -> Option<Chart> {
    let mut chart = Chart {
        x: Axis::linear("value, as a share of the largest", "").from(-1.0, 1.0),
        y: Axis::log("share of the values", ""),
        statistic: "a sample of each tensor, in bins of equal width".into(),
        source: "histogram".into(),
        columns: columns(["tensor", "largest value", "values beyond a quarter of it, %"]),
        ..Chart::default()
    };
    for histogram in events.histograms.iter().take(4) {
        let total = histogram.counts.iter().sum::<u64>().max(1) as f64;
        let n = histogram.counts.len() as f64;
        let middle = |i: usize| (i as f64 + 0.5) / n * 2.0 - 1.0;
        let points: Vec<(f64, f64)> = histogram
            .counts
            .iter()
            .enumerate()
            .filter(|(_, c)| **c > 0)
            .map(|(i, &c)| (middle(i), c as f64 / total))
            .collect();
        let beyond: u64 =
            histogram.counts.iter().enumerate().filter(|(i, _)| middle(*i).abs() > 0.25).map(|(_, c)| *c).sum();
        chart.n += total as usize;
        chart.rows.push(vec![histogram.name.clone(), cell(histogram.high), cell(100.0 * beyond as f64 / total)]);
        chart.series.push(Series::line(&*histogram.name, points));
    }
    (!chart.series.is_empty()).then_some(chart)
}

/// 23: relative RMS of every value in the order of computation.
pub(super) fn drift(events: &Events<'_>) -> Option<Chart> {
    let mut chart = Chart {
        x: Axis::linear("values in the order of computation", ""),
        y: Axis::log("relative RMS difference", ""),
        statistic: "the largest difference of all passes; in locked mode each operation gets the naive path's inputs"
            .into(),
        source: "diff".into(),
        columns: columns(["mode", "value", "operation", "relative RMS", "budget", "within"]),
        ..Chart::default()
    };
    for mode in ["free", "locked"] {
        let diffs = events.diffs.iter().filter(|diff| diff.mode == mode);
        let mut exact = 0;
        let points: Vec<Point> = diffs
            .map(|diff| {
                exact += usize::from(diff.rel_rms == 0.0);
                chart.n += 1;
                let within = if diff.passed { "yes" } else { "no" };
                chart.rows.push(vec![
                    mode.into(),
                    diff.hook.clone(),
                    diff.op.to_string(),
                    cell(diff.rel_rms),
                    cell(diff.budget),
                    within.into(),
                ]);
                let text = format!("{} ({mode}): {}, budget {}", diff.hook, cell(diff.rel_rms), cell(diff.budget));
                Point { size: 0.01, ..Point::at(diff.index as f64, diff.rel_rms) }.saying(text)
            })
            .filter(|point| point.y > 0.0)
            .collect();
        if exact > 0 {
            chart.notes.push(format!("{exact} values are equal in every bit ({mode}) and have no place on this axis."));
        }
        chart.series.push(Series::new(mode, Mark::Dot, points));
    }
    (chart.n > 0).then_some(chart)
}

/// 28: bytes in a token.
pub(super) fn tokenizer(events: &Events<'_>) -> Option<Chart> {
    let per_token = |i: usize| events.tokenizers[i].bytes as f64 / events.tokenizers[i].tokens.max(1) as f64;
    let mut order: Vec<usize> = (0..events.tokenizers.len()).collect();
    order.sort_by(|&a, &b| per_token(b).total_cmp(&per_token(a)));
    let point = |(place, &i): (usize, &usize)| {
        let text = &events.tokenizers[i];
        Point::at(place as f64, per_token(i))
            .saying(format!("{}: {} bytes in {} tokens", text.text, text.bytes, text.tokens))
    };
    let row = |&i: &usize| {
        let text = &events.tokenizers[i];
        vec![text.text.clone(), text.bytes.to_string(), text.tokens.to_string(), cell(per_token(i))]
    };
    (!order.is_empty()).then(|| Chart {
        x: Axis::named("", order.iter().map(|&i| events.tokenizers[i].text.clone()).collect()),
        y: Axis::linear("bytes of UTF-8 in a token", ""),
        n: order.len(),
        series: vec![Series::new("bytes", Mark::Bar, order.iter().enumerate().map(point).collect())],
        statistic: "one text each: article 1 of the Universal Declaration of Human Rights, and a program".into(),
        source: "tokenizer".into(),
        notes: vec!["Scripts need different numbers of bytes for a letter: compare languages by the tokens of the same text, in the table.".into()],
        columns: columns(["text", "bytes", "tokens", "bytes in a token"]),
        rows: order.iter().map(row).collect(),
        ..Chart::default()
    })
}
