//! Rotary position embedding: how fast each pair turns, and the sines and cosines of one batch.
//!
//! The angles are worked out once per batch and kind of RoPE, not once per block: most models have one kind.
//!
//! Sources: Su et al. 2021; `ggml_rope_ext` for what stretches the context.

use crate::model::{Rope, RopePairing};

/// Angular speed of each pair, in radians per position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Speeds {
    per_pair: Vec<f64>,
    /// Factor on sine and cosine.
    magnitude: f32,
    pub(super) pairing: RopePairing,
}

/// Cosines and sines for the rows of a batch, `[n_tokens, pairs]` each.
#[derive(Debug, Default)]
pub(super) struct Turns {
    pub(super) pairs: usize,
    pub(super) cos: Vec<f32>,
    pub(super) sin: Vec<f32>,
}

impl Speeds {
    pub(super) fn new(rope: &Rope) -> Self {
        let stretch = if rope.ext_factor == 0.0 { 1.0 } else { 1.0 - 0.1 * f64::from(rope.freq_scale).ln() };
        Self {
            per_pair: (0..rope.n_rot / 2).map(|pair| speed(rope, pair)).collect(),
            magnitude: (f64::from(rope.attn_factor) * stretch) as f32,
            pairing: rope.pairing,
        }
    }

    /// The sines and cosines of these positions.
    pub(super) fn turns(&self, positions: &[usize]) -> Turns {
        let turns = positions.iter().flat_map(|&position| {
            self.per_pair.iter().map(move |speed| {
                let (sin, cos) = (position as f64 * speed).sin_cos();
                (cos as f32 * self.magnitude, sin as f32 * self.magnitude)
            })
        });
        let (cos, sin) = turns.unzip();
        Turns { pairs: self.per_pair.len(), cos, sin }
    }
}

/// base^(−2·pair/n_rot), divided by the pair's factor, and slowed down by `freq_scale` as far as YaRN wants it.
fn speed(rope: &Rope, pair: usize) -> f64 {
    let exponent = -2.0 * pair as f64 / rope.n_rot as f64;
    let factor = rope.freq_factors.as_ref().map_or(1.0, |factors| f64::from(factors[pair]));
    let speed = f64::from(rope.base).powf(exponent) / factor;
    let kept = unstretched_share(rope, pair);
    speed * (kept + (1.0 - kept) * f64::from(rope.freq_scale))
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
