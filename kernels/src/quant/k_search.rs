//! How the K-quants choose their scales: not the obvious ones, but the best of about twenty tries.
//!
//! The obvious scale maps the largest weight to the largest code. A slightly different one may leave the others closer
//! to a code. So each try takes a step size near the obvious one and rounds the weights to codes with it; then, *with
//! the codes held fixed*, the scale that fits them best is a weighted least-squares problem with a closed solution:
//!
//! ```text
//!  without minimum    Σ wᵢ (s·qᵢ − xᵢ)²     →  s = Σwqx / Σwq²
//!  with minimum       Σ wᵢ (s·qᵢ + m − xᵢ)² →  s = (Σw·Σwqx − Σwx·Σwq) / D,   m = (Σwq²·Σwx − Σwq·Σwqx) / D
//!                                              D =  Σw·Σwq² − (Σwq)²
//! ```
//!
//! The weighting wᵢ says how much an error at xᵢ matters; without statistics of a model's activations, a large weight
//! counts more than a small one. Look first at `scale_and_min`.
//!
//! The order of the floating-point operations is that of llama.cpp, so that the bytes are. What it does with weights
//! whose squares leave the range of f32 (above about 1e19, or NaN) is defined and useless: the group becomes zeros or
//! gets an infinite scale. Source: `make_qkx2_quants`, `make_qx_quants`, `nearest_int` in `ggml-quants.c`.

use super::{f16, k_scales};

/// Which step sizes to try for a group: range / (`max_code` + `first` + 0.1·i) for i = 0 … `steps`.
#[derive(Clone, Copy)]
pub(super) struct Tries {
    pub(super) max_code: i32,
    pub(super) first: f32,
    pub(super) steps: i32,
}

/// 256 weights as Q4_K and Q5_K see them, the codes not yet packed.
pub(super) struct Affine {
    pub(super) d: [u8; 2],
    pub(super) dmin: [u8; 2],
    pub(super) scales: [u8; 12],
    pub(super) codes: [u8; 256],
}

/// Quantises 256 weights in groups of 32 with a scale and a minimum each, and those to six bits.
pub(super) fn affine(weights: &[f32; 256], tries: Tries) -> Affine {
    let (groups, _) = weights.as_chunks::<32>();
    let mut codes = [[0; 32]; 8];
    let (mut scales, mut mins) = ([0.0; 8], [0.0; 8]);
    for (g, x) in groups.iter().enumerate() {
        let mean_square = x.iter().fold(0.0, |sum, x| sum + x * x) / 32.0;
        let importance = x.map(|x| mean_square.sqrt() + x.abs());
        (scales[g], mins[g], codes[g]) = scale_and_min(x, &importance, tries);
    }

    // Scales and minima become whole numbers 0 … 63 against the largest of them.
    let (max_scale, max_min) = (largest(&scales), largest(&mins));
    let to_six_bits = |values: &[f32; 8], max: f32| {
        let inverse = if max > 0.0 { 63.0 / max } else { 0.0 };
        values.map(|value| (nearest_int(inverse * value) as u8).min(63))
    };
    let (six_scales, six_mins) = (to_six_bits(&scales, max_scale), to_six_bits(&mins, max_min));
    let (d, dmin) = (f16::from_f32(max_scale / 63.0), f16::from_f32(max_min / 63.0));

    // All that was rounding: choose the codes again, for the scales that a reader of the block will see.
    for (g, x) in groups.iter().enumerate() {
        let scale = f16::to_f32(d) * f32::from(six_scales[g]);
        let min = f16::to_f32(dmin) * f32::from(six_mins[g]);
        if scale != 0.0 {
            codes[g] = x.map(|x| nearest_int((x + min) / scale).clamp(0, tries.max_code) as u8);
        }
    }

    let mut flat = [0; 256];
    flat.copy_from_slice(codes.as_flattened());
    Affine { d, dmin, scales: k_scales::pack(&six_scales, &six_mins), codes: flat }
}

