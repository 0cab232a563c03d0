//! Charts of arithmetic and bytes: the roofline, and the costs over the context.

use super::{cell, columns};
use crate::measure::statistics::median;
use crate::observe::Phase;
use crate::report::chart::{Axis, Chart, Mark, Point, Series};
use crate::report::page::summary::{Pass, Roofs, threads_of};
use crate::report::{Events, units};

/// The roofs as lines over the intensity, from `low` to `high`.
fn roofs(events: &Events<'_>, low: f64, high: f64) -> Vec<Series> {
    let threads = threads_of(events, "optimized");
    let bytes = Pass::of(events, "optimized", Phase::Decode).map_or(1e8, |pass| pass.total.bytes);
    let found = Roofs::of(events, threads, bytes);
    let mut lines = Vec::new();
    if let Some(read) = found.read {
        let top = found.int8.or(found.float).unwrap_or(read * high);
        let knee = (top / read).clamp(low, high);
        let name = format!("reading {}", units::scaled(read, "B/s"));
        lines.push(Series::new(name, Mark::Limit, vec![Point::at(low, low * read), Point::at(knee, knee * read)]));
        for (name, roof) in [("bytes", found.int8), ("f32", found.float)] {
            let Some(roof) = roof else { continue };
            let from = (roof / read).clamp(low, high);
            let name = format!("{name} {}", units::scaled(roof, "OP/s"));
            lines.push(Series::new(name, Mark::Limit, vec![Point::at(from, roof), Point::at(high, roof)]));
        }
    }
    lines
}

/// 1: a point for each operation and phase.
pub(super) fn roofline(events: &Events<'_>) -> Option<Chart> {
    let mut chart = Chart {
        x: Axis::log("intensity, FLOP per byte (a multiply-add is two)", ""),
        y: Axis::log("speed, FLOP/s", ""),
        statistic:
            "sum over all blocks and recorded steps of the optimized path; the area of a mark grows with its time"
                .into(),
        source: "op, ceiling".into(),
        columns: columns(["phase", "operation", "FLOP per byte", "GFLOP/s", "GB/s", "time per token, µs"]),
        ..Chart::default()
    };
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    let mut without = 0;
    for phase in [Phase::Prefill, Phase::Decode] {
        let Some(pass) = Pass::of(events, "optimized", phase) else { continue };
        let mut points = Vec::new();
        for part in &pass.ops {
            if part.flops <= 0.0 || part.bytes <= 0.0 || part.ns <= 0.0 {
                without += 1;
                continue;
            }
            let (x, y) = (part.flops / part.bytes, part.flops / part.ns * 1e9);
            (low, high) = (low.min(x), high.max(x));
            let text =
                format!("{}, {}: {}, {}", part.name, phase.name(), units::scaled(y, "FLOP/s"), units::time(part.ns));
            points.push(Point { size: part.ns / pass.total.ns, ..Point::at(x, y) }.saying(text));
            chart.rows.push(vec![
                phase.name().into(),
                part.name.clone(),
                cell(x),
                cell(y / 1e9),
                cell(part.bytes / part.ns),
                cell(part.ns / 1e3),
            ]);
        }
        chart.n += points.len();
        chart.series.push(Series::new(phase.name(), Mark::Dot, points));
    }
    if chart.n == 0 {
        return None;
    }
    if without > 0 {
        chart.notes.push(format!("{without} operations compute nothing or move nothing, and have no place here."));
    }
    let limits = roofs(events, low * 0.5, high * 4.0);
    chart.series.splice(0..0, limits);
    Some(chart)
}

/// 2: rungs from naive to the fastest, for a prompt and for decoding.
pub(super) fn roofline_path(events: &Events<'_>) -> Option<Chart> {
    let bytes_of = |path: &str, phase| Pass::of(events, path, phase).map(|pass| (pass.total.flops, pass.total.bytes));
    let mut chart = Chart {
        x: Axis::log("intensity, FLOP per byte", ""),
        y: Axis::log("speed, FLOP/s", ""),
        statistic:
            "median speed of the samples without an observer; FLOP and bytes of a token as counted in the watched run"
                .into(),
        source: "bench, op, ceiling".into(),
        columns: columns(["test", "rung", "FLOP per byte", "GFLOP/s"]),
        ..Chart::default()
    };
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for (prefix, phase) in [("pp", Phase::Prefill), ("tg", Phase::Decode)] {
        let mut points = Vec::new();
        for bench in events.benches.iter().filter(|b| !b.rung.is_empty() && b.test.starts_with(prefix)) {
            if ["between", "A", "A again"].contains(&&*bench.rung) {
                continue;
            }
            let Some((flops, bytes)) = bytes_of(&bench.path, phase) else { continue };
            let (x, y) = (flops / bytes, flops * median(&bench.tokens_per_second));
            (low, high) = (low.min(x), high.max(x));
            let rung = format!("{}, {}", bench.rung, units::plural(bench.threads, "thread"));
            chart.rows.push(vec![bench.test.clone(), rung.clone(), cell(x), cell(y / 1e9)]);
            points.push(Point::at(x, y).saying(format!("{} {rung}: {}", bench.test, units::scaled(y, "FLOP/s"))));
        }
        chart.n += points.len();
        let name = if prefix == "pp" { "prompt" } else { "decoding" };
        chart.series.push(Series::new(name, Mark::Line, points));
    }
    if chart.n == 0 {
        return None;
    }
    let limits = roofs(events, low * 0.5, high * 4.0);
    chart.series.splice(0..0, limits);
    Some(chart)
}

