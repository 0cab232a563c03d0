//! How far a right result may be from the reference, and why.
//!
//! Look first at the constants. Right results differ for two reasons: f32 sums are added in another order, and activations
//! are rounded to 8 or 16 bits before they are multiplied with weights in a block format. In locked mode the second reason
//! is excluded (see the top of `recorder.rs`), and the cache holds the reference's keys and values. So a right operation
//! agrees to six decimal digits, whatever the formats of weights, keys and values are. In free mode all errors of earlier
//! operations count, and a cache that rounds makes them larger. A run within the free budgets is not broken; a run within
//! the locked budgets is right.
//!
//! What it deliberately does not do: adapt to what is measured. A budget that grows with the error proves nothing.
//!
//! Every constant says what was measured: on the random models of all families in all formats (`tests/verify/families.rs`), and on
//! the two real models over texts of 40 and 100 tokens, once as they are and once with all matrices in F16, so that no
//! activations are rounded.

use super::Mode;
use super::distance::{Distance, LogitsDistance};
use crate::kv_cache::{KvFormat, KvFormats};
use crate::model::{FeedForward, LayerWeights, Matrix, Weights};
use crate::observe::Hook;
use crate::optimized::ActPrecision;

/// The largest error that a right result may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Largest [`Distance::rel_rms`].
    pub rel_rms: f64,
    /// The cause of errors up to this size.
    pub reason: &'static str,
}

impl Budget {
    pub(super) fn allows(&self, distance: &Distance) -> bool {
        distance.rel_rms <= self.rel_rms // false for NaN
    }
}

/// For the choice of experts, which is equal or wrong.
const CHOICE: Budget = Budget { rel_rms: 0.0, reason: "the same scores choose the same experts" };

/// Rounding in a sum of n ≤ 2,048 terms: √n · 6e-8 = 2.7e-6, and more where terms cancel. Measured: at most 3.5e-6 (attention
/// over large scores), and 1.7e-6 for products, whose inputs are integer multiples of a step.
const REORDERED: Budget = Budget { rel_rms: 1e-5, reason: "f32 sums in another order" };

/// The budgets of free mode, which include the errors of all blocks before.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ErrorBudget {
    /// For an activation.
    value: Budget,
    /// The largest mean KL divergence of the logits, in nats.
    kl: f64,
}

const fn error_budget(rel_rms: f64, kl: f64, reason: &'static str) -> ErrorBudget {
    ErrorBudget { value: Budget { rel_rms, reason }, kl }
}

/// [`REORDERED`] in each of the blocks. Measured: 8.2e-6 and 4.6e-11 nats.
const SUMS: ErrorBudget = error_budget(1e-4, 1e-9, "f32 sums in another order, accumulated");

/// Each activation is off by up to half a step, and a step is a 127th of the largest of 32 activations. That is 0.5 % of a
/// product of normally distributed activations, and up to 5 % of a small product where one outlier makes the step large
/// (values of attention). The errors of all blocks before are added. Measured: 13 % and 2.2e-2 nats in random models, which
/// are narrow; 16 % and 5.2e-3 nats in real ones.
const A8: ErrorBudget = error_budget(0.25, 0.05, "activations rounded to 8 bits, accumulated");

/// Steps 256 times as fine. A KL divergence grows with the square of an error. Measured: 6.6e-4 and 1.4e-7 nats, both in a
/// real model.
const A16: ErrorBudget = error_budget(2e-3, 1e-6, "activations rounded to 16 bits, accumulated");

// Both sides store keys and values in the same format. A number near the middle between two steps may be rounded up on one
// side and down on the other. The next blocks carry this difference to more numbers, so it costs more in thirty blocks than
// in the two of most random models. In a format with steps 16 times as wide, fewer numbers are near a middle, but each costs
// 16 times as much. If activations are rounded too, the two sides differ before they round for the cache. Then many numbers
// are rounded to different steps, and both sides have the format's whole error, independently. Budgets are about four times
// the measured value where few numbers decide, and twice where many do, because many errors average out.

/// Steps of 2⁻¹¹ of the number. Measured: 1.3e-3 and 2.1e-7 nats.
const F16: ErrorBudget = error_budget(5e-3, 1e-6, "keys and values rounded to f16, accumulated");

