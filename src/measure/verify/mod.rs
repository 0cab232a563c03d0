//! Verification: is a forward pass right, and if not, which operation is wrong?
//!
//! [`verify`] runs a prompt and some decoded tokens on the reference (the naive path) and on the candidate, each twice: watched,
//! to compare every activation ([`witness`]), and unwatched, as it runs in earnest, to compare what comes out.
//!
//! ```text
//!   reference   embed ─▶ norm ─▶ attn_q ─▶ rope_q ─▶ …  logits
//!                 │        │        │         │            │
//!   candidate     embed ─▶ norm ─▶ attn_q ─▶ rope_q ─▶ …  logits    compared at every hook
//! ```
//!
//! In [`Mode::Free`] the candidate goes on with its own numbers and errors accumulate: this says how much they matter. In
//! [`Mode::Locked`] it goes on with the reference's, so every operation is judged by what it alone makes of right inputs:
//! this says whose they are, and there it is strict. Either way the culprit is the first value out of [`budget`] whose inputs were within.
//! Tokens are forced to be the reference's, and so are the choices of experts, because after one other choice two runs
//! have nothing in common to compare.
//!
//! The candidate may be any [`Candidate`]: the optimized path with a kernel of your own, the naive path with an operation of
//! your own. [`kernels`] is the other proof: every kernel against its scalar twin, bit by bit.
//!
//! Reading order: this file, [`witness`] (what is compared when), [`flow`] (what is made of what), [`budget`] (how far is
//! too far), [`report`] (the verdict). What it deliberately does not do: print, or measure time.

pub mod budget;
mod candidate;
mod distance;
mod flow;
pub mod kernels;
pub mod report;
pub mod tiles;
mod witness;

pub use candidate::Candidate;
pub use distance::{Distance, LogitsDistance, kl};
pub use report::{Covered, Divergence, LogitsReport, OpReport, PassAt, Phase, Report};

use crate::batch::{Batch, NotFinite, SeqId};
use crate::kv_cache::{ForwardError, KvCache, KvFormat, KvFormats};
use crate::model::Model;
use crate::naive;
use crate::observe::{Hook, HookAt, Off, Op};
use crate::optimized::ActPrecision;
use crate::quant::QuantError;
use budget::Budgets;
use flow::Flow;
use serde::Serialize;
use std::collections::HashMap;
use witness::{Comparer, Recorder, Tally};

/// What the candidate's operations are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// What the candidate computed before: errors accumulate.
    Free,
    /// What the reference computed before: errors stay where they are made.
    #[default]
    Locked,
}

/// How to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What the candidate's operations are given.
    pub mode: Mode,
    /// Tokens to decode after the prompt: those that the reference finds likeliest.
    pub decode: usize,
    /// Most tokens in a pass. All activations of a pass are held at once.
    pub chunk: usize,
    /// How both sides store keys and values.
    pub kv: KvFormats,
}

impl Default for Options {
    fn default() -> Self {
        Self { mode: Mode::Locked, decode: 4, chunk: 32, kv: KvFormat::F32.into() }
    }
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Nothing to run.
    #[error("the prompt is empty: verification needs at least one token")]
    Empty,
    /// Too much to run.
    #[error(
        "{prompt} tokens of prompt and {decode} to decode do not fit a context of {n_ctx}; shorten the prompt or ask for a \
         larger context"
    )]
    TooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens to decode.
        decode: usize,
        /// Positions of the context.
        n_ctx: usize,
    },
    /// A token id that the vocabulary does not have, or a candidate that runs another model.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The reference itself gives no numbers: the model is damaged, and nothing can be compared with it.
    #[error(
        "the naive path's logits after position {} are not numbers (token {} has {}), so there is nothing to compare with. \
         The first value with such a number in the {pass} is {hook}, made by op {op}: its weights or inputs are damaged",
        found.position, found.token, found.value
    )]
    NotFinite {
        /// The pass.
        pass: PassAt,
        /// The first value, in the order of computation, in which something is not finite; the logits if no other is.
        hook: String,
        /// The operation that makes it.
        op: &'static str,
        /// Where the logits are no numbers.
        found: NotFinite,
    },
    /// There is no memory for the reference's weights, or a format that it cannot decode; a loaded [`Model`] holds no such
    /// tensor.
    #[error(transparent)]
    Quant(#[from] QuantError),
}

/// Values of attention that a fused operation never holds. Both sides are judged by what flows on.
const COVERED: [(Hook, Hook); 2] = [(Hook::AttnScores, Hook::Z), (Hook::Pattern, Hook::Z)];

fn is_covered(hook: Hook) -> bool {
    COVERED.iter().any(|(covered, _)| *covered == hook)
}

/// Runs `prompt` and some tokens after it on the naive path and on `candidate`, which was made from the same `model`, and
/// compares every activation. `progress` is told, after each pass, how many of how many are done.
///
/// # Errors
/// If the tokens do not fit the model, or the candidate does not; if the reference's logits are not numbers.
pub fn verify(
    model: &Model,
    candidate: &mut impl Candidate,
    prompt: &[u32],
    options: &Options,
    mut progress: impl FnMut(usize, usize),
) -> Result<Report, VerifyError> {
    let n_ctx = model.config.n_ctx;
    match prompt.len().saturating_add(options.decode) {
        _ if prompt.is_empty() => return Err(VerifyError::Empty),
        n if n > n_ctx => return Err(VerifyError::TooLong { prompt: prompt.len(), decode: options.decode, n_ctx }),
        _ => {}
    }
    let mut trial = VerifyRun::new(model, candidate, prompt.len(), options)?;
    let chunks = prompt.chunks(options.chunk.max(1));
    let n_passes = chunks.len() + options.decode;
    for chunk in chunks {
        trial.run(Phase::Prefill, chunk)?;
        progress(trial.passes.len(), n_passes);
    }
    for _ in 0..options.decode {
        trial.run(Phase::Decode, &[trial.next])?;
        progress(trial.passes.len(), n_passes);
    }
    Ok(trial.judge())
}

