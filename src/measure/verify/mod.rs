//! Verification: is a forward pass right, and if not, which operation is wrong?
//!
//! [`verify`] runs a prompt and some decoded tokens on the *reference* (the naive path) and on the *candidate*. Each runs
//! twice: once with an observer, to compare every activation ([`recorder`]), and once without, as in normal use, to
//! compare the logits.
//!
//! ```text
//!   reference   embed ─▶ norm ─▶ attn_q ─▶ rope_q ─▶ …  logits
//!                 │        │        │         │            │
//!   candidate     embed ─▶ norm ─▶ attn_q ─▶ rope_q ─▶ …  logits    compared at every hook
//! ```
//!
//! In [`Mode::Free`] the candidate computes on with its own values, and errors accumulate: this mode shows how much they
//! matter in the end. In [`Mode::Locked`] each operation of the candidate gets the reference's values as inputs: this mode
//! shows which operation makes an error, so its budgets are strict. In both modes the operation that is reported is the
//! first one whose result is out of [`budget`] while its inputs are within budget. Both sides process the tokens and use
//! the experts that the reference chooses, because after one different choice two runs cannot be compared.
//!
//! The candidate may be any [`Candidate`]: the optimized path with a kernel of your own, or the naive path with an operation
//! of your own. [`kernels`] is the other proof: it compares every kernel with its scalar twin, bit by bit.
//!
//! Reading order: this file, [`recorder`] (records and compares), [`dataflow`] (which value is computed from which),
//! [`budget`] (which errors are allowed), [`report`] (the result). What it deliberately does not do: print, or measure time.

pub mod budget;
mod candidate;
mod dataflow;
mod distance;
pub mod kernels;
mod pass;
mod recorder;
pub mod report;
pub mod tiles;

pub use crate::observe::Phase;
pub use candidate::Candidate;
pub use distance::{Distance, LogitsDistance, kl};
pub use pass::PassAt;
pub use report::{Covered, Divergence, LogitsReport, OpReport, Report};

use crate::batch::{Batch, NotFinite, SeqId};
use crate::kv_cache::{ForwardError, KvCache, KvFormat, KvFormats};
use crate::model::Model;
use crate::naive;
use crate::observe::{Hook, HookAt, Off, Op};
use crate::optimized::ActPrecision;
use crate::quant::QuantError;
use budget::Budgets;
use dataflow::DataFlow;
use recorder::{Comparer, Recorder, Tally};
use serde::Serialize;
use std::collections::HashMap;

/// Which inputs the candidate's operations get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// What the candidate itself computed: errors accumulate.
    Free,
    /// What the reference computed: an error stays in the operation that makes it.
    #[default]
    Locked,
}

/// How to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Which inputs the candidate's operations get.
    pub mode: Mode,
    /// Tokens to decode after the prompt. Each is the one that is most probable to the reference.
    pub decode: usize,
    /// Most tokens in a pass. All activations of one pass are in memory together.
    pub chunk: usize,
    /// How both sides store keys and values.
    pub kv: KvFormats,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { mode: Mode::Locked, decode: 4, chunk: 32, kv: KvFormat::F32.into() }
    }
}

/// Why a verification could not run.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The prompt is empty.
    #[error("the prompt is empty: verification needs at least one token")]
    Empty,
    /// The prompt does not fit the context.
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
    /// The vocabulary has no such token, or the candidate runs another model.
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

/// Values that a fused attention never stores, and the result by which they are verified instead.
const COVERED: [(Hook, Hook); 2] = [(Hook::AttnScores, Hook::Z), (Hook::Pattern, Hook::Z)];

fn is_covered(hook: Hook) -> bool {
    COVERED.iter().any(|(covered, _)| *covered == hook)
}

