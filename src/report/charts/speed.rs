//! Charts of speeds without an observer: by length, threads, kernels; and what observers cost.

use super::{cell, columns};
use crate::measure::record::schema::BenchRecord;
use crate::measure::statistics::{bootstrap_95, median};
use crate::report::Events;
use crate::report::chart::{Axis, Chart, Mark, Point, Series};
use crate::report::units;
use std::collections::BTreeMap;

/// The number in `pp512`.
fn length(test: &str) -> Option<f64> {
    test.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()
}

/// Speeds of prompts of growing length on the optimized path.
fn prompts<'a>(events: &Events<'a>) -> Vec<(f64, &'a BenchRecord)> {
    let mut found: Vec<(f64, &BenchRecord)> = events
        .benches
        .iter()
        .filter(|b| b.path == "optimized" && b.rung.is_empty() && b.observer == "off" && b.test.starts_with("pp"))
        .filter_map(|bench| Some((length(&bench.test)?, *bench)))
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found
}

fn with_interval(x: f64, samples: &[f64]) -> Point {
    let [low, high] = bootstrap_95(samples);
    let interval = samples.len() > 2 && low.is_finite() && high.is_finite();
    Point { low: interval.then_some(low), high: interval.then_some(high), size: 0.1, ..Point::at(x, median(samples)) }
}

/// 10: seconds until the first token.
pub(super) fn first_token(events: &Events<'_>) -> Option<Chart> {
    let prompts = prompts(events);
    let seconds = |n: f64, bench: &BenchRecord| -> Vec<f64> { bench.tokens_per_second.iter().map(|s| n / s).collect() };
    let points = prompts.iter().map(|(n, bench)| {
        let point = with_interval(*n, &seconds(*n, bench));
        let text = format!("{} tokens: {}", cell(*n), units::time(1e9 * point.y));
        point.saying(text)
    });
    let points: Vec<Point> = points.collect();
    (!points.is_empty()).then(|| Chart {
        x: Axis::log("tokens of the prompt", ""),
        y: Axis::log("time to the first token", "s"),
        rows: points.iter().map(|p| vec![cell(p.x), cell(1e3 * p.y), cell(1e3 * p.y / p.x)]).collect(),
        n: prompts.iter().map(|(_, bench)| bench.tokens_per_second.len()).sum(),
        series: vec![Series::new("optimized", Mark::Dot, points)],
        statistic: "median and 95 % bootstrap interval, without an observer".into(),
        source: "bench".into(),
        columns: columns(["tokens", "time, ms", "time of a token, ms"]),
        ..Chart::default()
    })
}

/// 11: tokens per second by tokens in a pass.
pub(super) fn batch(events: &Events<'_>) -> Option<Chart> {
    let prompts = prompts(events);
    let points: Vec<Point> = prompts
        .iter()
        .map(|(n, bench)| {
            let point = with_interval(*n, &bench.tokens_per_second);
            let text = format!("{} tokens in a pass: {} tokens/s", cell(*n), cell(point.y));
            point.saying(text)
        })
        .collect();
    (!points.is_empty()).then(|| Chart {
        x: Axis::log("tokens in a pass", ""),
        y: Axis::log("tokens per second", ""),
        rows: points.iter().map(|p| vec![cell(p.x), cell(p.y), cell(p.y / points[0].y)]).collect(),
        n: prompts.iter().map(|(_, bench)| bench.tokens_per_second.len()).sum(),
        series: vec![Series::new("optimized", Mark::Dot, points.clone())],
        statistic: "median and 95 % bootstrap interval, without an observer".into(),
        source: "bench".into(),
        columns: columns(["tokens in a pass", "tokens/s", "times one token"]),
        ..Chart::default()
    })
}

/// Rungs in their order, without those that serve other purposes.
fn rungs<'a>(events: &Events<'a>, prefix: &str) -> Vec<&'a BenchRecord> {
    let other = ["", "between", "A", "A again"];
    events.benches.iter().copied().filter(|b| !other.contains(&&*b.rung) && b.test.starts_with(prefix)).collect()
}

fn rung_name(bench: &BenchRecord) -> String {
    let rung = if bench.rung == "threads" { &bench.kernels } else { &bench.rung };
    if bench.threads > 1 { format!("{rung}, {} threads", bench.threads) } else { rung.to_string() }
}

