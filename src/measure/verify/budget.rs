//! How far a right result may be from the reference, and why.
//!
//! Look first at the constants. Two causes make right results differ: f32 sums in another order, and activations rounded
//! to eight bits before they meet weights in a block format. In locked mode the second does not count (see the top of
//! `witness.rs`), so a right operation is right to six digits whatever the formats. In free mode everything before it
//! counts: those budgets say "not broken", the locked ones "right".
//!
//! What it deliberately does not do: adapt to what is measured. A budget that grows with the error proves nothing.
//!
//! Measured: the random models of all families in all formats (`tests/verify.rs`), the two real models over forty tokens.

use super::Mode;
use super::distance::{Distance, LogitsDistance};
use crate::kv_cache::KvFormat;
use crate::model::{FeedForward, LayerWeights, Matrix, Weights};
use crate::observe::Hook;

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

/// √n · 6e-8 over sums of n ≤ 2,048 terms is 2.7e-6, and terms may cancel. Measured: at most 3.5e-6 (attention over large
/// scores); products, whose inputs are on the 8-bit grid, 1.7e-6.
const REORDERED: Budget = Budget { rel_rms: 1e-5, reason: "f32 sums in another order" };

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
pub(super) struct Budgets {
    pub(super) mode: Mode,
    pub(super) kv_format: KvFormat,
    /// Whether the suspect rounds activations anywhere in this model.
    pub(super) rounds: bool,
}

impl Budgets {
    /// The budget of a value under this hook.
    pub(super) fn of(&self, hook: Hook) -> Budget {
        match self.mode {
            Mode::Free => self.drift(hook),
            Mode::Locked if hook == Hook::ExpertIndices => CHOICE,
            Mode::Locked => REORDERED,
        }
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
            _ if self.rounds => ROUNDED_DRIFT,
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

/// Whether any matrix is in a block format, so that what it reads may be rounded.
pub(super) fn has_blocks(weights: &Weights) -> bool {
    let blocks = |matrix: &Matrix| !matrix.ty().is_float();
    let in_layer = |layer: &LayerWeights| {
        let attention = [&layer.attn_q, &layer.attn_k, &layer.attn_v, &layer.attn_output];
        let feed_forward = match &layer.ffn {
            FeedForward::Dense { gate, up, down } => gate.iter().chain([up, down]).any(|linear| blocks(&linear.weight)),
            FeedForward::Experts { router, gate, up, down } => {
                gate.iter().chain(up).chain(down).chain([router]).any(blocks)
            }
        };
        feed_forward || attention.iter().any(|linear| blocks(&linear.weight))
    };
    blocks(weights.output_matrix()) || weights.layers.iter().any(in_layer)
}
