//! Rotary position embedding: the frequency of each pair, and the sines and cosines of one batch.
//!
//! The table is computed once per batch and kind of RoPE, not once per block: most models have one kind.
//!
//! Sources: Su et al. 2021; `ggml_rope_ext` for what stretches the context.

use crate::model::{Rope, RopePairing};

/// The frequency of each pair, in radians per position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RopeFreqs {
    per_pair: Vec<f64>,
    /// Factor on sine and cosine.
    magnitude: f32,
    pairing: RopePairing,
}

/// Cosines and sines for the rows of a batch, `[n_tokens, pairs]` each.
#[derive(Debug)]
pub(super) struct RopeTable {
    pub(super) pairs: usize,
    pub(super) pairing: RopePairing,
    pub(super) cos: Vec<f32>,
    pub(super) sin: Vec<f32>,
}

impl RopeFreqs {
    pub(super) fn new(rope: &Rope) -> Self {
        let stretch = if rope.ext_factor == 0.0 { 1.0 } else { 1.0 - 0.1 * f64::from(rope.freq_scale).ln() };
        Self {
            per_pair: (0..rope.n_rot / 2).map(|pair| frequency(rope, pair)).collect(),
            magnitude: (f64::from(rope.attn_factor) * stretch) as f32,
            pairing: rope.pairing,
        }
    }

    /// The sines and cosines of these positions.
    pub(super) fn table(&self, positions: &[usize]) -> RopeTable {
        let pairs = positions.iter().flat_map(|&position| {
            self.per_pair.iter().map(move |frequency| {
                let (sin, cos) = (position as f64 * frequency).sin_cos();
                (cos as f32 * self.magnitude, sin as f32 * self.magnitude)
            })
        });
        let (cos, sin) = pairs.unzip();
        RopeTable { pairs: self.per_pair.len(), pairing: self.pairing, cos, sin }
    }
}

/// base^(−2·pair/n_rot), divided by the pair's factor, and multiplied by `freq_scale` to the share that YaRN says.
fn frequency(rope: &Rope, pair: usize) -> f64 {
    let exponent = -2.0 * pair as f64 / rope.n_rot as f64;
    let factor = rope.freq_factors.as_ref().map_or(1.0, |factors| f64::from(factors[pair]));
    let frequency = f64::from(rope.base).powf(exponent) / factor;
    let kept = unstretched_share(rope, pair);
    frequency * (kept + (1.0 - kept) * f64::from(rope.freq_scale))
}

/// YaRN's ramp: 1 for pairs that turn `beta_fast` times and more within the original context, 0 for those that turn
/// `beta_slow` times and less, a straight line in between. 0 for all without YaRN.
fn unstretched_share(rope: &Rope, pair: usize) -> f64 {
    if rope.ext_factor == 0.0 {
        return 0.0;
    }
    let n_rot = rope.n_rot as f64;
    let pair_that_turns = |times: f32| {
        let context_in_turns = rope.n_ctx_orig as f64 / (f64::from(times) * std::f64::consts::TAU);
        n_rot * context_in_turns.ln() / (2.0 * f64::from(rope.base).ln())
    };
    let first = pair_that_turns(rope.beta_fast).floor().max(0.0);
    let last = pair_that_turns(rope.beta_slow).ceil().min(n_rot - 1.0);
    let ramp = ((pair as f64 - first) / (last - first).max(0.001)).clamp(0.0, 1.0);
    (1.0 - ramp) * f64::from(rope.ext_factor)
}