/// 12: times as fast as the first rung.
pub(super) fn ladder(events: &Events<'_>) -> Option<Chart> {
    let tests = [("pp", "prompt"), ("tg", "decoding")].map(|(prefix, name)| (name, rungs(events, prefix)));
    let names: Vec<String> =
        tests.iter().max_by_key(|(_, rungs)| rungs.len())?.1.iter().map(|b| rung_name(b)).collect();
    let mut chart = Chart {
        y: Axis::log("times as fast as the first", ""),
        statistic: "ratio of medians, without an observer".into(),
        source: "bench".into(),
        columns: columns(["test", "rung", "tokens/s", "times the first"]),
        ..Chart::default()
    };
    for (test, rungs) in tests {
        let Some(first) = rungs.first().map(|bench| median(&bench.tokens_per_second)) else { continue };
        let mut points = Vec::new();
        for bench in rungs {
            let (speed, name) = (median(&bench.tokens_per_second), rung_name(bench));
            let Some(place) = names.iter().position(|of| *of == name) else { continue };
            chart.n += bench.tokens_per_second.len();
            chart.rows.push(vec![bench.test.clone(), name.clone(), cell(speed), cell(speed / first)]);
            let text = format!("{} {name}: {} tokens/s, {} times", bench.test, cell(speed), cell(speed / first));
            points.push(Point { size: 0.15, ..Point::at(place as f64, speed / first) }.saying(text));
        }
        chart.series.push(Series::new(test, Mark::Dot, points));
    }
    chart.x = Axis::named("", names);
    (chart.n > 0).then_some(chart)
}

/// 13: speed by threads, of every test that was run on one thread and on more.
pub(super) fn scaling(events: &Events<'_>) -> Option<Chart> {
    let mut chart = Chart {
        x: Axis::linear("threads", ""),
        y: Axis::linear("times as fast as one thread", ""),
        statistic: "ratio of medians, without an observer; the line is a perfect gain".into(),
        source: "bench".into(),
        columns: columns(["test", "threads", "tokens/s", "times one thread"]),
        ..Chart::default()
    };
    let mut tests: BTreeMap<&str, BTreeMap<usize, &BenchRecord>> = BTreeMap::new();
    for &bench in &events.benches {
        let plain = bench.path == "optimized" && bench.observer == "off" && bench.kernels == events.run.kernels;
        if plain && bench.depth == 0 && !["between", "A", "A again"].contains(&&*bench.rung) {
            tests.entry(&bench.test).or_default().insert(bench.threads, bench);
        }
    }
    let mut most = 1;
    for (test, by_threads) in tests {
        let (Some(one), true) = (by_threads.get(&1), by_threads.len() > 1) else { continue };
        let one = median(&one.tokens_per_second);
        let mut points = Vec::new();
        for (threads, bench) in by_threads {
            let speed = median(&bench.tokens_per_second);
            most = most.max(threads);
            chart.n += bench.tokens_per_second.len();
            chart.rows.push(vec![test.to_owned(), threads.to_string(), cell(speed), cell(speed / one)]);
            let text = format!("{test}, {threads} threads: {} times", cell(speed / one));
            points.push(Point::at(threads as f64, speed / one).saying(text));
        }
        chart.series.push(Series::new(test, Mark::Line, points));
    }
    let most = most as f64;
    chart.series.insert(0, Series::new("perfect", Mark::Limit, vec![Point::at(1.0, 1.0), Point::at(most, most)]));
    (chart.n > 0).then_some(chart)
}

/// 31: speed under each observer, as a share of the speed without one.
pub(super) fn observer(events: &Events<'_>) -> Option<Chart> {
    let candidates = || {
        events
            .benches
            .iter()
            .copied()
            .filter(|b| b.path == "optimized" && b.rung.is_empty() && b.test.starts_with("tg"))
    };
    // A run may have several thread counts and depths: those of the first that was watched.
    let watched = candidates().find(|bench| bench.observer != "off")?;
    let same = |b: &&BenchRecord| (&b.test, b.threads, b.depth) == (&watched.test, watched.threads, watched.depth);
    let tests: Vec<&BenchRecord> = candidates().filter(same).collect();
    let off = tests.iter().find(|bench| bench.observer == "off")?;
    let base = median(&off.tokens_per_second);
    let mut chart = Chart {
        x: Axis::named("", tests.iter().map(|bench| bench.observer.to_string()).collect()),
        y: Axis::linear("share of the speed without an observer", ""),
        statistic:
            "median and 95 % bootstrap interval of the ratios to the run beside it without an observer, or to the \
            median of those runs where the numbers of runs differ"
                .into(),
        n: tests.iter().map(|bench| bench.tokens_per_second.len()).sum(),
        source: "bench".into(),
        columns: columns(["observer", "tokens/s", "share, %"]),
        ..Chart::default()
    };
    let mut points = Vec::new();
    for (i, bench) in tests.iter().enumerate() {
        let (speeds, without) = (&bench.tokens_per_second, &off.tokens_per_second);
        let beside =
            |i: usize| if speeds.len() == without.len() && bench.observer != "off" { without[i] } else { base };
        let shares: Vec<f64> = speeds.iter().enumerate().map(|(i, speed)| speed / beside(i)).collect();
        let point = with_interval(i as f64, &shares);
        chart.rows.push(vec![bench.observer.to_string(), cell(median(speeds)), cell(100.0 * point.y)]);
        let text = format!("{}: {}", bench.observer, units::percent(point.y));
        points.push(point.saying(text));
    }
    chart.series = vec![Series::new("optimized", Mark::Dot, points)];
    Some(chart)
}
