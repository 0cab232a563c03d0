//! What the commands that run a model share.

use crate::cli::human::count;
use crate::cli::model_args::Loaded;
use crate::cli::path::Path;
use crate::gguf::Gguf;
use crate::kv_cache::KvFormats;
use crate::measure::bench::{PathProfile, Runner, Test, Work};
use crate::model::{LoadOptions, Model};
use crate::optimized::pool::physical_cores;
use anyhow::{Context, Result, bail};
use std::sync::Arc;

/// Tokens per second of one run.
pub(super) fn speed(runner: &mut Runner<'_>, test: Test) -> Result<f64> {
    Ok(test.n_tokens() as f64 / runner.sample(test)?.as_secs_f64())
}

/// The token that tests begin with, where the model asks for one.
pub(super) fn first_token(loaded: &Loaded) -> Option<u32> {
    loaded.tokenizer.bos().filter(|_| loaded.tokenizer.vocab().adds_bos())
}

/// What a test of this model has to do on this path.
pub(super) fn work(gguf: &Arc<Gguf>, test: Test, path: Path, chunk: usize, kv: KvFormats) -> Result<Work> {
    let options = LoadOptions { n_ctx: Some(test.n_positions()), ..LoadOptions::default() };
    let model = Model::load(Arc::clone(gguf), options).context("cannot load the model")?;
    let profile = match path {
        Path::Naive => PathProfile::NAIVE,
        Path::Optimized => PathProfile::OPTIMIZED,
    };
    Ok(Work::of(&model, test, profile, chunk, kv))
}

/// Refuses what nobody can wait for, before anything is allocated for it.
///
/// # Errors
/// If a test has more positions than [`MOST_POSITIONS`], or is to be timed no times or more than [`MOST_REPETITIONS`].
pub(super) fn check(tests: &[Test], repetitions: usize) -> Result<()> {
    if let Some(test) = tests.iter().find(|test| test.n_positions() > MOST_POSITIONS) {
        let most = count(MOST_POSITIONS);
        bail!("test {test} has more positions than can be measured: expected at most {most}, depth included");
    }
    if !(1..=MOST_REPETITIONS).contains(&repetitions) {
        bail!("-r {repetitions} is no number of repetitions: expected 1 to {}", count(MOST_REPETITIONS));
    }
    Ok(())
}

/// Sixteen times the longest contexts that models are trained with.
const MOST_POSITIONS: usize = 1 << 24;
/// A day of milliseconds has not many more.
const MOST_REPETITIONS: usize = 1_000_000;

/// 0 means one on each physical core; each number once, in the order given.
pub(super) fn thread_counts(asked: &[usize]) -> Vec<usize> {
    let mut counts: Vec<usize> = Vec::new();
    for n in asked.iter().map(|&n| if n == 0 { physical_cores() } else { n }) {
        if !counts.contains(&n) {
            counts.push(n);
        }
    }
    counts
}

/// `1 thread`, `2 threads`.
pub(super) fn count_threads(n: usize) -> String {
    if n == 1 { "1 thread".to_owned() } else { format!("{n} threads") }
}
