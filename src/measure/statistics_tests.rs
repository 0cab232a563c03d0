//! Laws of the statistics.

use super::*;
use proptest::prelude::*;

fn samples() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.1..1000.0, 1..40)
}

#[test]
fn known_values() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    // numpy.quantile([1, 2, 3, 4], [0.1, 0.25, 0.9])
    let close = |q: f64, expected: f64| (quantile(&[4.0, 3.0, 2.0, 1.0], q) - expected).abs() < 1e-12;
    assert!(close(0.1, 1.3) && close(0.25, 1.75) && close(0.9, 3.7));
    assert!(median(&[]).is_nan() && bootstrap_95(&[])[0].is_nan() && Samples::new(Vec::new()).min().is_nan());
}

#[test]
fn pairs_alternate_and_neither_side_is_always_first() {
    use PairSide::{Ours, Theirs};
    assert_eq!(abba(3).collect::<Vec<_>>(), [Ours, Theirs, Theirs, Ours, Ours, Theirs]);
    assert_eq!(abba(10).filter(|&side| side == Ours).count(), 10);
}

/// The median of 21 draws from one distribution lies in the interval of another 21 most of the time: 95 % of the time by
/// name, a few percent less with so few samples (Efron's percentile interval is slightly narrow).
#[test]
fn the_interval_holds_the_truth_about_as_often_as_it_says() {
    let mut rng = Mt19937::new(1);
    let trials = 400;
    let held = (0..trials)
        .filter(|_| {
            let samples: Vec<f64> = (0..21).map(|_| -rng.next_f64().ln()).collect(); // exponential: a long tail
            let [low, high] = bootstrap_95(&samples);
            (low..=high).contains(&std::f64::consts::LN_2) // its true median
        })
        .count();
    let share = held as f64 / f64::from(trials);
    assert!((0.88..=0.99).contains(&share), "{share}");
}

proptest! {
    #[test]
    fn half_lies_on_each_side_of_the_median(samples in samples()) {
        let median = median(&samples);
        prop_assert!(samples.iter().filter(|&&x| x <= median).count() * 2 >= samples.len());
        prop_assert!(samples.iter().filter(|&&x| x >= median).count() * 2 >= samples.len());
    }

    #[test]
    fn quantiles_grow_and_stay_within_the_samples(samples in samples(), p in 0.0..1.0, q in 0.0..1.0) {
        let (low, high): (f64, f64) = if p < q { (p, q) } else { (q, p) };
        let all = Samples::new(samples.clone());
        prop_assert!(all.min() <= quantile(&samples, low));
        prop_assert!(quantile(&samples, low) <= quantile(&samples, high));
        prop_assert!(quantile(&samples, high) <= all.max());
    }

    #[test]
    fn the_interval_repeats_itself_and_lies_within_the_samples(samples in samples()) {
        let [low, high] = bootstrap_95(&samples);
        prop_assert_eq!([low, high], bootstrap_95(&samples));
        let all = Samples::new(samples.clone());
        prop_assert!(all.min() <= low && low <= high && high <= all.max());
    }

    /// What slows both down for one pair cancels: the reason why pairs are measured.
    #[test]
    fn a_disturbance_of_both_cancels(theirs in samples(), slow in prop::collection::vec(0.2..1.0_f64, 40), factor in 0.5..3.0_f64) {
        let disturbed: Vec<f64> = theirs.iter().zip(&slow).map(|(x, slow)| x * slow).collect();
        let ours: Vec<f64> = disturbed.iter().map(|x| x * factor).collect();
        let found = ratio(&ours, &disturbed);
        prop_assert!((found.median / factor - 1.0).abs() < 1e-12);
        prop_assert!((found.interval_95[1] / found.interval_95[0] - 1.0).abs() < 1e-12);
        prop_assert_eq!(found.pairs.len(), theirs.len());
    }
}

#[test]
fn series_of_unequal_length_are_drawn_apart() {
    let (factor, [low, high]) = ratio_unpaired(&[200.0; 3], &[100.0; 7]);
    assert_eq!((factor, low, high), (2.0, 2.0, 2.0), "without spread there is no doubt");
    let (ours, theirs) = ([190.0, 200.0, 210.0, 205.0, 195.0], [95.0, 100.0, 105.0, 101.0]);
    let (factor, [low, high]) = ratio_unpaired(&ours, &theirs);
    assert!(190.0 / 105.0 <= low && low < factor && factor < high && high <= 210.0 / 95.0, "{low} {factor} {high}");
    let (back, [back_low, back_high]) = ratio_unpaired(&theirs, &ours);
    assert!((back * factor - 1.0).abs() < 1e-12);
    // Other draws: the ends may be other samples, and neighbouring samples are at most 6 % apart.
    assert!((back_low * high - 1.0).abs() < 0.06 && (back_high * low - 1.0).abs() < 0.06, "{back_low} {back_high}");
    let (factor, interval) = ratio_unpaired(&[], &[1.0]);
    assert!(factor.is_nan() && interval.iter().all(|x| x.is_nan()));
}
