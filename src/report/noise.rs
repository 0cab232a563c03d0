//! The noise floor: the smallest difference that means anything on this machine.
//!
//! An A/A test measures the same program against itself. Whatever difference it finds is noise, so no smaller difference
//! between two programs may be believed. Here neighbouring samples of one series are the pairs, and their order alternates.
//!
//! Look first at [`floor`]. What it deliberately does not do: measure again.

use crate::measure::record::schema::BenchRecord;
use crate::measure::statistics;

/// Fewest pairs from which a noise floor is computed.
const LEAST_PAIRS: usize = 2;

/// The largest of the [`floor`]s of all series without an observer, as a share; `None` where all are too short.
pub fn floor_of<'a>(benches: impl IntoIterator<Item = &'a BenchRecord>) -> Option<f64> {
    let unwatched = benches.into_iter().filter(|bench| bench.observer == "off");
    unwatched.filter_map(|bench| floor(&bench.tokens_per_second)).reduce(f64::max)
}

/// How far the 95 % interval of "the same against the same" reaches from 1, as a share; `None` with fewer than four samples.
pub fn floor(samples: &[f64]) -> Option<f64> {
    let pairs = samples.chunks_exact(2).enumerate();
    let (first, second): (Vec<f64>, Vec<f64>) =
        pairs.map(|(i, pair)| if i % 2 == 0 { (pair[0], pair[1]) } else { (pair[1], pair[0]) }).unzip();
    if first.len() < LEAST_PAIRS {
        return None;
    }
    let [low, high] = statistics::ratio(&first, &second).interval_95;
    let reach = (low - 1.0).abs().max((high - 1.0).abs());
    reach.is_finite().then_some(reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_samples_have_no_noise_and_unequal_ones_do() {
        assert_eq!(floor(&[5.0; 8]), Some(0.0));
        let reach = floor(&[100.0, 103.0, 99.0, 101.0, 100.0, 98.0, 102.0, 100.0]).unwrap();
        assert!((0.02..0.04).contains(&reach), "the largest difference of a pair is 3 %: {reach}");
        assert_eq!(floor(&[5.0, 5.0, 5.0]), None, "one pair");
        assert_eq!(floor(&[0.0; 4]), None, "no speed");
    }

    #[test]
    fn a_machine_that_slows_down_makes_no_difference_in_one_direction() {
        let slowing: Vec<f64> = (0..40).map(|i| 100.0 * 0.99_f64.powi(i)).collect();
        let [low, high] = {
            let (a, b): (Vec<f64>, Vec<f64>) = slowing.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
            statistics::ratio(&a, &b).interval_95
        };
        assert!(low > 1.0 && high > 1.0, "without alternating, the first seems faster");
        assert!(floor(&slowing).unwrap() < 0.0102, "and the reach is one step");
    }
}
