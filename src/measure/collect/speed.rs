//! Speeds: without an observer and with one, by length of the prompt, by threads, and from the naive path up to the fastest
//! kernels.

use super::{CollectError, Done, Run};
use crate::engine::Engine;
use crate::kernels::Kernels;
use crate::measure::bench::{BenchOptions, Runner, Test, TestKind};
use crate::measure::record::schema::{BenchRecord, Record};
use crate::measure::record::{Recorder, RecorderOptions};
use crate::measure::statistics::{PairSide, abba};
use crate::observe::Interests;
use crate::optimized;

/// The longest prompt and the longest generation that are timed.
const LONGEST: (usize, usize) = (512, 64);

/// A prompt of `n` tokens or what fits.
fn prompt(run: &Run<'_>, n: usize) -> Test {
    Test { kind: TestKind::Prompt(n.min(run.model.config.n_ctx).max(1)), depth: 0 }
}

/// `n` generated tokens or what fits.
fn generation(run: &Run<'_>, n: usize) -> Test {
    Test { kind: TestKind::Generate(n.min(run.model.config.n_ctx).max(1)), depth: 0 }
}

/// How a speed was measured, besides the test.
struct How {
    path: &'static str,
    threads: usize,
    kernels: &'static str,
    observer: &'static str,
    rung: &'static str,
}

fn record(run: &mut Run<'_>, how: &How, test: Test, tokens_per_second: Vec<f64>) -> Result<(), CollectError> {
    run.record(Record::Bench(BenchRecord {
        path: how.path.into(),
        test: test.kind.to_string(),
        depth: test.depth,
        threads: how.threads,
        kernels: how.kernels.into(),
        observer: how.observer.into(),
        rung: how.rung.into(),
        tokens_per_second,
    }))
}

fn options(run: &Run<'_>) -> BenchOptions {
    BenchOptions { bos: run.tokenizer.bos(), kv: run.plan.kv, ..BenchOptions::default() }
}

/// Seconds that the samples of one test may take together; one is always taken.
const SECONDS: f64 = 3.0;

/// Warms up, takes samples, writes them down.
fn bench(
    run: &mut Run<'_>,
    engine: &mut Engine,
    how: &How,
    tests: &[Test],
    samples: usize,
) -> Result<(), CollectError> {
    let mut runner = Runner::new(engine, options(run), tests)?;
    for &test in tests {
        let mut speed = || Ok(test.n_tokens() as f64 / runner.sample(test)?.as_secs_f64());
        let cold = speed()?; // warms up, and is the only sample of what takes so long
        let seconds = test.n_tokens() as f64 / cold;
        let n = if seconds > SECONDS { 0 } else { ((SECONDS / seconds) as usize).clamp(1, samples) };
        let warm = (0..n).map(|_| speed()).collect::<Result<Vec<_>, CollectError>>()?;
        let samples = if warm.is_empty() { vec![cold] } else { warm };
        record(run, how, test, samples)?;
    }
    Ok(())
}

/// Prompts of growing length, generation, and the same generation under an observer, in turns.
pub(super) fn optimized(run: &mut Run<'_>, engine: &mut Engine) -> Done {
    let (threads, kernels, n) = (run.plan.threads, run.plan.kernels.name, run.plan.repetitions);
    let how = |observer| How { path: "optimized", threads, kernels, observer, rung: "" };
    for length in std::iter::successors(Some(1), |n| (*n < LONGEST.0).then_some(4 * n)).map(|n: usize| n.min(LONGEST.0))
    {
        if length > run.model.config.n_ctx {
            break;
        }
        if !run.next("timing prompts") {
            return Ok(false);
        }
        let test = prompt(run, length);
        bench(run, engine, &how("off"), &[test], n)?;
    }
    if !run.next("timing what watching costs") {
        return Ok(false);
    }
    let test = generation(run, LONGEST.1);
    let mut runner = Runner::new(engine, options(run), &[test])?;
    let mut speeds = [Vec::new(), Vec::new(), Vec::new()];
    runner.warm_up(test)?;
    let per_second = |time: std::time::Duration| test.n_tokens() as f64 / time.as_secs_f64();
    for side in abba(2 * n) {
        match side {
            PairSide::Ours => {
                let interests = Interests { sampler: false, ..Interests::OPS };
                let mut watching = Recorder::new(RecorderOptions { interests, ..RecorderOptions::default() });
                speeds[1].push(per_second(runner.sample_watched(test, &mut watching)?));
            }
            PairSide::Theirs => speeds[0].push(per_second(runner.sample(test)?)),
        }
    }
    for _ in 0..n.min(3) {
        let interests = Interests { sampler: false, ..Interests::OPS_AND_ACTIVATIONS };
        let mut watching = Recorder::new(RecorderOptions { interests, ..RecorderOptions::default() });
        speeds[2].push(per_second(runner.sample_watched(test, &mut watching)?));
    }
    for (observer, samples) in ["off", "profile", "activations"].into_iter().zip(speeds) {
        record(run, &how(observer), test, samples)?;
    }
    // The same program twice, in turns: how far apart two equal things are measured here.
    let mut runner = Runner::new(engine, options(run), &[test])?;
    let mut same = [Vec::new(), Vec::new()];
    for side in abba(n) {
        same[usize::from(side == PairSide::Theirs)].push(per_second(runner.sample(test)?));
    }
    for (rung, samples) in ["A", "A again"].into_iter().zip(same) {
        record(run, &How { rung, ..how("off") }, test, samples)?;
    }
    Ok(true)
}

/// From the naive path to the fastest kernels, one step at a time; then more threads.
pub(super) fn ladder(run: &mut Run<'_>) -> Done {
    let n = run.plan.repetitions.min(3);
    let short = [prompt(run, 64), generation(run, 16)];
    if run.plan.naive {
        if !run.next("timing the naive path") {
            return Ok(false);
        }
        let mut engine = Engine::naive(run.model)?;
        let how = How { path: "naive", threads: 1, kernels: "naive", observer: "off", rung: "naive" };
        bench(run, &mut engine, &how, &short, n)?;
    }
    let best = run.plan.kernels.name;
    for table in Kernels::available() {
        if !run.next("timing each set of kernels") {
            return Ok(false);
        }
        let options = optimized::Options { n_threads: 1, kernels: table, activations: run.plan.activations };
        let mut engine = Engine::optimized(run.model, options)?;
        let how = How { path: "optimized", threads: 1, kernels: table.name, observer: "off", rung: table.name };
        bench(run, &mut engine, &how, &short, n)?;
    }
    for threads in 2..=run.plan.threads {
        if !run.next("timing more threads") {
            return Ok(false);
        }
        let options = optimized::Options { n_threads: threads, ..run.plan.options() };
        let mut engine = Engine::optimized(run.model, options)?;
        let how = How { path: "optimized", threads, kernels: best, observer: "off", rung: "threads" };
        bench(run, &mut engine, &how, &short, n)?;
    }
    Ok(true)
}
