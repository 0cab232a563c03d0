//! [`Report`]: what a verification found. Plain data, for tables and JSON.
//!
//! Look first at [`Report::first_divergence`]: the first value, in the order of computation, that is out of budget though
//! everything it was made of was not. The operation that made it is the culprit.

use super::Mode;
use super::budget::Budgets;
use super::distance::{Distance, LogitsDistance};
use super::flow::Flow;
use super::witness::Tally;
use crate::observe::HookAt;
use serde::Serialize;
use std::collections::HashMap;

/// What a verification found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether everything is within its budget.
    pub passed: bool,
    /// What the operations were given.
    pub mode: Mode,
    /// Bits to which what matrices read was rounded on both sides, so that the candidate's own rounding costs nothing; what
    /// attention and the last matrix read, to 16. None if nothing was rounded.
    pub input_bits: Option<u8>,
    /// What was verified.
    pub candidate: String,
    /// How both sides stored keys: `f32`, `q8_0`.
    pub cache_type_k: &'static str,
    /// How both sides stored values.
    pub cache_type_v: &'static str,
    /// The passes, in order.
    pub passes: Vec<PassAt>,
    /// Every value that was compared, in the order of computation.
    pub ops: Vec<OpReport>,
    /// Values of the reference that have no counterpart, and where they are verified instead.
    pub covered: Vec<Covered>,
    /// Logits as an ordinary, unwatched run gives them, errors accumulated.
    pub logits: LogitsReport,
    /// The culprit, if a value is out of budget.
    pub first_divergence: Option<Divergence>,
    /// More values that are out of budget though what they were made of is not.
    pub other_divergences: Vec<Divergence>,
}

/// One pass of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PassAt {
    /// What kind.
    pub phase: Phase,
    /// Position of its first token.
    pub start: usize,
    /// Its tokens.
    pub tokens: usize,
}

/// The two kinds of passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Tokens of the prompt, several at a time.
    Prefill,
    /// One token that the reference would have chosen.
    Decode,
}

impl std::fmt::Display for PassAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.phase {
            Phase::Prefill => write!(f, "prefill of positions {} to {}", self.start, self.start + self.tokens - 1),
            Phase::Decode => write!(f, "decode at position {}", self.start),
        }
    }
}

/// One value of one block, in the worst of all passes.
#[derive(Debug, Clone, Serialize)]
pub struct OpReport {
    /// `blocks.3.attn.hook_q`.
    pub hook: String,
    /// The operation that makes it: `attn_q`.
    pub op: &'static str,
    /// Its block.
    pub layer: Option<usize>,
    /// How far it is from the reference.
    #[serde(flatten)]
    pub distance: Distance,
    /// Largest relative RMS that is right.
    pub budget: f64,
    /// Where an error of that size comes from.
    pub reason: &'static str,
    /// Whether every pass was within budget.
    pub passed: bool,
    /// The worst pass; none if the candidate never showed the value.
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

/// Logits of the unwatched run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LogitsReport {
    /// How far they are from the reference.
    #[serde(flatten)]
    pub distance: LogitsDistance,
    /// Largest mean KL divergence that is right.
    pub kl_budget: f64,
    /// Whether it is within budget.
    pub passed: bool,
    /// Whether they have the bits of the watched run's, whose operations run one by one. Known in free mode without
    /// experts: only then do both runs compute the same.
    pub same_bits_as_watched: Option<bool>,
}

/// A wrong result of right inputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Divergence {
    /// `blocks.3.attn.hook_rot_q`.
    pub hook: String,
    /// `rope_q`.
    pub op: &'static str,
    /// Its block.
    pub layer: Option<usize>,
    /// The first pass in which it was out of budget.
    pub pass: Option<PassAt>,
    /// How far, in that pass.
    pub rel_rms: f64,
    /// How far it might have been.
    pub budget: f64,
    /// The values that it was made of, all of them within budget.
    pub inputs: Vec<String>,
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { hook, op, rel_rms, budget, inputs, .. } = self;
        let Some(pass) = self.pass else {
            return write!(f, "{hook} (op {op}) was never shown, so nothing is known of it");
        };
        write!(f, "{hook} (op {op}), {pass}: relative RMS {rel_rms:.1e}, budget {budget:.1e}; ")?;
        match inputs.as_slice() {
            [] => f.write_str("it has no inputs but the tokens"),
            [input] => write!(f, "its input {input} was within budget"),
            _ => write!(f, "its inputs {} were within budget", inputs.join(", ")),
        }
    }
}

/// Judges what was tallied. A value that was never shown counts as out of budget from the first pass on.
pub(super) fn divergences(flow: &Flow, tallies: &HashMap<HookAt, Tally>) -> Vec<Divergence> {
    let failed_in = |at: &HookAt| {
        let tally = tallies.get(at)?;
        if tally.worst.is_none() { Some(0) } else { tally.first_failed.map(|(number, ..)| number) }
    };
    let mut found: Vec<(usize, Divergence)> = Vec::new();
    for at in flow.hooks() {
        let (Some(number), Some(tally)) = (failed_in(at), tallies.get(at)) else { continue };
        let inputs = flow.inputs(*at);
        if inputs.iter().any(|input| failed_in(input).is_some_and(|earlier| earlier <= number)) {
            continue; // a right operation makes wrong results of wrong inputs
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
pub(super) fn op_reports(flow: &Flow, tallies: &HashMap<HookAt, Tally>) -> Vec<OpReport> {
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
        let passed = budgets.admits_logits(&distance) && same_bits != Some(false);
        Self { distance, kl_budget: budgets.kl(), passed, same_bits_as_watched: same_bits }
    }
}
