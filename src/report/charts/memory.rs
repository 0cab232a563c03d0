//! Charts of memory: the cache over the context, and the file.

use super::{cell, columns, words};
use crate::report::chart::{Axis, Chart, Mark, Point, Series};
use crate::report::{Events, units};
use std::collections::BTreeMap;

/// 7: predicted by the layout for each format, and measured in this run.
pub(super) fn growth(events: &Events<'_>) -> Option<Chart> {
    let costs: Vec<_> = events.costs.iter().filter(|cost| cost.what == "decode").collect();
    let formats: Vec<&String> = costs.first()?.cache_bytes.iter().map(|(format, _)| format).collect();
    let mut chart = Chart {
        x: Axis::log("positions", ""),
        y: Axis::log("bytes of the cache", "B"),
        statistic: "predicted: bytes of a position times positions; measured: pages in use at each step".into(),
        source: "cost, kv".into(),
        columns: columns(["positions", "format", "predicted, MB"]),
        ..Chart::default()
    };
    for (i, format) in formats.iter().enumerate() {
        let values: Vec<(f64, f64)> =
            costs.iter().map(|cost| (cost.context as f64 + 1.0, cost.cache_bytes[i].1 as f64)).collect();
        let rows = values.iter().map(|(n, bytes)| vec![cell(*n), (*format).clone(), cell(bytes / 1e6)]);
        chart.rows.extend(rows);
        chart.n += values.len();
        chart.series.push(Series::line(format!("{format}, predicted"), values));
    }
    let used: Vec<Point> = events
        .kv
        .iter()
        .filter(|kv| kv.path == "optimized")
        .map(|kv| {
            let text = format!(
                "{} positions use {}, pages hold {}",
                kv.used,
                units::bytes(kv.used_bytes as f64),
                units::bytes(kv.reserved_bytes as f64)
            );
            Point { size: 0.02, ..Point::at(kv.used as f64, kv.reserved_bytes as f64) }.saying(text)
        })
        .collect();
    if !used.is_empty() {
        chart.n += used.len();
        chart.series.push(Series::new(format!("measured pages, {}", events.run.kv.join(" and ")), Mark::Dot, used));
    }
    Some(chart)
}

/// Columns of the file's map.
const ACROSS: usize = 48;
/// Rows of it.
const DOWN: usize = 16;

/// 26: the file, wrapped like a text; each cell has the kind of most of its bytes.
pub(super) fn file_map(events: &Events<'_>) -> Option<Chart> {
    let total = events.run.model.file_bytes.max(1);
    let cells = ACROSS * DOWN;
    let each = total.div_ceil(cells as u64).max(1);
    let mut kinds: Vec<BTreeMap<&str, u64>> = vec![BTreeMap::new(); cells];
    let mut names: Vec<&str> = vec![""; cells];
    let mut sums: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    for tensor in &events.tensors {
        let sum = sums.entry(&tensor.kind).or_default();
        *sum = (sum.0 + tensor.bytes, sum.1 + 1);
        let (start, end) = (tensor.offset.min(total), tensor.offset.saturating_add(tensor.bytes).min(total));
        let mut at = start;
        while at < end {
            let i = ((at / each) as usize).min(cells - 1);
            let stop = ((i as u64 + 1) * each).min(end).max(at + 1);
            *kinds[i].entry(&tensor.kind).or_default() += stop - at;
            if names[i].is_empty() {
                names[i] = &tensor.name;
            }
            at = stop;
        }
    }
    if sums.is_empty() {
        return None;
    }
    let mut series: Vec<Series> = sums.keys().map(|kind| Series::new(words(kind), Mark::Cell, Vec::new())).collect();
    for (i, kinds) in kinds.iter().enumerate() {
        let Some((kind, _)) = kinds.iter().max_by_key(|(_, bytes)| **bytes) else { continue };
        let place = Point { size: 1.0, ..Point::at((i % ACROSS) as f64, (DOWN - 1 - i / ACROSS) as f64) };
        let text = format!("{} from {}", names[i], units::bytes((i as u64 * each) as f64));
        if let Some(series) = series.iter_mut().find(|series| series.name == words(kind)) {
            series.points.push(place.saying(text));
        }
    }
    let offset = |row: usize| units::bytes(((DOWN - 1 - row) * ACROSS) as f64 * each as f64);
    Some(Chart {
        x: Axis::named(&format!("each cell is {}", units::bytes(each as f64)), vec![String::new(); ACROSS]),
        y: Axis::named("offset in the file", (0..DOWN).map(offset).collect()),
        series,
        statistic: "the kind that most bytes of a cell belong to; cells without tensors (metadata, padding) are empty"
            .into(),
        n: events.tensors.len(),
        source: "tensor".into(),
        columns: columns(["kind", "tensors", "MB", "share of the file, %"]),
        rows: sums
            .iter()
            .map(|(kind, (bytes, n))| {
                vec![words(kind), n.to_string(), cell(*bytes as f64 / 1e6), cell(100.0 * *bytes as f64 / total as f64)]
            })
            .collect(),
        ..Chart::default()
    })
}
