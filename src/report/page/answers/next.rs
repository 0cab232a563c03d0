//! What to try next, computed from the run: each suggestion says what it could gain at most.

use super::Answer;
use super::time::decode_bench;
use crate::measure::statistics::median;
use crate::observe::Phase;
use crate::report::page::facts::largest_drift;
use crate::report::page::summary::{Bound, Pass, crossover};
use crate::report::units::{count, number, percent};
use crate::report::{Events, noise};

/// Bits of a weight in the smallest format that is proposed: `q4_0`, 18 bytes for 32 weights.
const SMALL_BITS: f64 = 4.5;
/// A gain below this is not worth a sentence.
const LEAST_GAIN: f64 = 1.05;

/// What to try next?
pub fn next(events: &Events<'_>) -> Answer {
    let decode = Pass::of(events, "optimized", Phase::Decode);
    let sentences: Vec<String> = [
        again(events),
        wrong(events),
        decode.as_ref().and_then(|pass| smaller_format(events, pass)),
        threads(events),
        decode.as_ref().and_then(slowest_operation),
        decode.as_ref().and_then(between_operations),
        waiting(events),
        long_context(events),
    ]
    .into_iter()
    .flatten()
    .collect();
    if sentences.is_empty() {
        return Answer::missing("This run has too little data to suggest anything.");
    }
    Answer::of(sentences)
}

/// Numbers that cannot be trusted come first.
fn again(events: &Events<'_>) -> Option<String> {
    if !events.is_complete() {
        return Some("Record the run again, to its end: it was interrupted.".to_owned());
    }
    let drift = largest_drift(events).filter(|drift| drift.is_large())?;
    Some(format!("Record the run again on a quiet machine: the ceiling `{}` changed by more than 10 %.", drift.what))
}

fn wrong(events: &Events<'_>) -> Option<String> {
    let first =
        events.diffs.iter().filter(|diff| !diff.passed).min_by_key(|diff| (diff.mode != "locked", diff.index))?;
    Some(format!(
        "Find out why `{}` (operation `{}`) is out of budget before making anything faster.",
        first.hook, first.op
    ))
}

/// Where reading is the limit, fewer bytes a weight are the gain.
fn smaller_format(events: &Events<'_>, pass: &Pass) -> Option<String> {
    let limit = pass.limit()?;
    if limit.nearest != Bound::Reading {
        return None;
    }
    let reached = format!("Decode runs at {} of the machine's reading speed", percent(limit.share));
    let model = &events.run.model;
    let bits = model.file_bytes as f64 * 8.0 / model.parameters.max(1) as f64;
    let smaller = pass.total.bytes - pass.weight_bytes * (1.0 - SMALL_BITS / bits).max(0.0);
    let gain = pass.total.bytes / smaller.max(1.0);
    Some(match limit.by {
        Bound::Neither => {
            format!("{reached}: kernels that waste less would gain up to {} times.", number(1.0 / limit.share))
        }
        _ if gain >= LEAST_GAIN => format!(
            "{reached}: better kernels give at most {} times; a format of {SMALL_BITS} bits a weight (now {}) would read {} less, at most {} times as fast.",
            number((1.0 / limit.share).max(1.0)),
            number(bits),
            percent(1.0 - smaller / pass.total.bytes),
            number(gain)
        ),
        _ => format!(
            "{reached}, and the weights already take {} bits each: only a smaller model, or several tokens a pass, would be faster.",
            number(bits)
        ),
    })
}

/// Another number of threads that is faster than noise.
fn threads(events: &Events<'_>) -> Option<String> {
    let used = decode_bench(events)?;
    let speed = |samples: &[f64]| median(samples);
    let same = |bench: &&&crate::measure::record::schema::BenchRecord| {
        (&bench.path, &bench.test, bench.depth, &bench.rung, &bench.observer)
            == (&used.path, &used.test, used.depth, &used.rung, &used.observer)
    };
    let best = events
        .benches
        .iter()
        .filter(same)
        .max_by(|a, b| speed(&a.tokens_per_second).total_cmp(&speed(&b.tokens_per_second)))?;
    let gain = speed(&best.tokens_per_second) / speed(&used.tokens_per_second);
    let noise = noise::floor_of(events.benches.iter().copied()).unwrap_or(0.0);
    (best.threads != used.threads && gain > (1.0 + noise).max(LEAST_GAIN)).then(|| {
        format!(
            "Run it with {} threads: decode was {} times as fast as with {}.",
            best.threads,
            number(gain),
            used.threads
        )
    })
}

/// The operation that loses the most time above its roof.
fn slowest_operation(pass: &Pass) -> Option<String> {
    let lost = |part: &crate::report::page::summary::Part| part.roof_ns.map_or(0.0, |roof| part.ns - roof);
    let op = pass.ops.iter().max_by(|a, b| lost(a).total_cmp(&lost(b)))?;
    let gain = pass.ns / (pass.ns - lost(op)).max(1.0);
    (gain >= LEAST_GAIN).then(|| {
        format!(
            "Look at `{}`: in decode it runs at {} of what the roofline allows; at all of it, a token would be {} times as fast.",
            op.name,
            percent(op.roof_ns.unwrap_or(0.0) / op.ns),
            number(gain)
        )
    })
}

fn between_operations(pass: &Pass) -> Option<String> {
    let rest = pass.between();
    (rest > 0.1)
        .then(|| format!("{} of decode lies between the operations: look at what the path does there.", percent(rest)))
}

fn waiting(events: &Events<'_>) -> Option<String> {
    let busy: u64 = events.spans.iter().map(|span| span.dt_ns).sum();
    let waited: u64 = events.spans.iter().map(|span| span.wait_ns).sum();
    let share = waited as f64 / busy.max(1) as f64;
    (share > 0.1)
        .then(|| format!("Threads wait for each other {} of the time: look at how work is divided.", percent(share)))
}

fn long_context(events: &Events<'_>) -> Option<String> {
    let at = crossover(events)?;
    (at <= events.run.model.n_ctx as f64).then(|| {
        format!(
            "For contexts beyond {} tokens, make attention faster first: it then takes more operations than the matrices.",
            count(at.ceil() as u64)
        )
    })
}