/// The best (scale, min, codes) found for 32 weights: weight ≈ scale · code − min, with min ≥ 0.
fn scale_and_min(x: &[f32; 32], importance: &[f32; 32], tries: Tries) -> (f32, f32, [u8; 32]) {
    let max = x.iter().fold(x[0], |max, &x| if x > max { x } else { max });
    let min = x.iter().fold(x[0], |min, &x| if x < min { x } else { min });
    let mut min = if min > 0.0 { 0.0 } else { min };
    if max == min {
        return (0.0, -min, [0; 32]);
    }
    let max_code = tries.max_code as f32;
    let round = |inverse: f32, min: f32| x.map(|x| nearest_int(inverse * (x - min)).clamp(0, tries.max_code) as u8);
    let error = |scale: f32, min: f32, codes: &[u8; 32]| {
        (0..32).fold(0.0, |sum, i| {
            let difference = scale * f32::from(codes[i]) + min - x[i];
            sum + importance[i] * (difference * difference)
        })
    };

    let inverse = max_code / (max - min);
    let mut scale = 1.0 / inverse;
    let mut best = round(inverse, min);
    let mut best_error = error(scale, min, &best);

    let sum_w = (1..32).fold(importance[0], |sum, i| sum + importance[i]);
    let sum_wx = (1..32).fold(importance[0] * x[0], |sum, i| sum + importance[i] * x[i]);
    for step in 0..=tries.steps {
        // Tries continue from the best minimum so far, not from the smallest weight.
        let codes = round((tries.first + 0.1 * step as f32 + max_code) / (max - min), min);

        let (mut sum_wq, mut sum_wqq, mut sum_wqx) = (0.0, 0.0, 0.0);
        for i in 0..32 {
            let wq = importance[i] * f32::from(codes[i]);
            sum_wq += wq;
            sum_wqq += wq * f32::from(codes[i]);
            sum_wqx += wq * x[i];
        }
        let determinant = sum_w * sum_wqq - sum_wq * sum_wq;
        if determinant > 0.0 {
            let mut this_scale = (sum_w * sum_wqx - sum_wx * sum_wq) / determinant;
            let mut this_min = (sum_wqq * sum_wx - sum_wq * sum_wqx) / determinant;
            if this_min > 0.0 {
                // The format can only subtract: fit without a minimum.
                this_min = 0.0;
                this_scale = sum_wqx / sum_wqq;
            }
            let this_error = error(this_scale, this_min, &codes);
            if this_error < best_error {
                (scale, min, best, best_error) = (this_scale, this_min, codes, this_error);
            }
        }
    }
    (scale, -min, best)
}

/// The best (scale, codes) found for 16 weights of Q6_K: weight ≈ scale · (code − 32).
///
/// Errors count by the square of the weight. The first try maps the largest magnitude to −32, the others to
/// −32 ∓ 0.1 … 0.9. Weights that are all below 1e-15 count as zero: scale 0, codes 0.
pub(super) fn scale_only(x: &[f32; 16]) -> (f32, [u8; 16]) {
    let largest = super::q4_0::largest_magnitude(x);
    if largest.abs() < NOTHING {
        return (0.0, [0; 16]);
    }
    let round = |inverse: f32| x.map(|x| nearest_int(inverse * x).clamp(-32, 31));
    let sums = |codes: &[i32; 16]| {
        let (mut sum_wqx, mut sum_wqq) = (0.0, 0.0);
        for i in 0..16 {
            let (w, q) = (x[i] * x[i], codes[i] as f32);
            sum_wqx += w * x[i] * q;
            sum_wqq += w * q * q;
        }
        (sum_wqx, sum_wqq)
    };

    let mut best = round(-32.0 / largest);
    let (sum_wqx, sum_wqq) = sums(&best);
    let mut scale = if sum_wqq != 0.0 { sum_wqx / sum_wqq } else { 0.0 };
    let mut gain = scale * sum_wqx; // how much of Σwx² the fit explains: the larger, the smaller the error
    for step in (-9..=9).filter(|&step| step != 0) {
        let codes = round(-(32.0 + 0.1 * step as f32) / largest);
        let (sum_wqx, sum_wqq) = sums(&codes);
        if sum_wqq > 0.0 && sum_wqx * sum_wqx > gain * sum_wqq {
            scale = sum_wqx / sum_wqq;
            gain = scale * sum_wqx;
            best = codes;
        }
    }
    (scale, best.map(|code| (code + 32) as u8))
}

/// Below this a group of weights counts as zero.
pub(super) const NOTHING: f32 = 1e-15;

/// The whole number nearest to `x`, ties to even, for |x| < 2²².
///
/// An f32 near 1.5·2²³ has no fraction bits left, so the addition rounds to a whole number and leaves it in the low
/// bits. Beyond the range, and for NaN, the result is some number below 2²² in magnitude, the same as in llama.cpp.
pub fn nearest_int(x: f32) -> i32 {
    let bits = (x + 12_582_912.0).to_bits();
    (bits & 0x007F_FFFF) as i32 - 0x0040_0000
}

/// The largest value above zero, or zero.
fn largest(values: &[f32; 8]) -> f32 {
    values.iter().fold(0.0, |max, &x| if x > max { x } else { max })
}
