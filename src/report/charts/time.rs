//! Charts of time: by part, by thread, by token, and against the prediction.

use super::{cell, columns, words};
use crate::observe::{Group, Phase};
use crate::report::chart::{Axis, Chart, Mark, Point, Series};
use crate::report::page::summary::Pass;
use crate::report::{Events, units};

/// The passes of a run that have operations: name, and sums.
fn passes(events: &Events<'_>) -> Vec<(String, Pass)> {
    let mut passes = Vec::new();
    for phase in [Phase::Prefill, Phase::Decode] {
        for path in ["naive", "optimized"] {
            if let Some(pass) = Pass::of(events, path, phase) {
                passes.push((format!("{path}, {}", phase.name()), pass));
            }
        }
    }
    passes
}

/// 3: stacked shares, since the two paths differ by a hundredfold; the times stand in the names.
pub(super) fn by_group(events: &Events<'_>) -> Option<Chart> {
    let passes = passes(events);
    if passes.is_empty() {
        return None;
    }
    let mut bases = vec![0.0; passes.len()];
    let mut chart = Chart {
        x: Axis::named("", passes.iter().map(|(name, _)| name.clone()).collect()),
        y: Axis::linear("share of the time of a token", "").from(0.0, 1.0),
        statistic: "sum over the operations of all recorded steps, per token".into(),
        n: passes.iter().map(|(_, pass)| pass.steps).sum(),
        source: "op".into(),
        columns: columns(["path, phase", "part", "time per token, ms", "share, %"]),
        ..Chart::default()
    };
    for group in Group::ALL {
        let mut points = Vec::new();
        for (i, (name, pass)) in passes.iter().enumerate() {
            let Some(part) = pass.groups.iter().find(|part| part.name == group.name()) else { continue };
            let share = part.ns / pass.total.ns.max(1e-9);
            let text = format!("{name}, {}: {}, {}", words(&part.name), units::time(part.ns), units::percent(share));
            let point = Point { low: Some(bases[i]), ..Point::at(i as f64, bases[i] + share) };
            points.push(point.saying(text));
            bases[i] += share;
            chart.rows.push(vec![name.clone(), words(&part.name), cell(part.ns / 1e6), cell(100.0 * share)]);
        }
        chart.series.push(Series::new(words(group.name()), Mark::Bar, points));
    }
    Some(chart)
}

/// 4: one row a thread; work and waiting.
pub(super) fn threads(events: &Events<'_>) -> Option<Chart> {
    let first = events.spans.iter().map(|span| span.t0).min()?;
    let n_threads = events.spans.iter().map(|span| span.thr + 1).max()?;
    let mut work: Vec<Series> = Vec::new();
    let mut waits = Vec::new();
    let mut sums = vec![(0.0, 0.0); n_threads];
    for span in &events.spans {
        let group = events.ops.iter().find(|op| op.op == span.op).map_or("other".to_owned(), |op| words(&op.group));
        let (from, to) = ((span.t0 - first) as f64 / 1e9, (span.t0 - first + span.dt_ns) as f64 / 1e9);
        let worked = to - span.wait_ns as f64 / 1e9;
        let block = span.layer.map_or(String::new(), |layer| format!(", block {layer}"));
        let text = format!("{}{block}: {}", span.op, units::time((span.dt_ns - span.wait_ns.min(span.dt_ns)) as f64));
        let point = Point { high: Some(worked), ..Point::at(from, span.thr as f64) }.saying(text);
        match work.iter_mut().find(|series| series.name == group) {
            Some(series) => series.points.push(point),
            None => work.push(Series::new(group, Mark::Span, vec![point])),
        }
        if span.wait_ns > 0 {
            let point = Point { high: Some(to), ..Point::at(worked, span.thr as f64) };
            waits.push(point.saying(format!("waits {}", units::time(span.wait_ns as f64))));
        }
        sums[span.thr].0 += worked - from;
        sums[span.thr].1 += span.wait_ns as f64 / 1e9;
    }
    let end = events.spans.iter().map(|span| span.t0 - first + span.dt_ns).max()? as f64 / 1e9;
    if !waits.is_empty() {
        work.push(Series::new("waits within a job", Mark::Span, waits));
    }
    let busy = sums.iter().map(|(work, _)| work / end).sum::<f64>() / n_threads as f64;
    Some(Chart {
        x: Axis::linear("time in the step", "s"),
        y: Axis::named("", (0..n_threads).map(|thread| format!("thread {thread}")).collect()),
        series: work,
        statistic: "every job of one decode step; between two jobs a thread waits or the first one works alone".into(),
        n: events.spans.len(),
        source: "span".into(),
        notes: vec![format!("The threads work during {} of the step.", units::percent(busy))],
        columns: columns(["thread", "works, µs", "waits within jobs, µs", "of the step, %"]),
        rows: (0..n_threads)
            .map(|i| vec![i.to_string(), cell(1e6 * sums[i].0), cell(1e6 * sums[i].1), cell(100.0 * sums[i].0 / end)])
            .collect(),
        ..Chart::default()
    })
}

