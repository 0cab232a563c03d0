//! The trust block: what a reader must know before believing a number.
//!
//! What it deliberately does not do: judge. [`super::answers`] says how far the numbers can be trusted.

use super::summary::{Drift, drifts};
use crate::measure::statistics::median;
use crate::report::units::{bytes, count, number, percent, plural, scaled, time};
use crate::report::{Events, noise};
use serde::Serialize;

/// A name and a value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// What.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether it is a reason not to trust the numbers.
    pub bad: bool,
}

fn fact(name: impl Into<String>, value: impl Into<String>) -> Fact {
    Fact { name: name.into(), value: value.into(), bad: false }
}

/// What could not be found out.
const UNKNOWN: &str = "unknown";

/// Everything about a run that its numbers depend on.
pub fn facts(events: &Events<'_>) -> Vec<Fact> {
    [machine(events), program(events), model(events), measurement(events)].concat()
}

fn machine(events: &Events<'_>) -> Vec<Fact> {
    let machine = &events.run.machine;
    let caches = machine.caches.iter().map(|cache| format!("L{} {}", cache.level, binary(cache.bytes)));
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let mut facts = vec![
        fact("Processor", format!("{}, {}", known(&machine.cpu), plural(machine.cores, "core"))),
        fact(
            "Virtual machine",
            if machine.virtual_machine { "yes: others on its host may slow it down" } else { "no" },
        ),
        fact("Caches", caches.collect::<Vec<_>>().join(", ")),
        fact("Memory", machine.memory_bytes.map_or(UNKNOWN.to_owned(), binary)),
        fact("System", format!("{} {}, {}", machine.system, known(&machine.kernel), machine.architecture)),
        fact("Huge pages", known(&machine.huge_pages)),
    ];
    let busy = machine.load_average.is_some_and(|load| load > machine.cores as f64);
    let load = machine.load_average.map_or(UNKNOWN.to_owned(), number);
    facts.push(Fact { bad: busy, ..fact("Load average before the run", load) });
    facts.retain(|fact| !fact.value.is_empty());
    facts
}

/// Powers of 1024, as memory is sold.
fn binary(n: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let (unit, name) = units.into_iter().find(|&(unit, _)| n >= unit).unwrap_or((1, "B"));
    format!("{} {name}", number(n as f64 / unit as f64))
}

fn program(events: &Events<'_>) -> Vec<Fact> {
    let run = events.run;
    let commit = match (&run.commit, run.dirty) {
        (None, _) => UNKNOWN.to_owned(),
        (Some(commit), Some(true)) => format!("{commit}, and changes that are not committed"),
        (Some(commit), Some(false)) => commit.clone(),
        (Some(commit), None) => format!("{commit}; whether it was changed is unknown"),
    };
    vec![
        fact("Cutaway", &*run.program),
        Fact { bad: run.dirty == Some(true), ..fact("Commit", commit) },
        fact("Instructions used", &*run.kernels),
        fact("Threads", count(run.threads as u64)),
        fact("Activations", format!("rounded to {} bits before matrices", run.act_bits)),
        fact("Keys and values", format!("{} and {}", run.kv[0], run.kv[1])),
        fact("Sampler", run.samplers.join(" → ")),
        fact("Seed", run.seed.map_or("none".to_owned(), |seed| seed.to_string())),
        fact("Recorded", date(run.unix_seconds)),
    ]
}

/// `2026-12-01 10:15 UTC`. (Howard Hinnant, "chrono-compatible low-level date algorithms".)
fn date(unix_seconds: u64) -> String {
    let (days, seconds) = (unix_seconds / 86_400 + 719_468, unix_seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153; // months since March
    let (d, m) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let y = year + era * 400 + u64::from(m <= 2);
    format!("{y}-{m:02}-{d:02} {:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60)
}

fn model(events: &Events<'_>) -> Vec<Fact> {
    let model = &events.run.model;
    let total = model.formats.iter().map(|(_, n)| n).sum::<u64>().max(1) as f64;
    let formats = model.formats.iter().map(|(format, n)| format!("{format} {}", percent(*n as f64 / total)));
    vec![
        fact("Model", format!("{} ({})", model.name, model.architecture)),
        fact("Model SHA-256", model.sha256.clone().unwrap_or_else(|| UNKNOWN.to_owned())),
        fact("File", format!("{}, {} parameters", bytes(model.file_bytes as f64), count(model.parameters))),
        fact("Formats, by parameters", formats.collect::<Vec<_>>().join(", ")),
        fact(
            "Shape",
            format!(
                "{} blocks of width {}, {} heads of queries, {} of keys and values, {} tokens in the vocabulary, {} positions",
                model.n_layer,
                count(model.n_embd as u64),
                model.n_head,
                model.n_head_kv,
                count(model.n_vocab as u64),
                count(model.n_ctx as u64)
            ),
        ),
    ]
}

fn measurement(events: &Events<'_>) -> Vec<Fact> {
    let mut facts = vec![fact("Reading the clock", time(events.run.timer_ns))];
    for drift in drifts(events) {
        let unit = if drift.what.starts_with("read") || drift.what.starts_with("sweep") { "B/s" } else { "OP/s" };
        let (before, after) = (scaled(drift.before, unit), scaled(drift.after, unit));
        let value = format!("{before} before the run, {after} after it ({})", signed(drift.change()));
        facts.push(Fact { bad: drift.is_large(), ..fact(format!("Ceiling: {}", drift.what), value) });
    }
    if let Some(found) = front_end(events) {
        let busy = found < SHARED;
        let means = if busy { "something else runs on this core" } else { "this core was the run's own" };
        facts.push(Fact { bad: busy, ..fact("Instructions taken in a cycle", format!("{found:.1}: {means}")) });
    }
    let noise = noise::floor_of(events.benches.iter().copied());
    let noise =
        noise.map_or(UNKNOWN.to_owned(), |noise| format!("{}: smaller differences mean nothing", percent(noise)));
    facts.push(fact("Noise floor (the same against the same)", noise));
    for drop in &events.drops {
        let value =
            format!("{} of the kind {} did not fit into the buffer and are missing here", count(drop.count), drop.what);
        facts.push(Fact { bad: true, ..fact("Dropped events", value) });
    }
    let complete = events.is_complete();
    facts.push(Fact {
        bad: !complete,
        ..fact("Complete", if complete { "yes" } else { "no: the run was interrupted" })
    });
    facts
}

/// Fewer instructions a cycle than this: a busy hardware thread shares the core. Alone, processors of the last years take in
/// six or more; beside a busy neighbour, about half.
const SHARED: f64 = 3.6;

/// Instructions that a core took in a cycle: the smaller median of before and after.
fn front_end(events: &Events<'_>) -> Option<f64> {
    let medians = events.ceilings.iter().filter(|c| c.what == "front_end").map(|c| median(&c.per_second));
    medians.min_by(f64::total_cmp)
}

/// `+2.1 %`, `-12 %`.
pub fn signed(share: f64) -> String {
    format!("{}{}", if share >= 0.0 { "+" } else { "" }, percent(share))
}

/// The largest change of a ceiling.
pub fn largest_drift(events: &Events<'_>) -> Option<Drift> {
    drifts(events).into_iter().max_by(|a, b| a.change().abs().total_cmp(&b.change().abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let dates = [0, 951_827_696, 1_780_000_000, 4_102_444_799].map(date);
        assert_eq!(
            dates,
            ["1970-01-01 00:00 UTC", "2000-02-29 12:34 UTC", "2026-05-28 20:26 UTC", "2099-12-31 23:59 UTC"]
        );
    }
}
