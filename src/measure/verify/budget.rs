//! How far a right result may be from the reference, and why.
//!
//! Look first at the constants. Two causes make right results differ: f32 sums in another order, and activations rounded
//! to eight or sixteen bits before they meet weights in a block format. In locked mode the second does not count (see the top of
//! `witness.rs`), and what goes into the cache is the reference's, so a right operation is right to six digits whatever the
//! formats of weights, keys and values. In free mode everything before it counts, and a cache that rounds makes more of it:
//! those budgets say "not broken", the locked ones "right".
//!
//! What it deliberately does not do: adapt to what is measured. A budget that grows with the error proves nothing.
//!
//! Measured: the random models of all families in all formats (`tests/verify.rs`), and the two real models over texts of
//! forty and a hundred tokens, as they are and, so that no activations are rounded, with all their matrices in F16.

use super::Mode;
use super::distance::{Distance, LogitsDistance};
use crate::kv_cache::{KvFormat, KvFormats};
use crate::model::{FeedForward, LayerWeights, Matrix, Weights};
use crate::observe::Hook;
use crate::optimized::ActPrecision;

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
/// scores); products, whose inputs are on the grid of whole numbers, 1.7e-6.
const REORDERED: Budget = Budget { rel_rms: 1e-5, reason: "f32 sums in another order" };

/// What free mode allows for, with the errors of all blocks before.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Drift {
    /// Of a value.
    value: Budget,
    /// The largest mean KL divergence of logits, in nats.
    kl: f64,
}

const fn drift(rel_rms: f64, kl: f64, reason: &'static str) -> Drift {
    Drift { value: Budget { rel_rms, reason }, kl }
}

/// [`REORDERED`], block after block. Measured: 8.2e-6 and 4.6e-11 nats.
const SUMS: Drift = drift(1e-4, 1e-9, "f32 sums in another order, accumulated");

/// Half a step of the largest of 32 activations: 0.5 % of a product for normal ones, up to 5 % where an outlier takes the
/// range and the product is small (values of attention), and that of all blocks before. Measured: 13 % and 2.2e-2 nats in
/// random models, which are narrow, 16 % and 5.2e-3 in real ones.
const ROUNDED: Drift = drift(0.25, 0.05, "activations rounded to 8 bits, accumulated");

/// A 256th of that, which a KL feels squared, and some room. Measured: 6.6e-4 and 1.4e-7 nats, both in a real model.
const ROUNDED_FINELY: Drift = drift(2e-3, 1e-6, "activations rounded to 16 bits, accumulated");

// Both sides store keys and values alike. A number that lies in the middle between two steps becomes either, and the next
// blocks carry that on to more numbers that lie so: in thirty blocks one of them costs more than in the two of most random
// models. Of a format with steps sixteen times as wide fewer numbers lie in a middle, but each costs sixteen times as much.
// Where activations are rounded already, not a few numbers come to another step but all that lie closer to a middle than
// they are off: then the cache costs what its format costs, on both sides independently. Budgets are about four times what
// was measured where few numbers decide, and twice where many do, whose errors average out.

/// Steps of 2⁻¹¹ of the number. Measured: 1.3e-3 and 2.1e-7 nats.
const F16: Drift = drift(5e-3, 1e-6, "keys and values rounded to f16, accumulated");

/// Steps of a 127th of the largest of a block. Measured: 5.5 % and 4.3e-4 nats.
const Q8_0: Drift = drift(0.2, 2e-3, "keys and values rounded to q8_0, accumulated");
/// Measured: 20 % in random models, 13 % in real ones; 5.0e-2 nats in a random mixture of experts, where a token comes to
/// another one, 6.6e-3 in real models.
const ROUNDED_Q8_0: Drift = drift(0.4, 0.1, "activations rounded, keys and values rounded to q8_0, accumulated");

/// Steps of an eighth of the largest of a block, but a value is averaged with many others. Measured: 16 % and 4.9e-3 nats.
const Q4_0_VALUES: Drift = drift(0.6, 0.02, "values rounded to q4_0, accumulated");
/// Measured: 40 %; 8.0e-2 nats in a random mixture, 4.4e-2 in real models.
const ROUNDED_Q4_0_VALUES: Drift = drift(0.8, 0.2, "activations rounded, values rounded to q4_0, accumulated");

/// The same steps, but a key enters an exponential: attention may look elsewhere. A single value is then as far off as any
/// other (measured: 77 %, with rounded activations 110 %; of two that have nothing in common √2), so free mode judges only
/// whether it is of the right size. What the logits say still tells right from broken, which is off by whole nats. Measured:
/// 4.8e-2 nats.
const Q4_0_KEYS: Drift = drift(2.0, 0.2, "keys rounded to q4_0: judged in locked mode");
/// Measured: 0.20 nats, where the format alone costs 0.13 ([`KvFormats`]).
const ROUNDED_Q4_0_KEYS: Drift = drift(2.0, 0.5, "activations rounded, keys rounded to q4_0: judged in locked mode");

/// Scores that are further off than this may choose other experts, where some are nearly equal and a token has few: free
/// mode does not judge.
const CHOOSING: f64 = 5e-3;
const DRIFTING_CHOICE: Budget = Budget { rel_rms: 1.0, reason: "scores that are nearly equal: judged in locked mode" };

/// What the budgets of a run depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budgets {
    pub(super) mode: Mode,
    pub(super) kv: KvFormats,
    /// How finely the candidate rounds activations, if it does so anywhere in this model.
    pub(super) rounds: Option<ActPrecision>,
}

impl Budgets {
    /// The budget of a value under this hook.
    pub(super) fn of(&self, hook: Hook) -> Budget {
        let (choice, drift) = (hook == Hook::ExpertIndices, self.drift().value);
        match self.mode {
            Mode::Locked if choice => CHOICE,
            Mode::Locked => REORDERED,
            Mode::Free if !choice => drift,
            Mode::Free if drift.rel_rms > CHOOSING => DRIFTING_CHOICE,
            Mode::Free => CHOICE,
        }
    }

    /// What the causes of errors that the model has anywhere, and the cache, come to.
    fn drift(&self) -> Drift {
        if self.rounds == Some(ActPrecision::A16) {
            match (self.kv.k, self.kv.v) {
                (KvFormat::F32, KvFormat::F32) => return ROUNDED_FINELY,
                (KvFormat::F32 | KvFormat::F16, KvFormat::F32 | KvFormat::F16) => return F16,
                _ => {} // a number here and there comes to another step whatever the activations
            }
        }
        match (self.kv.k, self.kv.v, self.rounds.is_some()) {
            (KvFormat::Q4_0, _, false) => Q4_0_KEYS,
            (KvFormat::Q4_0, _, true) => ROUNDED_Q4_0_KEYS,
            (_, KvFormat::Q4_0, false) => Q4_0_VALUES,
            (_, KvFormat::Q4_0, true) => ROUNDED_Q4_0_VALUES,
            (KvFormat::Q8_0, _, false) | (_, KvFormat::Q8_0, false) => Q8_0,
            (KvFormat::Q8_0, _, true) | (_, KvFormat::Q8_0, true) => ROUNDED_Q8_0,
            (KvFormat::F32 | KvFormat::F16, KvFormat::F32 | KvFormat::F16, true) => ROUNDED,
            (KvFormat::F16, _, false) | (_, KvFormat::F16, false) => F16,
            (KvFormat::F32, KvFormat::F32, false) => SUMS,
        }
    }

    /// The largest mean KL divergence of logits with all errors accumulated, in nats.
    pub(super) fn kl(&self) -> f64 {
        self.drift().kl
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
