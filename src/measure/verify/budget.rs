//! How far a right result may be from the reference, and why.
//!
//! Look first at the constants. Two causes make right results differ: f32 sums in another order, and activations rounded
//! to eight bits before they meet weights in a block format. In locked mode the second does not count (see
//! [`witness::snap`](super::witness)), so a right operation is right to six digits. In free mode everything before it
//! counts: those budgets say "not broken", the locked ones "right".
//!
//! What it deliberately does not do: adapt to what is measured. A budget that grows with the error proves nothing.
//!
//! Measured: the random models of all families in all formats (`tests/verify.rs`), the two real models over forty tokens.

use super::Mode;
use super::distance::{Distance, LogitsDistance};
use crate::kv_cache::KvFormat;
use crate::model::{FeedForward, Matrix, Weights};
use crate::observe::{Hook, HookAt, Op};

/// The largest error that is still right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Largest [`Distance::rel_rms`].
    pub rel_rms: f64,
    /// Where an error of this size comes from.
    pub reason: &'static str,
}

impl Budget {
    pub(super) fn admits(&self, distance: &Distance) -> bool {
        distance.rel_rms <= self.rel_rms // not if it is no number
    }
}

/// A choice, not a number: equal or wrong.
const CHOICE: Budget = Budget { rel_rms: 0.0, reason: "the same scores choose the same experts" };

/// About √n · 6e-8 over sums of n ≤ 1,536 terms, more where large terms cancel. Measured: at most MEASURED_REORDERED.
const REORDERED: Budget = Budget { rel_rms: 1e-5, reason: "f32 sums in another order" };

/// As [`REORDERED`], where the terms are products with a whole number of 32 · 127 · 255 at most, and outliers a thousand
/// times as large as the rest cancel each other. Measured: at most MEASURED_PRODUCT.
const PRODUCT: Budget = Budget { rel_rms: 5e-5, reason: "f32 sums in another order, of activations on the 8-bit grid" };

/// [`REORDERED`], block after block. Measured: 3.4e-6 over six random blocks.
const DRIFT: Budget = Budget { rel_rms: 1e-4, reason: "f32 sums in another order, accumulated" };

/// A key in the middle between two neighbouring f16, 2⁻¹¹ apart, becomes either. Measured: 8.8e-4.
const STORED_DRIFT: Budget = Budget { rel_rms: 5e-3, reason: "keys and values rounded in the cache, accumulated" };

/// Half a step of the largest of 32 activations: 0.5 % of a product for normal ones, up to 5 % where an outlier takes the
/// range and the product is small (values of attention), and that of all blocks before. Measured: 12 % in random models,
/// which are narrow, 10 % in real ones.
const ROUNDED_DRIFT: Budget = Budget { rel_rms: 0.25, reason: "activations rounded to 8 bits, accumulated" };

/// Rounding decides between experts whose scores are nearly equal, and a token has few: free mode does not judge.
const DRIFTING_CHOICE: Budget = Budget { rel_rms: 1.0, reason: "scores that are nearly equal: judged in locked mode" };

/// What the budgets of a run depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budgets<'a> {
    pub(super) mode: Mode,
    pub(super) weights: &'a Weights,
    pub(super) kv_format: KvFormat,
    /// Whether the suspect rounds activations before block formats.
    pub(super) rounds: bool,
}

impl Budgets<'_> {
    /// The budget of a value that `op` makes.
    pub(super) fn of(&self, at: HookAt, op: Op) -> Budget {
        match self.mode {
            Mode::Free => self.drift(at.hook),
            Mode::Locked if at.hook == Hook::ExpertIndices => CHOICE,
            Mode::Locked if self.rounds && has_blocks(self.weights, op, at.layer) => PRODUCT,
            Mode::Locked => REORDERED,
        }
    }

    /// Whether the suspect rounds activations anywhere in this model.
    pub(super) fn rounds_somewhere(&self) -> bool {
        let mut layers = (0..self.weights.layers.len()).map(Some).chain([None]);
        self.rounds && layers.any(|layer| Op::ALL.iter().any(|&op| has_blocks(self.weights, op, layer)))
    }

    fn drift(&self, hook: Hook) -> Budget {
        let choice = hook == Hook::ExpertIndices;
        match self.drifts() {
            ROUNDED_DRIFT if choice => DRIFTING_CHOICE,
            _ if choice => CHOICE,
            drift => drift,
        }
    }

    /// The largest cause of errors that the model has anywhere.
    fn drifts(&self) -> Budget {
        match self.kv_format {
            _ if self.rounds_somewhere() => ROUNDED_DRIFT,
            KvFormat::F32 => DRIFT,
            _ => STORED_DRIFT,
        }
    }

    /// The largest mean KL divergence of logits with all errors accumulated, in nats. Measured: 2.2e-2 in a random model
    /// and 5e-3 in a real one with rounded activations, 9e-9 with a cache in f16, 1.4e-12 otherwise.
    pub(super) fn kl(&self) -> f64 {
        match self.drifts() {
            ROUNDED_DRIFT => 0.05,
            STORED_DRIFT => 1e-6,
            _ => 1e-9,
        }
    }

    pub(super) fn admits_logits(&self, distance: &LogitsDistance) -> bool {
        distance.kl_mean <= self.kl()
    }
}

/// Whether an operation multiplies with a matrix in a block format.
fn has_blocks(weights: &Weights, op: Op, layer: Option<usize>) -> bool {
    let blocks = |matrix: &Matrix| !matrix.ty().is_float();
    let Some(layer) = layer.and_then(|layer| weights.layers.get(layer)) else {
        return op == Op::Output && blocks(weights.output_matrix());
    };
    match (op, &layer.ffn) {
        (Op::AttnQ, _) => blocks(&layer.attn_q.weight),
        (Op::AttnK, _) => blocks(&layer.attn_k.weight),
        (Op::AttnV, _) => blocks(&layer.attn_v.weight),
        (Op::AttnOutput, _) => blocks(&layer.attn_output.weight),
        (Op::FfnGate, FeedForward::Dense { gate, .. }) => gate.iter().any(|gate| blocks(&gate.weight)),
        (Op::FfnUp, FeedForward::Dense { up, .. }) => blocks(&up.weight),
        (Op::FfnDown, FeedForward::Dense { down, .. }) => blocks(&down.weight),
        (Op::FfnGateInp, FeedForward::Experts { router, .. }) => blocks(router),
        (Op::FfnGate, FeedForward::Experts { gate, .. }) => gate.iter().any(blocks),
        (Op::FfnUp, FeedForward::Experts { up, .. }) => up.iter().any(blocks),
        (Op::FfnDown, FeedForward::Experts { down, .. }) => down.iter().any(blocks),
        _ => false,
    }
}