/// A verification under way.
struct VerifyRun<'a, S> {
    options: Options,
    budgets: Budgets,
    reference: naive::Transformer,
    candidate: &'a mut S,
    /// Of the reference and the candidate, watched and unwatched.
    caches: [[KvCache; 2]; 2],
    flow: Flow,
    tallies: HashMap<HookAt, Tally>,
    passes: Vec<PassAt>,
    logits: LogitsDistance,
    /// Whether watched and unwatched runs gave the same bits so far.
    same_bits: bool,
    /// What the reference would say next.
    next: u32,
}

impl<'a, S: Candidate> VerifyRun<'a, S> {
    fn new(model: &Model, candidate: &'a mut S, n_prompt: usize, options: &Options) -> Result<Self, VerifyError> {
        let reference = naive::Transformer::new(model)?;
        let (formats, n) = (options.kv, n_prompt + options.decode);
        let of_reference = [(); 2].map(|()| reference.new_cache(formats, n));
        let caches = [of_reference, [(); 2].map(|()| candidate.new_cache(formats, n))];
        let flow = Flow::new(reference.hooks().into_iter().filter(|at| !is_covered(at.hook)).collect());
        let rounds = candidate.act_precision().filter(|_| budget::has_blocks(&model.weights));
        let budgets = Budgets { mode: options.mode, kv: formats, rounds };
        let tally = |&at: &HookAt| (at, Tally { worst: None, first_failed: None, budget: budgets.of(at.hook) });
        let tallies = flow.hooks().iter().map(tally).collect();
        let (passes, logits) = (Vec::new(), LogitsDistance::default());
        let options = *options;
        Ok(Self {
            options,
            budgets,
            reference,
            candidate,
            caches,
            flow,
            tallies,
            passes,
            logits,
            same_bits: true,
            next: 0,
        })
    }

    /// One pass, four times.
    fn run(&mut self, phase: Phase, tokens: &[u32]) -> Result<(), VerifyError> {
        let start = self.caches[0][0].len(SeqId(0));
        let pass = PassAt { phase, start, tokens: tokens.len() };
        let batch = Batch::scored(SeqId(0), start, tokens);
        let mut recorder = Recorder::new(self.snaps());
        let [[reference_watched, reference_unwatched], [watched_cache, unwatched_cache]] = &mut self.caches;

        let logits = self.reference.forward(&batch, reference_watched, &mut recorder)?;
        if let Err(found) = logits.check(&batch) {
            let first = self.flow.hooks().iter().find(|at| recorder.is_not_finite(**at));
            let (hook, op) =
                first.map_or(("logits".to_owned(), Op::Output.name()), |at| (at.to_string(), self.flow.op(*at).name()));
            return Err(VerifyError::NotFinite { pass, hook, op, found });
        }
        let (mode, tallies) = (self.options.mode, &mut self.tallies);
        let mut comparer = Comparer { reference: &recorder, mode, pass: (self.passes.len(), pass), tallies };
        let watched = self.candidate.forward(&batch, watched_cache, &mut comparer)?;

        let expected = self.reference.forward(&batch, reference_unwatched, &mut Off)?;
        let found = self.candidate.forward(&batch, unwatched_cache, &mut Off)?;
        found.rows().zip(expected.rows()).for_each(|(found, expected)| self.logits.add(found, expected));
        let bits = |row: &[f32]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        self.same_bits &= found.rows().map(bits).eq(watched.rows().map(bits));

        self.next = expected.last().map_or(0, distance::first_maximum) as u32;
        self.passes.push(pass);
        Ok(())
    }

    /// The grid of whole numbers onto which what matrices read is put, so that the candidate's rounding costs nothing.
    fn snaps(&self) -> Option<ActPrecision> {
        self.budgets.rounds.filter(|_| self.options.mode == Mode::Locked)
    }

    fn judge(self) -> Report {
        let routed = self.flow.hooks().iter().any(|at| at.hook == Hook::ExpertIndices);
        let comparable = self.options.mode == Mode::Free && !routed;
        let logits = LogitsReport::new(self.logits, &self.budgets, comparable.then_some(self.same_bits));
        let mut divergences = report::divergences(&self.flow, &self.tallies).into_iter();
        let first_divergence = divergences.next();
        let name = |hook: Hook| hook.template().replace("{}", "*");
        Report {
            passed: first_divergence.is_none() && logits.passed,
            mode: self.options.mode,
            input_bits: self.snaps().map(ActPrecision::bits),
            candidate: self.candidate.describe(),
            cache_type_k: self.options.kv.k.name(),
            cache_type_v: self.options.kv.v.name(),
            passes: self.passes,
            ops: report::op_reports(&self.flow, &self.tallies),
            covered: COVERED.map(|(hook, by)| Covered { hook: name(hook), by: name(by) }).into(),
            logits,
            first_divergence,
            other_divergences: divergences.collect(),
        }
    }
}
