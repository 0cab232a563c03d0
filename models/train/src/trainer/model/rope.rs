//! Rotary position embedding: pairs of components turn by an angle that grows with the position.

use crate::trainer::config::{Architecture, ModelConfig};

/// Cosine and sine of every angle, `[n_ctx, head_dim / 2]`.
#[derive(Debug)]
pub(super) struct Rope {
    turns: Vec<(f32, f32)>,
    half: usize,
    /// Components `i` and `i + half` form a pair; else `2i` and `2i + 1`.
    halves: bool,
}

/// Forward turns; backward turns back, for the derivative of a rotation is its inverse.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Forward,
    Backward,
}

impl Rope {
    pub(super) fn new(config: &ModelConfig) -> Self {
        let half = config.head_dim / 2;
        let angle = |position: usize, i: usize| {
            let frequency = f64::from(config.rope_base).powf(-(i as f64) / half as f64);
            position as f64 * frequency
        };
        let turns = (0..config.n_ctx).flat_map(|position| (0..half).map(move |i| (position, i)));
        let turns = turns.map(|(p, i)| (angle(p, i).cos() as f32, angle(p, i).sin() as f32)).collect();
        Self { turns, half, halves: config.architecture == Architecture::Gemma3 }
    }

    /// Turns every head of x `[n_tokens, width]` in place; row `r` is at position `r mod n_ctx`.
    pub(super) fn turn(&self, x: &mut [f32], width: usize, n_ctx: usize, direction: Direction) {
        let sign = match direction {
            Direction::Forward => 1.0,
            Direction::Backward => -1.0,
        };
        for (row, x) in x.chunks_exact_mut(width).enumerate() {
            let turns = &self.turns[row % n_ctx * self.half..][..self.half];
            for head in x.chunks_exact_mut(2 * self.half) {
                for (i, &(cos, sin)) in turns.iter().enumerate() {
                    let (a, b) = if self.halves { (i, i + self.half) } else { (2 * i, 2 * i + 1) };
                    let (xa, xb, sin) = (head[a], head[b], sign * sin);
                    head[a] = xa * cos - xb * sin;
                    head[b] = xa * sin + xb * cos;
                }
            }
        }
    }
}
