//! [`Report`]: what a verification found. Plain data, for tables and JSON.
//!
//! Look first at [`Report::first_divergence`]: the first value, in the order of computation, that is out of budget while all
//! values that it was computed from are within budget. The operation that computed it is wrong.
//!
//! What it deliberately does not do: print. The command line makes a table of it, or JSON.

use super::Mode;
use super::budget::Budgets;
use super::dataflow::DataFlow;
use super::distance::{Distance, LogitsDistance};
use super::pass::PassAt;
use super::recorder::Tally;
use crate::observe::HookAt;
use serde::Serialize;
use std::collections::HashMap;

/// What a verification found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether everything is within its budget.
    pub passed: bool,
    /// Which inputs the candidate's operations got.
    pub mode: Mode,
    /// Bits to which the inputs of matrices were rounded on both sides, so that the candidate's own rounding changes nothing.
    /// The inputs of the query, key and value matrices and of the last matrix always have 16. None if nothing was rounded.
    pub input_bits: Option<u8>,
    /// What was verified.
    pub candidate: String,
    /// The format in which both sides stored keys: `f32`, `q8_0`.
    pub cache_type_k: &'static str,
    /// The format in which both sides stored values.
    pub cache_type_v: &'static str,
    /// The passes, in order.
    pub passes: Vec<PassAt>,
    /// Every value that was compared, in the order of computation.
    pub ops: Vec<OpReport>,
    /// Values of the reference that are not compared, and the values by which they are verified instead.
    pub covered: Vec<Covered>,
    /// Logits of a run without an observer, with all errors accumulated.
    pub logits: LogitsReport,
    /// The wrong operation, if a value is out of budget.
    pub first_divergence: Option<Divergence>,
    /// Further values that are out of budget while their inputs are within budget.
    pub other_divergences: Vec<Divergence>,
}

/// One value of one block, in the pass with the largest distance.
#[derive(Debug, Clone, Serialize)]
pub struct OpReport {
    /// `blocks.3.attn.hook_q`.
    pub hook: String,
    /// The operation that computes it: `attn_q`.
    pub op: &'static str,
    /// Its block, from 0; none outside the blocks.
    pub layer: Option<usize>,
    /// The distance from the reference.
    #[serde(flatten)]
    pub distance: Distance,
    /// The largest relative RMS that is allowed.
    pub budget: f64,
    /// The cause of errors up to that size.
    pub reason: &'static str,
    /// Whether every pass was within budget.
    pub passed: bool,
    /// The pass with the largest distance; none if the candidate never showed the value.
    pub pass: Option<PassAt>,
    /// The hook, for programs in this process.
    #[serde(skip)]
    pub at: HookAt,
}

/// A value that is verified through another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// `blocks.*.attn.hook_pattern`.
    pub hook: String,
    /// `blocks.*.attn.hook_z`.
    pub by: String,
}

/// Logits of the run without an observer.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LogitsReport {
    /// How far they are from the reference.
    #[serde(flatten)]
    pub distance: LogitsDistance,
    /// The largest mean KL divergence that is allowed, in nats.
    pub kl_budget: f64,
    /// Whether it is within budget.
    pub passed: bool,
    /// Whether they have the same bits as the logits of the run with an observer, in which operations are not fused. Known
    /// in free mode without experts only: otherwise the observer changes values.
    pub same_bits_as_watched: Option<bool>,
}

/// A wrong result that was computed from right inputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Divergence {
    /// `blocks.3.attn.hook_rot_q`.
    pub hook: String,
    /// The operation that computed it: `rope_q`.
    pub op: &'static str,
    /// Its block, from 0; none outside the blocks.
    pub layer: Option<usize>,
    /// The first pass in which it was out of budget.
    pub pass: Option<PassAt>,
    /// The relative RMS in that pass.
    pub rel_rms: f64,
    /// The largest relative RMS that is allowed.
    pub budget: f64,
    /// The values that it was computed from. All of them were within budget.
    pub inputs: Vec<String>,
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { hook, op, rel_rms, budget, inputs, .. } = self;
        let Some(pass) = self.pass else {
            return write!(f, "{hook} (op {op}) was never shown by the candidate, so it could not be compared");
        };
        write!(f, "{hook} (op {op}), {pass}: relative RMS {rel_rms:.1e}, budget {budget:.1e}; ")?;
        match inputs.as_slice() {
            [] => f.write_str("it has no inputs but the tokens"),
            [input] => write!(f, "its input {input} was within budget"),
            _ => write!(f, "its inputs {} were within budget", inputs.join(", ")),
        }
    }
}

/// The values that are out of budget while their inputs are within budget, in order. A value that was never shown counts
/// as out of budget from the first pass on.
pub(super) fn divergences(flow: &DataFlow, tallies: &HashMap<HookAt, Tally>) -> Vec<Divergence> {
    let failed_in = |at: &HookAt| {
        let tally = tallies.get(at)?;
        if tally.worst.is_none() { Some(0) } else { tally.first_failed.map(|(number, ..)| number) }
    };
    let mut found: Vec<(usize, Divergence)> = Vec::new();
    for at in flow.hooks() {
        let (Some(number), Some(tally)) = (failed_in(at), tallies.get(at)) else { continue };
        let inputs = flow.inputs(*at);
        if inputs.iter().any(|input| failed_in(input).is_some_and(|earlier| earlier <= number)) {
            continue; // a right operation computes wrong results from wrong inputs
        }
        let first = tally.first_failed.map(|(_, distance, pass)| (distance.rel_rms, pass));
        let divergence = Divergence {
            hook: at.to_string(),
            op: flow.op(*at).name(),
            layer: at.layer,
            pass: first.map(|(_, pass)| pass),
            rel_rms: first.map_or(f64::NAN, |(rel_rms, _)| rel_rms),
            budget: tally.budget.rel_rms,
            inputs: inputs.iter().map(HookAt::to_string).collect(),
        };
        found.push((number, divergence));
    }
    found.sort_by_key(|(number, _)| *number); // stable: within a pass in the order of computation
    found.into_iter().map(|(_, divergence)| divergence).collect()
}

/// The table: one line for every value that was compared.
pub(super) fn op_reports(flow: &DataFlow, tallies: &HashMap<HookAt, Tally>) -> Vec<OpReport> {
    let line = |at: &HookAt| {
        let tally = tallies.get(at)?;
        Some(OpReport {
            hook: at.to_string(),
            op: flow.op(*at).name(),
            layer: at.layer,
            distance: tally.worst.map_or(Distance::INCOMPARABLE, |(distance, _)| distance),
            budget: tally.budget.rel_rms,
            reason: tally.budget.reason,
            passed: tally.worst.is_some() && tally.first_failed.is_none(),
            pass: tally.worst.map(|(_, pass)| pass),
            at: *at,
        })
    };
    flow.hooks().iter().filter_map(line).collect()
}

impl LogitsReport {
    pub(super) fn new(distance: LogitsDistance, budgets: &Budgets, same_bits: Option<bool>) -> Self {
        let passed = budgets.allows_logits(&distance) && same_bits != Some(false);
        Self { distance, kl_budget: budgets.kl(), passed, same_bits_as_watched: same_bits }
    }
}
