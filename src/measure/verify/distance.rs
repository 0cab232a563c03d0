//! How far apart two lists of numbers are, and two distributions over a vocabulary.
//!
//! Look first at [`Distance`]. All sums are in f64, so that their own rounding errors are far below those they measure.
//! What it deliberately does not do: decide which distance is too large; that is [`budget`](super::budget).

use serde::Serialize;

/// The distance of some found values from the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distance {
    /// The largest |found − reference|.
    pub max_abs: f64,
    /// √(Σ (found − reference)² / Σ reference²): the error relative to the size of the reference. For indices of experts it
    /// is the share of them that differ.
    pub rel_rms: f64,
    /// The cosine of the angle between the two as vectors: 1 for the same direction.
    pub cosine: f64,
}

impl Distance {
    /// There is no value, or it has another length.
    pub(super) const INCOMPARABLE: Self = Self { max_abs: f64::NAN, rel_rms: f64::NAN, cosine: f64::NAN };

    /// The distance of two lists of numbers. It is NaN if one of the numbers is.
    pub fn between(found: &[f32], reference: &[f32]) -> Self {
        if found.len() != reference.len() {
            return Self::INCOMPARABLE;
        }
        let (mut errors, mut product, mut sizes, mut max_abs) = (0.0, 0.0, [0.0; 2], 0.0_f64);
        for (&found, &reference) in found.iter().zip(reference) {
            let (found, reference) = (f64::from(found), f64::from(reference));
            let error = (found - reference).abs();
            max_abs = if error > max_abs || error.is_nan() { error } else { max_abs };
            errors += error * error;
            product += found * reference;
            sizes[0] += found * found;
            sizes[1] += reference * reference;
        }
        let ratio = |a: f64, b: f64| if a == 0.0 { 0.0 } else { a / b }; // 0/0: both sides are zero, as they should be
        let cosine = if errors == 0.0 { 1.0 } else { ratio(product, (sizes[0] * sizes[1]).sqrt()) };
        Self { max_abs, rel_rms: ratio(errors, sizes[1]).sqrt(), cosine }
    }

    /// The distance of two lists of choices, each of which is equal or not.
    pub fn between_choices(found: &[f32], reference: &[f32]) -> Self {
        let differing = found.iter().zip(reference).filter(|(a, b)| a != b).count();
        let share = differing as f64 / found.len().max(1) as f64;
        Self { rel_rms: share, ..Self::between(found, reference) }
    }

    /// Whether this distance is larger; NaN is larger than any number.
    pub(super) fn is_worse_than(&self, other: &Self) -> bool {
        self.rel_rms.is_nan() || self.rel_rms > other.rel_rms
    }
}

/// How far logits are from the reference, over some positions.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct LogitsDistance {
    /// Positions that were compared.
    pub positions: usize,
    /// Mean of KL(reference ‖ found), in nats: the information that is lost if the found distribution replaces the reference's.
    pub kl_mean: f64,
    /// The largest KL of a position, in nats.
    pub kl_max: f64,
    /// Share of positions at which both have the same most probable token.
    pub top1: f64,
}

impl LogitsDistance {
    /// Adds one position.
    pub(super) fn add(&mut self, found: &[f32], reference: &[f32]) {
        let kl = kl(reference, found);
        // Among scores that are not numbers no token is the likeliest.
        let comparable = found.iter().chain(reference).all(|x| x.is_finite());
        let same = f64::from(u8::from(comparable && first_maximum(found) == first_maximum(reference)));
        let (before, now) = (self.positions as f64, self.positions as f64 + 1.0);
        self.kl_mean = (self.kl_mean * before + kl) / now;
        self.kl_max = if kl.is_nan() { kl } else { self.kl_max.max(kl) };
        self.top1 = (self.top1 * before + same) / now;
        self.positions += 1;
    }
}

/// KL(p ‖ q) of two rows of logits `[n_vocab]`, in nats: Σ p · (ln p − ln q) over the vocabulary. A constant added to all
/// logits of one side changes nothing.
pub fn kl(p: &[f32], q: &[f32]) -> f64 {
    let (p_sum, q_sum) = (log_sum_exp(p), log_sum_exp(q));
    let term = |(&p, &q): (&f32, &f32)| {
        let (ln_p, ln_q) = (f64::from(p) - p_sum, f64::from(q) - q_sum);
        ln_p.exp() * (ln_p - ln_q)
    };
    p.iter().zip(q).map(term).sum()
}

/// ln Σ e^logit.
fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, &l| max.max(f64::from(l)));
    max + logits.iter().map(|&l| (f64::from(l) - max).exp()).sum::<f64>().ln()
}

/// The most probable token; the first of equals.
pub(super) fn first_maximum(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_shares() {
        let d = Distance::between(&[3.0, 4.5], &[3.0, 4.0]);
        assert_eq!((d.max_abs, d.rel_rms), (0.5, 0.1));
        assert!(d.cosine < 1.0 && d.cosine > 0.99);
        let same = Distance { max_abs: 0.0, rel_rms: 0.0, cosine: 1.0 };
        assert_eq!(Distance::between(&[0.0], &[0.0]), same);
        assert_eq!(Distance::between(&[1.0], &[0.0]).rel_rms, f64::INFINITY);
        assert_eq!(Distance::between_choices(&[0.0, 2.0, 1.0, 3.0], &[0.0, 2.0, 1.0, 2.0]).rel_rms, 0.25);
    }

    #[test]
    fn nan_is_the_largest_distance() {
        let fine = Distance::between(&[1.0], &[2.0]);
        let nan = Distance::between(&[f32::NAN, 1.0], &[1.0, 1.0]);
        assert!(nan.max_abs.is_nan() && nan.is_worse_than(&fine) && !fine.is_worse_than(&nan));
        assert!(Distance::between(&[1.0], &[1.0, 2.0]).rel_rms.is_nan());
    }

    #[test]
    fn scores_that_are_no_numbers_have_no_likeliest_token() {
        for found in [[f32::NAN, 2.0], [f32::INFINITY, 0.0], [1.0, f32::NEG_INFINITY]] {
            let mut d = LogitsDistance::default();
            d.add(&found, &[1.0, 0.0]);
            assert_eq!(d.top1, 0.0, "{found:?}");
        }
    }

    #[test]
    fn kl_is_that_of_distributions() {
        let mut d = LogitsDistance::default();
        d.add(&[11.0, 12.0], &[1.0, 2.0]);
        assert!(d.kl_mean.abs() < 1e-12 && d.top1 == 1.0, "a constant changes no distribution");
        d.add(&[0.0, 0.0], &[f32::ln(3.0), 0.0]); // ¾, ¼ against ½, ½
        let expected = 0.75 * f64::ln(1.5) + 0.25 * f64::ln(0.5);
        assert!((d.kl_max - expected).abs() < 1e-6 && (d.kl_mean - expected / 2.0).abs() < 1e-6);
        assert_eq!(d.positions, 2);
    }
}
