//! The small vector operations: norms, softmax, activations, RoPE, addition.
//!
//! Each body is written once, in plain Rust, and compiled once per instruction set (`stamp!` in `table.rs`): the compiler
//! makes vectors of the loops, and since nothing here is reordered or contracted unless written so (`mul_add`), the bits
//! are those of the scalar build. Sums run in sixteen lanes, lane `i` adding elements `i, i + 16, …`, and the lanes are
//! then added in the fixed [`tree`]: a definition, whatever the width of the registers.
//!
//! Look first at [`exp`], on which softmax and both activations stand.

const LANES: usize = 16;

/// Adds sixteen lanes: `i` and `i + 8`, then `i` and `i + 4`, and so on.
#[inline(always)]
fn tree(mut lanes: [f32; LANES]) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}

/// `Σ f(lane, x)` over all of `x`, in lanes.
#[inline(always)]
fn sum(x: &[f32], add: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (full, rest) = x.as_chunks::<LANES>();
    for x in full {
        for i in 0..LANES {
            lanes[i] = add(lanes[i], x[i]);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = add(*lane, x);
    }
    tree(lanes)
}

/// RMSNorm: `x / √(mean(x²) + ε) · weight`.
#[inline(always)]
pub(super) fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    assert!(x.len() == weight.len() && x.len() == out.len());
    let squares = sum(x, |acc, x| x.mul_add(x, acc));
    let inverse = 1.0 / (squares * (1.0 / x.len() as f32) + eps).sqrt();
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * inverse * weight;
    }
}

/// LayerNorm: `(x − mean) / √(variance + ε) · weight + bias`.
#[inline(always)]
pub(super) fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    assert!(x.len() == weight.len() && x.len() == bias.len() && x.len() == out.len());
    let one_over_n = 1.0 / x.len() as f32;
    let mean = sum(x, |acc, x| acc + x) * one_over_n;
    for (out, x) in out.iter_mut().zip(x) {
        *out = x - mean;
    }
    let squares = sum(out, |acc, x| x.mul_add(x, acc));
    let inverse = 1.0 / (squares * one_over_n + eps).sqrt();
    for ((out, weight), bias) in out.iter_mut().zip(weight).zip(bias) {
        *out = *out * inverse * weight + bias;
    }
}

/// eˣ within 2 ulp (of the smallest normal number below 2⁻¹²⁶): 0 below −104, infinite above 88.73, NaN of NaN.
///
/// `x = n·ln 2 + r` with `|r| ≤ ½ ln 2`; `eʳ` by a polynomial (the coefficients are those of Cephes' `expf`), `2ⁿ` by
/// building its exponent, in two factors because `n` may be beyond what one exponent can hold.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
    const LN_2_HIGH: f32 = 355.0 / 512.0; // few bits: n · LN_2_HIGH is exact
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x));
    let mut p = 1.987_569_1e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = r.mul_add(p, c);
    }
    let e_r = p.mul_add(r * r, r) + 1.0;

    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    e_r * power(half) * power(n.wrapping_sub(half))
}

/// The largest number; −∞ of none. NaNs are passed over.
#[inline(always)]
pub(super) fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (full, rest) = x.as_chunks::<LANES>();
    for x in full {
        for i in 0..LANES {
            lanes[i] = if x[i] > lanes[i] { x[i] } else { lanes[i] };
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max })
}

/// `x ← e^(x − max)`; returns the sum of the results, in lanes. With `max` −∞ (nothing is visible) all become 0.
#[inline(always)]
pub(super) fn exp_sum(x: &mut [f32], max: f32) -> f32 {
    if max == f32::NEG_INFINITY {
        x.fill(0.0);
        return 0.0;
    }
    for x in x.iter_mut() {
        *x = exp(*x - max);
    }
    sum(x, |acc, x| acc + x)
}

/// SiLU: `x / (1 + e⁻ˣ)`.
#[inline(always)]
fn silu_of(x: f32) -> f32 {
    x * (1.0 / (1.0 + exp(-x)))
}

/// GELU in its tanh form, `½ x (1 + tanh u)`, which is `x / (1 + e^(−2u))` with `u = √(2/π) · x · (1 + 0.044715 x²)`.
#[inline(always)]
fn gelu_of(x: f32) -> f32 {
    let u = 0.797_884_6 * x * (1.0 + 0.044_715 * x * x);
    x * (1.0 / (1.0 + exp(-2.0 * u)))
}

/// `out = silu(x)`.
#[inline(always)]
pub(super) fn silu(x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    out.iter_mut().zip(x).for_each(|(out, &x)| *out = silu_of(x));
}

/// `out = gelu(x)`.
#[inline(always)]
pub(super) fn gelu(x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    out.iter_mut().zip(x).for_each(|(out, &x)| *out = gelu_of(x));
}

/// `out = silu(gate) · up`.
#[inline(always)]
pub(super) fn silu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
    assert!(gate.len() == out.len() && up.len() == out.len());
    out.iter_mut().zip(gate).zip(up).for_each(|((out, &gate), &up)| *out = silu_of(gate) * up);
}

/// `out = gelu(gate) · up`.
#[inline(always)]
pub(super) fn gelu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
    assert!(gate.len() == out.len() && up.len() == out.len());
    out.iter_mut().zip(gate).zip(up).for_each(|((out, &gate), &up)| *out = gelu_of(gate) * up);
}

/// RoPE of one head, pairs `(2i, 2i + 1)`: each turns by the angle whose cosine and sine are given. Components after the
/// last pair stay.
#[inline(always)]
pub(super) fn rope_adjacent(x: &mut [f32], cos: &[f32], sin: &[f32]) {
    assert!(cos.len() == sin.len() && 2 * cos.len() <= x.len());
    for ((pair, cos), sin) in x.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
        let [a, b] = *pair;
        *pair = [a * cos - b * sin, a * sin + b * cos];
    }
}

/// RoPE of one head, pairs `(i, i + pairs)`.
#[inline(always)]
pub(super) fn rope_halves(x: &mut [f32], cos: &[f32], sin: &[f32]) {
    assert!(cos.len() == sin.len() && 2 * cos.len() <= x.len());
    let (low, high) = x.split_at_mut(cos.len());
    for (((a, b), cos), sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
        (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
    }
}

/// `x += y`.
#[inline(always)]
pub(super) fn add(x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len());
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// `x ← x · factor`.
#[inline(always)]
pub(super) fn scale(x: &mut [f32], factor: f32) {
    x.iter_mut().for_each(|x| *x *= factor);
}

/// `x ← fma(factor, y, x)`.
#[inline(always)]
pub(super) fn add_scaled(x: &mut [f32], factor: f32, y: &[f32]) {
    assert_eq!(x.len(), y.len());
    x.iter_mut().zip(y).for_each(|(x, y)| *x = factor.mul_add(*y, *x));
}