/// 9: every decode step.
pub(super) fn latency(events: &Events<'_>) -> Option<Chart> {
    let mut chart = Chart {
        x: Axis::linear("position", ""),
        y: Axis::log("time of the step", "s"),
        statistic: "every decode step, under an observer".into(),
        source: "step".into(),
        columns: columns(["path", "position", "time, ms"]),
        ..Chart::default()
    };
    for path in ["naive", "optimized"] {
        let steps = events.steps.iter().filter(|s| s.path == path && s.phase == Phase::Decode && s.dt_ns > 0);
        let points: Vec<Point> = steps
            .map(|step| {
                chart.rows.push(vec![path.to_owned(), step.pos.to_string(), cell(step.dt_ns as f64 / 1e6)]);
                let text = format!("{path}, position {}: {}", step.pos, units::time(step.dt_ns as f64));
                Point { size: 0.03, ..Point::at(step.pos as f64, step.dt_ns as f64 / 1e9) }.saying(text)
            })
            .collect();
        chart.n += points.len();
        if !points.is_empty() {
            chart.series.push(Series::new(path, Mark::Dot, points));
        }
    }
    (chart.n > 0).then_some(chart)
}

/// 14: operations above the diagonal take longer than the roofs allow.
pub(super) fn predicted(events: &Events<'_>) -> Option<Chart> {
    let mut chart = Chart {
        x: Axis::log("time that the roofs allow, per token", "s"),
        y: Axis::log("time measured, per token", "s"),
        statistic: "sum over all blocks and recorded steps, per token; the predicted time is the longer one of reading and arithmetic".into(),
        source: "op, ceiling".into(),
        columns: columns(["phase", "operation", "predicted, µs", "measured, µs", "measured / predicted"]),
        ..Chart::default()
    };
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for phase in [Phase::Prefill, Phase::Decode] {
        let Some(pass) = Pass::of(events, "optimized", phase) else { continue };
        let mut points = Vec::new();
        for part in &pass.ops {
            let Some(roof) = part.roof_ns.filter(|&roof| roof > 0.0 && part.ns > 0.0) else { continue };
            let text = format!("{}, {}: {} for {}", part.name, phase.name(), units::time(part.ns), units::time(roof));
            points.push(Point { size: 0.1, ..Point::at(roof / 1e9, part.ns / 1e9) }.saying(text));
            (low, high) = (low.min(roof.min(part.ns) / 1e9), high.max(roof.max(part.ns) / 1e9));
            chart.rows.push(vec![
                phase.name().into(),
                part.name.clone(),
                cell(roof / 1e3),
                cell(part.ns / 1e3),
                cell(part.ns / roof),
            ]);
        }
        chart.n += points.len();
        chart.series.push(Series::new(phase.name(), Mark::Dot, points));
    }
    if chart.n == 0 {
        return None;
    }
    let line = [Point::at(low, low), Point::at(high, high)].to_vec();
    chart.series.insert(0, Series::new("as predicted", Mark::Limit, line));
    Some(chart)
}