/// Steps of a 127th of the largest number of a block. Measured: 5.5 % and 4.3e-4 nats.
const Q8_0: ErrorBudget = error_budget(0.2, 2e-3, "keys and values rounded to q8_0, accumulated");
/// Measured: 20 % in random models, 13 % in real ones; 5.0e-2 nats in a random mixture of experts, where a token is routed to
/// another expert; 6.6e-3 nats in real models.
const A8_Q8_0: ErrorBudget =
    error_budget(0.4, 0.1, "activations rounded, keys and values rounded to q8_0, accumulated");

/// Steps of an eighth of the largest number of a block, but attention averages many values. Measured: 16 % and 4.9e-3 nats.
const Q4_0_VALUES: ErrorBudget = error_budget(0.6, 0.02, "values rounded to q4_0, accumulated");
/// Measured: 40 %; 8.0e-2 nats in a random mixture of experts, 4.4e-2 in real models.
const A8_Q4_0_VALUES: ErrorBudget = error_budget(0.8, 0.2, "activations rounded, values rounded to q4_0, accumulated");

/// The same steps, but keys enter an exponential, so attention may choose other positions. A single value can then be as far
/// off as an unrelated one (measured: 77 %, and 110 % with rounded activations; two unrelated vectors differ by √2), so free
/// mode only tests that it has the right size. The logits still tell a right model from a broken one, whose KL divergence is
/// several nats. Measured: 4.8e-2 nats.
const Q4_0_KEYS: ErrorBudget = error_budget(2.0, 0.2, "keys rounded to q4_0: judged in locked mode");
/// Measured: 0.20 nats, of which the format alone costs 0.13 ([`KvFormats`]).
const A8_Q4_0_KEYS: ErrorBudget =
    error_budget(2.0, 0.5, "activations rounded, keys rounded to q4_0: judged in locked mode");

/// If scores may be further off than this, nearly equal ones may choose other experts. Free mode then allows any choice.
const STRICT_CHOICE_LIMIT: f64 = 5e-3;
const LOOSE_CHOICE: Budget = Budget { rel_rms: 1.0, reason: "scores that are nearly equal: judged in locked mode" };

/// The properties of a run that its budgets depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budgets {
    pub(super) mode: Mode,
    pub(super) kv: KvFormats,
    /// The precision to which the candidate rounds activations, if it does so anywhere in this model.
    pub(super) act_precision: Option<ActPrecision>,
}

impl Budgets {
    /// The budget of the value with this hook.
    pub(super) fn of(&self, hook: Hook) -> Budget {
        let (choice, accumulated) = (hook == Hook::ExpertIndices, self.error_budget().value);
        match self.mode {
            Mode::Locked if choice => CHOICE,
            Mode::Locked => REORDERED,
            Mode::Free if !choice => accumulated,
            Mode::Free if accumulated.rel_rms > STRICT_CHOICE_LIMIT => LOOSE_CHOICE,
            Mode::Free => CHOICE,
        }
    }

    /// The budget of free mode, by the precision of activations and the formats of the cache.
    fn error_budget(&self) -> ErrorBudget {
        if self.act_precision == Some(ActPrecision::A16) {
            match (self.kv.k, self.kv.v) {
                (KvFormat::F32, KvFormat::F32) => return A16,
                (KvFormat::F32 | KvFormat::F16, KvFormat::F32 | KvFormat::F16) => return F16,
                _ => {} // with wider steps, some numbers are rounded differently even so
            }
        }
        match (self.kv.k, self.kv.v, self.act_precision.is_some()) {
            (KvFormat::Q4_0, _, false) => Q4_0_KEYS,
            (KvFormat::Q4_0, _, true) => A8_Q4_0_KEYS,
            (_, KvFormat::Q4_0, false) => Q4_0_VALUES,
            (_, KvFormat::Q4_0, true) => A8_Q4_0_VALUES,
            (KvFormat::Q8_0, _, false) | (_, KvFormat::Q8_0, false) => Q8_0,
            (KvFormat::Q8_0, _, true) | (_, KvFormat::Q8_0, true) => A8_Q8_0,
            (KvFormat::F32 | KvFormat::F16, KvFormat::F32 | KvFormat::F16, true) => A8,
            (KvFormat::F16, _, false) | (_, KvFormat::F16, false) => F16,
            (KvFormat::F32, KvFormat::F32, false) => SUMS,
        }
    }

    /// The largest mean KL divergence of logits with all errors accumulated, in nats.
    pub(super) fn kl(&self) -> f64 {
        self.error_budget().kl
    }

    pub(super) fn allows_logits(&self, distance: &LogitsDistance) -> bool {
        distance.kl_mean <= self.kl()
    }
}

/// Whether any matrix is in a block format, so that its inputs may be rounded.
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
