//! How far the numbers can be trusted, and whether the two paths agree.

use super::Answer;
use crate::measure::record::schema::{BenchRecord, DiffRecord};
use crate::measure::statistics::median;
use crate::report::page::facts::{largest_drift, signed};
use crate::report::units::{count, number, percent, plural};
use crate::report::{Events, noise};

/// May these numbers be trusted?
pub fn trust(events: &Events<'_>) -> Answer {
    let mut sentences = Vec::new();
    let noise = noise::floor_of(events.benches.iter().copied());
    let drift = largest_drift(events);
    sentences.push(match (&noise, &drift) {
        (Some(noise), Some(drift)) => format!(
            "The same program differs from itself by up to {}, and the machine's ceilings changed by {} or less during the run.",
            percent(*noise),
            percent(drift.change().abs())
        ),
        (Some(noise), None) => format!("The same program differs from itself by up to {}; no ceiling was measured before and after the run.", percent(*noise)),
        (None, Some(drift)) => format!("The machine's ceilings changed by {} or less during the run; how far the same program differs from itself was not measured.", percent(drift.change().abs())),
        (None, None) => "This run has neither repeated measurements nor ceilings: take its times as a hint only.".to_owned(),
    });
    if let Some(drift) = drift.filter(|drift| drift.is_large()) {
        sentences.push(format!(
            "The ceiling `{}` changed by {}: shares of it mean little; measure again on a quiet machine.",
            drift.what,
            signed(drift.change())
        ));
    }
    if events.run.dirty == Some(true) {
        sentences.push(
            "The source had changes that are not in the commit: nobody else can repeat this run exactly.".to_owned(),
        );
    }
    Answer::of(sentences)
}

/// The comparisons, those out of budget first, then by their share of the budget.
pub fn worst_first<'a>(events: &Events<'a>) -> Vec<&'a DiffRecord> {
    let mut diffs = events.diffs.clone();
    diffs.sort_by(|a, b| a.passed.cmp(&b.passed).then(share(b).total_cmp(&share(a))));
    diffs
}

/// The share of the budget that is used up. A value that is not a number is the worst.
fn share(diff: &DiffRecord) -> f64 {
    let share = diff.rel_rms / diff.budget;
    if share.is_nan() { f64::INFINITY } else { share }
}

/// Does the optimized path compute what the naive one does?
pub fn equal(events: &Events<'_>) -> Answer {
    let worst = worst_first(events);
    let Some(furthest) = worst.first() else {
        return Answer::missing("The two paths were not compared in this run.");
    };
    let failed = events.diffs.iter().filter(|diff| !diff.passed).count();
    let n = events.diffs.len();
    let used = percent(share(furthest));
    let lead = match failed {
        0 => format!(
            "Yes: all {} are within what rounding allows; the furthest is `{}` (operation `{}`), at {} or {used} of its budget.",
            plural(n, "compared value"),
            furthest.hook,
            furthest.op,
            number(furthest.rel_rms)
        ),
        _ => format!(
            "No: {} of {} are out of budget; the furthest is `{}` (operation `{}`), at {} where {} is allowed.",
            count(failed as u64),
            plural(n, "compared value"),
            furthest.hook,
            furthest.op,
            number(furthest.rel_rms),
            number(furthest.budget)
        ),
    };
    let mut sentences = vec![lead];
    let first = events.diffs.iter().filter(|diff| !diff.passed).min_by_key(|diff| (diff.mode != "locked", diff.index));
    sentences.extend(first.map(|first| {
        format!(
            "The first one in the order of computation is `{}` ({}): look at operation `{}`.",
            first.hook, first.mode, first.op
        )
    }));
    sentences.push(
        "The number is the relative difference: the root of the mean squared difference over that of the naive values."
            .to_owned(),
    );
    Answer::of(sentences)
}

/// Does watching change what is watched?
pub fn measurement(events: &Events<'_>) -> Answer {
    let mut sentences = Vec::new();
    for watched in events.benches.iter().filter(|bench| bench.observer != "off") {
        let same = |off: &&&BenchRecord| {
            off.observer == "off"
                && (&off.path, &off.test, off.depth, off.threads, &off.rung)
                    == (&watched.path, &watched.test, watched.depth, watched.threads, &watched.rung)
        };
        let Some(off) = events.benches.iter().find(same) else { continue };
        let cost = median(&off.tokens_per_second) / median(&watched.tokens_per_second) - 1.0;
        if cost.is_finite() {
            let longer = if cost >= 0.0 { "more" } else { "less" };
            sentences.push(format!(
                "Under the observer `{}` a token takes {} {longer} time than unwatched (`{}`).",
                watched.observer,
                percent(cost.abs()),
                watched.test
            ));
        }
    }
    if sentences.is_empty() {
        return Answer::missing("What watching costs was not measured in this run.");
    }
    if let Some(noise) = noise::floor_of(events.benches.iter().copied()) {
        sentences.push(format!("Differences below {} mean nothing on this machine.", percent(noise)));
    }
    Answer::of(sentences)
}
