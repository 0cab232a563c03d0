//! Two recorded runs side by side: test by test and part by part, which is faster, and whether the difference can be told
//! from noise.
//!
//! Look first at [`compare`], then at [`Verdict`]. A factor is the speed of run B over that of run A: above 1, B is faster.
//! Its interval comes from the bootstrap: over pairs where both runs have as many samples, else over each run by itself.
//! [`same`] decides what may be compared; [`html`] makes a page of the result.
//!
//! What it deliberately does not do: correct for different machines. Such runs are refused.

mod factor;
mod html;
mod same;

pub use factor::{Factor, Verdict};
pub use html::html;
pub use same::{Difference, differences};

use super::{Events, noise};
use crate::measure::record::schema::{Name, Record};
use crate::observe::Phase;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Why two runs are not compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// Nothing says what ran.
    #[error("the records of run {run} have no `run` event: expected it as the first, it says what ran and where")]
    NoRun {
        /// A or B.
        run: char,
    },
    /// They differ in more than speed.
    #[error("the runs cannot be compared: {}", listed(.0))]
    Different(Vec<Difference>),
    /// No test and no operation is in both.
    #[error(
        "the runs have no test and no operation in common: expected `bench` or `op` events of the same path in both"
    )]
    NothingInCommon,
}

fn listed(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Two runs, compared.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// In what they differ that makes a comparison doubtful; empty unless it was forced.
    pub differences: Vec<Difference>,
    /// No smaller difference is believed, as a share: the larger noise floor of both runs. `None`: not measured.
    pub noise_floor: Option<f64>,
    /// Tests of `bench`, without an observer.
    pub tests: Vec<TestFactor>,
    /// Parts of the model, from watched operations.
    pub parts: Vec<PartFactor>,
}

/// A test in both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestFactor {
    /// What was timed.
    #[serde(flatten)]
    pub test: TestKey,
    /// Which is faster. Samples are tokens per second.
    #[serde(flatten)]
    pub factor: Factor,
}

/// Which test.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TestKey {
    /// `naive` or `optimized`.
    pub path: Name,
    /// `pp512`, `tg128`.
    pub test: String,
    /// Tokens before it.
    pub depth: usize,
    /// Threads.
    pub threads: usize,
    /// Rung of a ladder, or empty.
    pub rung: Name,
}

/// A part of the model in both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartFactor {
    /// `naive` or `optimized`.
    pub path: Name,
    /// Prompt or generated tokens.
    pub phase: Phase,
    /// `attention`, `feed_forward`.
    pub part: Name,
    /// Which is faster. Samples are tokens per second of each step, if only this part took time.
    #[serde(flatten)]
    pub factor: Factor,
}

/// Compares run B with run A.
///
/// # Errors
/// If a run does not say what ran; if model, prompt or processor differ and it is not `forced`; if nothing is in both.
pub fn compare(a: &[Record], b: &[Record], forced: bool) -> Result<Comparison, CompareError> {
    let a = Events::of(a).ok_or(CompareError::NoRun { run: 'A' })?;
    let b = Events::of(b).ok_or(CompareError::NoRun { run: 'B' })?;
    let differences = same::differences(a.run, b.run);
    if !differences.is_empty() && !forced {
        return Err(CompareError::Different(differences));
    }
    let floors = [&a, &b].map(|events| noise::floor_of(events.benches.iter().copied()));
    let noise_floor = floors.into_iter().flatten().reduce(f64::max);
    let tests = in_both(tests(&a), tests(&b))
        .map(|(test, a, b)| TestFactor { test, factor: Factor::of(a, b, noise_floor) })
        .collect();
    let parts = in_both(parts(&a), parts(&b))
        .map(|((path, phase, part), a, b)| PartFactor { path, phase, part, factor: Factor::of(a, b, noise_floor) })
        .collect();
    let comparison = Comparison { differences, noise_floor, tests, parts };
    if comparison.tests.is_empty() && comparison.parts.is_empty() {
        return Err(CompareError::NothingInCommon);
    }
    Ok(comparison)
}

impl Comparison {
    /// How many of the tests (of the parts, where no test is in both) have each verdict, in a sentence.
    pub fn summary(&self) -> String {
        let (what, verdicts): (_, Vec<Verdict>) = match self.tests.is_empty() {
            false => ("tests", self.tests.iter().map(|test| test.factor.verdict).collect()),
            true => ("parts of the model", self.parts.iter().map(|part| part.factor.verdict).collect()),
        };
        let with = |verdict| verdicts.iter().filter(|&&found| found == verdict).count();
        let unclear = with(Verdict::NoDifference) + with(Verdict::TooFewSamples);
        format!(
            "B is faster than A in {} of {} {what} and slower in {}; {unclear} show no detectable difference.",
            with(Verdict::Faster),
            verdicts.len(),
            with(Verdict::Slower)
        )
    }
}

/// Samples by test. Several series of one test are one.
fn tests(events: &Events<'_>) -> BTreeMap<TestKey, Vec<f64>> {
    let mut tests: BTreeMap<TestKey, Vec<f64>> = BTreeMap::new();
    for bench in events.benches.iter().filter(|bench| bench.observer == "off") {
        let key = TestKey {
            path: bench.path.clone(),
            test: bench.test.clone(),
            depth: bench.depth,
            threads: bench.threads,
            rung: bench.rung.clone(),
        };
        tests.entry(key).or_default().extend(&bench.tokens_per_second);
    }
    tests
}

/// Path, phase, and part of the model.
type PartKey = (Name, Phase, Name);
/// Nanoseconds and tokens, by number of the step.
type StepTimes = BTreeMap<usize, (u64, usize)>;

/// Tokens per second of each step, by part of the model: as if only this part took time.
fn parts(events: &Events<'_>) -> BTreeMap<PartKey, Vec<f64>> {
    let mut times: BTreeMap<PartKey, StepTimes> = BTreeMap::new();
    for op in &events.ops {
        let steps = times.entry((op.path.clone(), op.phase, op.group.clone())).or_default();
        let step = steps.entry(op.step).or_insert((0, op.n_tok));
        step.0 += op.dt_ns;
    }
    let speeds = |steps: StepTimes| {
        steps.values().filter(|(ns, _)| *ns > 0).map(|&(ns, n_tok)| n_tok as f64 / ns as f64 * 1e9).collect()
    };
    times.into_iter().map(|(key, steps)| (key, speeds(steps))).collect()
}

/// The keys that have samples on both sides, with these.
fn in_both<K: Ord + Clone>(
    mut a: BTreeMap<K, Vec<f64>>,
    mut b: BTreeMap<K, Vec<f64>>,
) -> impl Iterator<Item = (K, Vec<f64>, Vec<f64>)> {
    let keys: BTreeSet<K> = a.keys().filter(|key| b.contains_key(key)).cloned().collect();
    keys.into_iter().filter_map(move |key| {
        let (a, b) = (a.remove(&key)?, b.remove(&key)?);
        (!a.is_empty() && !b.is_empty()).then_some((key, a, b))
    })
}

#[cfg(test)]
mod tests;