/// 5: FLOP by context.
pub(super) fn flops(events: &Events<'_>) -> Option<Chart> {
    let costs: Vec<_> = events.costs.iter().filter(|cost| cost.what == "decode").collect();
    let line = |name: &str, of: &dyn Fn(usize) -> u64| {
        Series::line(name, (0..costs.len()).map(|i| (costs[i].context as f64 + 1.0, of(i) as f64)))
    };
    let row = |cost: &&&crate::measure::record::schema::CostRecord| {
        let mega = |flops: u64| cell(flops as f64 / 1e6);
        vec![
            cost.context.to_string(),
            mega(cost.projection_flops),
            mega(cost.attention_flops),
            mega(cost.unembedding_flops),
        ]
    };
    (!costs.is_empty()).then(|| Chart {
        x: Axis::log("position of the token", ""),
        y: Axis::log("FLOP for one token", ""),
        series: vec![
            line("projections", &|i| costs[i].projection_flops),
            line("attention", &|i| costs[i].attention_flops),
            line("unembedding", &|i| costs[i].unembedding_flops),
        ],
        statistic: "from the formulas of each operation, which are tested against counted arithmetic".into(),
        n: costs.len(),
        source: "cost".into(),
        columns: columns(["tokens before", "projections, MFLOP", "attention, MFLOP", "unembedding, MFLOP"]),
        rows: costs.iter().map(row).collect(),
        ..Chart::default()
    })
}

/// 6: bytes by context, and the speed that reading them allows.
pub(super) fn bytes(events: &Events<'_>) -> Option<Chart> {
    let costs: Vec<_> = events.costs.iter().filter(|cost| cost.what == "decode").collect();
    let line = |name: &str, of: &dyn Fn(usize) -> u64| {
        Series::line(name, (0..costs.len()).map(|i| (costs[i].context as f64 + 1.0, of(i) as f64)))
    };
    let total = |i: usize| costs[i].weight_bytes + costs[i].kv_bytes;
    let read =
        Roofs::of(events, threads_of(events, "optimized"), costs.first().map_or(1e8, |c| c.weight_bytes as f64)).read;
    let rows = |i: usize| {
        let mega = |bytes: u64| cell(bytes as f64 / 1e6);
        let most = read.map_or("unknown".to_owned(), |read| cell(read / total(i) as f64));
        vec![
            costs[i].context.to_string(),
            mega(costs[i].weight_bytes),
            mega(costs[i].kv_bytes),
            mega(costs[i].activation_bytes),
            most,
        ]
    };
    (!costs.is_empty()).then(|| Chart {
        x: Axis::log("position of the token", ""),
        y: Axis::log("bytes for one token", "B"),
        series: vec![
            line("weights", &|i| costs[i].weight_bytes),
            line("keys and values", &|i| costs[i].kv_bytes),
            line("activations", &|i| costs[i].activation_bytes),
        ],
        statistic: "compulsory traffic, from shapes and formats".into(),
        n: costs.len(),
        source: "cost, ceiling".into(),
        columns: columns([
            "tokens before",
            "weights, MB",
            "keys and values, MB",
            "activations, MB",
            "tokens/s that reading allows",
        ]),
        rows: (0..costs.len()).map(rows).collect(),
        ..Chart::default()
    })
}

/// 8: FLOP of one token with a cache, and computing everything again.
pub(super) fn cache_on_off(events: &Events<'_>) -> Option<Chart> {
    let total =
        |c: &crate::measure::record::schema::CostRecord| c.projection_flops + c.attention_flops + c.unembedding_flops;
    let of = |what: &str| -> Vec<(usize, u64)> {
        events.costs.iter().filter(|c| c.what == what).map(|c| (c.context, total(c))).collect()
    };
    let (with, without) = (of("decode"), of("recompute"));
    let line = |name: &str, values: &[(usize, u64)]| {
        Series::line(name, values.iter().map(|&(context, flops)| (context as f64 + 1.0, flops as f64)))
    };
    (!with.is_empty() && with.len() == without.len()).then(|| Chart {
        x: Axis::log("position of the token", ""),
        y: Axis::log("FLOP for one token", ""),
        series: vec![line("with a cache", &with), line("without: everything again", &without)],
        statistic: "from the formulas of each operation".into(),
        n: with.len(),
        source: "cost".into(),
        columns: columns(["tokens before", "with a cache, MFLOP", "without, MFLOP", "times as much"]),
        rows: with
            .iter()
            .zip(&without)
            .map(|(&(context, a), &(_, b))| {
                vec![context.to_string(), cell(a as f64 / 1e6), cell(b as f64 / 1e6), cell(b as f64 / a as f64)]
            })
            .collect(),
        ..Chart::default()
    })
}