/// Runs `prompt` and some tokens after it on the naive path and on `candidate`, which was made from the same `model`, and
/// compares every activation. After each pass, `on_progress` is called with the passes that are done and their total.
///
/// # Errors
/// If the tokens do not fit the model, or the candidate does not; if the reference's logits are not numbers.
pub fn verify(
    model: &Model,
    candidate: &mut dyn Candidate,
    prompt: &[u32],
    options: &VerifyOptions,
    mut on_progress: impl FnMut(usize, usize),
) -> Result<Report, VerifyError> {
    let n_ctx = model.config.n_ctx;
    match prompt.len().saturating_add(options.decode) {
        _ if prompt.is_empty() => return Err(VerifyError::Empty),
        n if n > n_ctx => return Err(VerifyError::TooLong { prompt: prompt.len(), decode: options.decode, n_ctx }),
        _ => {}
    }
    let mut run = VerifyRun::new(model, candidate, prompt.len(), options)?;
    let chunks = prompt.chunks(options.chunk.max(1));
    let n_passes = chunks.len() + options.decode;
    for chunk in chunks {
        run.run(Phase::Prefill, chunk)?;
        on_progress(run.passes.len(), n_passes);
    }
    for _ in 0..options.decode {
        run.run(Phase::Decode, &[run.next])?;
        on_progress(run.passes.len(), n_passes);
    }
    Ok(run.into_report())
}

/// The state of a verification that is running.
struct VerifyRun<'a> {
    options: VerifyOptions,
    budgets: Budgets,
    reference: naive::Transformer,
    candidate: &'a mut dyn Candidate,
    /// The caches of reference and candidate, each with an observer and without.
    caches: [[KvCache; 2]; 2],
    flow: DataFlow,
    tallies: HashMap<HookAt, Tally>,
    passes: Vec<PassAt>,
    logits: LogitsDistance,
    /// Whether the candidate's logits so far have the same bits with an observer and without.
    same_bits: bool,
    /// The token that is most probable next, to the reference.
    next: u32,
}

impl<'a> VerifyRun<'a> {
    fn new(
        model: &Model,
        candidate: &'a mut dyn Candidate,
        n_prompt: usize,
        options: &VerifyOptions,
    ) -> Result<Self, VerifyError> {
        let reference = naive::Transformer::new(model)?;
        let (formats, n) = (options.kv, n_prompt + options.decode);
        let of_reference = [(); 2].map(|()| reference.new_cache(formats, n));
        let caches = [of_reference, [(); 2].map(|()| candidate.new_cache(formats, n))];
        let flow = DataFlow::new(reference.hooks().into_iter().filter(|at| !is_covered(at.hook)).collect());
        let act_precision = candidate.act_precision().filter(|_| budget::has_blocks(&model.weights));
        let budgets = Budgets { mode: options.mode, kv: formats, act_precision };
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

    /// Runs one pass four times: reference and candidate, each with an observer and without.
    fn run(&mut self, phase: Phase, tokens: &[u32]) -> Result<(), VerifyError> {
        let start = self.caches[0][0].len(SeqId(0));
        let pass = PassAt { phase, start, tokens: tokens.len() };
        let batch = Batch::scored(SeqId(0), start, tokens);
        let mut recorder = Recorder::new(self.input_grid());
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

    /// The precision to which the inputs of matrices are rounded in locked mode, so that the candidate's own rounding
    /// changes nothing.
    fn input_grid(&self) -> Option<ActPrecision> {
        self.budgets.act_precision.filter(|_| self.options.mode == Mode::Locked)
    }

    fn into_report(self) -> Report {
        let routed = self.flow.hooks().iter().any(|at| at.hook == Hook::ExpertIndices);
        let comparable = self.options.mode == Mode::Free && !routed;
        let logits = LogitsReport::new(self.logits, &self.budgets, comparable.then_some(self.same_bits));
        let mut divergences = report::divergences(&self.flow, &self.tallies).into_iter();
        let first_divergence = divergences.next();
        let name = |hook: Hook| hook.template().replace("{}", "*");
        Report {
            passed: first_divergence.is_none() && logits.passed,
            mode: self.options.mode,
            input_bits: self.input_grid().map(ActPrecision::bits),
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
