//! Everything that a report shows, measured on one model and written down as [`Record`]s.
//!
//! Look first at [`collect`]: the parts in the order in which they run. Each part is a file:
//!
//! | part | records |
//! |---|---|
//! | `file` | `tensor`, `histogram`: where tensors lie, what their formats round away |
//! | `language` | `tokenizer`: bytes and tokens of texts in several languages |
//! | [`predict`] | `cost`: work over the context |
//! | `roofs` | `ceiling`: before, between and after the measured part |
//! | `agreement` | `diff`: naive against optimized |
//! | `watched` | `step`, `op`, `span`, `kv`, `sampler`, `token`, `act`, `attention`: both paths under an observer |
//! | `speed` | `bench`: speeds without an observer, by threads, kernels, lengths; and what observers cost |
//!
//! What it deliberately does not do: add up, draw, choose the model, or know about files and clocks of the day.

mod agreement;
mod file;
mod language;
mod roofs;
mod speed;
mod watched;

pub use roofs::ceiling_records;

use super::bench::BenchError;
use super::ceilings::CeilingsError;
use super::predict;
use super::record::Sink;
use super::record::schema::{EndRecord, Record};
use super::verify::VerifyError;
use crate::engine::{Engine, GenerateError};
use crate::kernels::Kernels;
use crate::kv_cache::KvFormats;
use crate::model::Model;
use crate::optimized::{self, ActPrecision, PackError};
use crate::quant::QuantError;
use crate::sampling::{SamplingError, SamplingParams};
use crate::tokenizer::Tokenizer;
use std::io;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The prompt, at least one token.
    pub prompt: Vec<u32>,
    /// Tokens to generate on the optimized path.
    pub n_predict: usize,
    /// How tokens are chosen. The seed is fixed, so that watching twice sees the same tokens.
    pub sampling: SamplingParams,
    /// Formats of keys and values.
    pub kv: KvFormats,
    /// Threads of the optimized path.
    pub threads: usize,
    /// Its kernels.
    pub kernels: Kernels,
    /// How finely it rounds activations.
    pub activations: ActPrecision,
    /// Samples of every speed.
    pub repetitions: usize,
    /// Length of the memory that is streamed, in bytes: longer than any cache. A stream as long as what one token reads is
    /// measured too.
    pub stream_bytes: usize,
    /// Whether the naive path runs too. It needs four bytes for each weight.
    pub naive: bool,
}

impl Plan {
    /// The options of the optimized path.
    fn options(&self) -> optimized::Options {
        optimized::Options { n_threads: self.threads, kernels: self.kernels, activations: self.activations }
    }
}

/// Why a run could not be recorded.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // each says what its source says
pub enum CollectError {
    #[error("cannot write the recorded run")]
    Sink(#[from] io::Error),
    #[error(transparent)]
    Ceilings(#[from] CeilingsError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error(transparent)]
    Quant(#[from] QuantError),
    #[error(transparent)]
    Sampling(#[from] SamplingError),
}

/// What the parts share.
struct Run<'a> {
    model: &'a Model,
    tokenizer: &'a Tokenizer,
    plan: &'a Plan,
    sink: &'a mut dyn Sink,
    go_on: &'a mut dyn FnMut(&str) -> bool,
}

/// A part did what it had to, or was asked to stop.
type Done = Result<bool, CollectError>;

impl Run<'_> {
    fn record(&mut self, record: Record) -> Result<(), CollectError> {
        Ok(self.sink.record(record)?)
    }

    /// Says what comes next; `false`: the user wants no more.
    fn next(&mut self, what: &str) -> bool {
        (self.go_on)(what)
    }
}

/// Runs every part and hands its records to `sink`, after the `run` record, which the caller has written. Before each step
/// `go_on` is called with what is done next; when it returns `false`, collecting ends there, and the last record says that the
/// run is not complete. Returns whether it is.
///
/// # Errors
/// If a part fails, or if the sink refuses.
pub fn collect(
    model: &Model,
    tokenizer: &Tokenizer,
    plan: &Plan,
    sink: &mut dyn Sink,
    go_on: &mut dyn FnMut(&str) -> bool,
) -> Result<bool, CollectError> {
    let mut run = Run { model, tokenizer, plan, sink, go_on };
    let complete = parts(&mut run)?;
    run.record(Record::End(EndRecord { complete }))?;
    Ok(complete)
}

fn parts(run: &mut Run<'_>) -> Done {
    let (model, plan) = (run.model, run.plan);
    if !(run.next("reading the file") && file::tensors(run)? && language::texts(run)?) {
        return Ok(false);
    }
    for record in predict::decode_curve(model, plan.kv, &contexts(model.config.n_ctx)) {
        run.record(Record::Cost(record))?;
    }
    if !roofs::measure(run, "before")? {
        return Ok(false);
    }
    let mut fast = Engine::optimized(model, plan.options())?;
    if !watched::optimized(run, &mut fast)? || !roofs::between(run, &mut fast)? {
        return Ok(false);
    }
    if plan.naive && !(agreement::paths(run)? && watched::naive(run)?) {
        return Ok(false);
    }
    if !speed::optimized(run, &mut fast)? {
        return Ok(false);
    }
    drop(fast);
    Ok(speed::ladder(run)? && roofs::measure(run, "after")?)
}

/// Context lengths for the curves: 0, and powers of two up to the whole context, without its last position.
fn contexts(n_ctx: usize) -> Vec<usize> {
    let last = n_ctx.saturating_sub(1);
    let powers = std::iter::successors(Some(1_usize), |n| n.checked_mul(2)).take_while(|&n| n < last);
    let mut contexts: Vec<usize> = std::iter::once(0).chain(powers).chain([last]).collect();
    contexts.dedup();
    contexts
}
