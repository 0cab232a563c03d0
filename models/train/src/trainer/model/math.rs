//! Sums and exponentials that the compiler can turn into vector instructions.

/// Numbers added side by side. Rounding depends on it, speed more.
const LANES: usize = 16;

/// `Σ a·b`.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    fold(a, b, |sum, a, b| sum + a * b, 0.0, |a, b| a + b)
}

/// `Σ a`.
pub(super) fn sum(a: &[f32]) -> f32 {
    fold(a, a, |sum, a, _| sum + a, 0.0, |a, b| a + b)
}

/// The largest number.
pub(super) fn max(a: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    fold(a, a, |max, a, _| larger(max, a), f32::NEG_INFINITY, larger)
}

#[inline(always)]
fn fold(
    a: &[f32],
    b: &[f32],
    step: impl Fn(f32, f32, f32) -> f32,
    start: f32,
    join: impl Fn(f32, f32) -> f32 + Copy,
) -> f32 {
    let mut lanes = [start; LANES];
    let (heads, rest) = a.as_chunks::<LANES>();
    let (heads_b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in heads.iter().zip(heads_b) {
        for i in 0..LANES {
            lanes[i] = step(lanes[i], a[i], b[i]);
        }
    }
    for (i, (&a, &b)) in rest.iter().zip(rest_b).enumerate() {
        lanes[i] = step(lanes[i], a, b);
    }
    lanes.into_iter().fold(start, join)
}

/// `eˣ` to about 1e-7, for x in −87 to 88 (clamped to it), without branches.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // ln 2 in two parts: the product with the first is exact.
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    p * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

/// `1 / (1 + e⁻ˣ)`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// A row of scores becomes probabilities, in place.
pub(super) fn softmax(row: &mut [f32]) {
    let largest = max(row);
    for x in row.iter_mut() {
        *x = exp(*x - largest);
    }
    let scale = 1.0 / sum(row);
    for x in row.iter_mut() {
        *x *= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_a_few_units_in_the_last_place() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let error = (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(error < 3e-7, "e^{x}: {error}");
        }
    }

    #[test]
    fn sums_do_not_lose_the_rest() {
        let a: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert_eq!((sum(&a), max(&a), dot(&a, &a)), (666.0, 36.0, 16206.0));
    }
}
