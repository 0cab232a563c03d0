//! What the commands that run a model share.

use crate::cli::model_args::{Loaded, Path};
use crate::gguf::Gguf;
use crate::kv_cache::KvFormat;
use crate::measure::bench::{Runner, Style, Test, Work};
use crate::model::{LoadOptions, Model};
use crate::optimized::pool::physical_cores;
use anyhow::{Context, Result};
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
pub(super) fn work(gguf: &Arc<Gguf>, test: Test, path: Path, chunk: usize) -> Result<Work> {
    let options = LoadOptions { n_ctx: Some(test.n_positions()), ..LoadOptions::default() };
    let model = Model::load(Arc::clone(gguf), options).context("cannot load the model")?;
    let style = match path {
        Path::Naive => Style::NAIVE,
        Path::Optimized => Style::OPTIMIZED,
    };
    Ok(Work::of(&model, test, style, chunk, KvFormat::F16))
}

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
