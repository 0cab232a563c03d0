//! The gated feed-forward network and its derivative: `down(act(gate(x)) ∘ up(x))`.

use super::math::{exp, sigmoid};
use crate::trainer::matmul::{Into, linear, linear_input, linear_weight};
use std::ops::Range;

/// What the derivative needs to know about a network's run.
#[derive(Debug, Default)]
pub(super) struct FeedForwardTape {
    gate: Vec<f32>,
    up: Vec<f32>,
    hidden: Vec<f32>,
}

/// The nonlinearity.
#[derive(Debug, Clone, Copy)]
pub(super) enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
    Gelu,
}

const SQRT_2_OVER_PI: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;

impl Activation {
    /// Value and slope at x.
    #[inline(always)]
    fn at(self, x: f32) -> (f32, f32) {
        match self {
            Activation::Silu => {
                let s = sigmoid(x);
                (x * s, s * (1.0 + x * (1.0 - s)))
            }
            Activation::Gelu => {
                let inner = SQRT_2_OVER_PI * x * (1.0 + CUBIC * x * x);
                let tanh = 1.0 - 2.0 / (exp(2.0 * inner) + 1.0);
                let slope = SQRT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x);
                (0.5 * x * (1.0 + tanh), 0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * slope)
            }
        }
    }
}

/// Runs x `[rows, n_embd]` through `[gate, up, down]` into y.
pub(super) fn forward(
    activation: Activation,
    params: &[f32],
    weights: &[Range<usize>; 3],
    x: &[f32],
    y: &mut [f32],
    rows: usize,
    tape: &mut FeedForwardTape,
) {
    if rows == 0 {
        return;
    }
    let [gate, up, down] = weights.clone().map(|range| &params[range]);
    let n_ff = gate.len() * rows / x.len();
    for buffer in [&mut tape.gate, &mut tape.up, &mut tape.hidden] {
        buffer.resize(rows * n_ff, 0.0);
    }
    linear(&mut tape.gate, x, gate, rows);
    linear(&mut tape.up, x, up, rows);
    match activation {
        Activation::Silu => gated(&tape.gate, &tape.up, &mut tape.hidden, |x| Activation::Silu.at(x).0),
        Activation::Gelu => gated(&tape.gate, &tape.up, &mut tape.hidden, |x| Activation::Gelu.at(x).0),
    }
    linear(y, &tape.hidden, down, rows);
}

/// `hidden = act(gate) ∘ up`.
#[inline(always)]
fn gated(gate: &[f32], up: &[f32], hidden: &mut [f32], act: impl Fn(f32) -> f32) {
    for ((h, &g), &u) in hidden.iter_mut().zip(gate).zip(up) {
        *h = act(g) * u;
    }
}

/// Writes the derivative with respect to x into `dx` and adds those of the weights to `grads`.
#[allow(clippy::too_many_arguments)]
pub(super) fn backward(
    activation: Activation,
    params: &[f32],
    weights: &[Range<usize>; 3],
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    grads: &mut [f32],
    rows: usize,
    tape: &FeedForwardTape,
    scratch: &mut [Vec<f32>; 2],
) {
    if rows == 0 {
        return;
    }
    let [gate, up, down] = weights.clone().map(|range| &params[range]);
    for buffer in scratch.iter_mut() {
        buffer.resize(tape.hidden.len(), 0.0);
    }
    let [d_gate, d_up] = scratch;
    linear_weight(&mut grads[weights[2].clone()], dy, &tape.hidden, rows);
    linear_input(d_up, dy, down, rows, Into::Set); // as yet the derivative of `hidden`
    match activation {
        Activation::Silu => gated_slopes(tape, d_gate, d_up, |x| Activation::Silu.at(x)),
        Activation::Gelu => gated_slopes(tape, d_gate, d_up, |x| Activation::Gelu.at(x)),
    }
    linear_weight(&mut grads[weights[0].clone()], d_gate, x, rows);
    linear_weight(&mut grads[weights[1].clone()], d_up, x, rows);
    linear_input(dx, d_gate, gate, rows, Into::Set);
    linear_input(dx, d_up, up, rows, Into::Add);
}

/// From the derivative of `hidden`, in `d_up`, to those of gate and up.
#[inline(always)]
fn gated_slopes(tape: &FeedForwardTape, d_gate: &mut [f32], d_up: &mut [f32], act: impl Fn(f32) -> (f32, f32)) {
    for (((dg, du), &g), &u) in d_gate.iter_mut().zip(d_up).zip(&tape.gate).zip(&tape.up) {
        let (value, slope) = act(g);
        *dg = *du * u * slope;
        *du *= value;
    }
}
