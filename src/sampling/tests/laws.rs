//! Laws that hold for any logits.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::filters::{MinP, Temperature, TopK, TopP};
use super::super::*;

fn any_logits() -> impl Strategy<Value = Vec<f32>> {
    let logit = prop_oneof![8 => -20.0_f32..20.0, 1 => Just(0.0_f32), 1 => Just(f32::NEG_INFINITY)];
    (proptest::collection::vec(logit, 0..600), -20.0_f32..20.0).prop_map(|(mut logits, last)| {
        logits.push(last); // one token at least may be chosen
        logits
    })
}

fn any_params() -> impl Strategy<Value = SamplingParams> {
    (-0.5_f32..3.0, -2_i32..700, -0.2_f32..1.2, -0.2_f32..1.2, 0_usize..5, any::<u32>()).prop_map(
        |(temperature, top_k, top_p, min_p, min_keep, seed)| SamplingParams {
            temperature,
            top_k,
            top_p,
            min_p,
            min_keep,
            seed: Some(seed),
        },
    )
}

proptest! {
    #[test]
    fn probabilities_sum_to_one(logits in any_logits()) {
        let mut candidates = Candidates::new(&logits).unwrap();
        let sum: f64 = candidates.probabilities().iter().map(|&p| f64::from(p)).sum();
        prop_assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }

    #[test]
    fn top_k_keeps_the_k_largest_in_order(logits in any_logits(), k in 1_usize..700) {
        let mut candidates = Candidates::new(&logits).unwrap();
        TopK { k: k as i32 }.apply(&mut candidates);

        let mut expected: Vec<(usize, f32)> = logits.iter().copied().enumerate().collect();
        expected.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap()); // stable: equal logits by id
        expected.truncate(k);
        let kept: Vec<(usize, f32)> = candidates.as_slice().iter().map(|c| (c.id as usize, c.logit)).collect();
        prop_assert_eq!(kept, expected);
        prop_assert!(candidates.is_sorted());
    }

    #[test]
    fn top_p_keeps_the_shortest_prefix_that_covers_p(logits in any_logits(), p in 0.0_f32..1.0) {
        let mut candidates = Candidates::new(&logits).unwrap();
        TopP { p, min_keep: 0 }.apply(&mut candidates);
        let mut probs: HashMap<u32, f64> = HashMap::new();
        let total: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        for (id, &l) in logits.iter().enumerate() {
            probs.insert(id as u32, f64::from(l).exp() / total);
        }
        let kept: Vec<f64> = candidates.as_slice().iter().map(|c| probs[&c.id]).collect();
        let mass: f64 = kept.iter().sum();
        // f32 sums of a few hundred terms; a prefix may also be whole although rounding left it just below p.
        prop_assert!(mass >= f64::from(p) - 1e-4);
        prop_assert!(mass - kept[kept.len() - 1] <= f64::from(p) + 1e-4, "the last one was not needed");
        prop_assert!(candidates.is_sorted());
    }

    #[test]
    fn min_p_keeps_the_order_and_the_ratio(logits in any_logits(), p in 0.001_f32..1.0) {
        let mut candidates = Candidates::new(&logits).unwrap();
        MinP { p, min_keep: 0 }.apply(&mut candidates);
        let list = candidates.as_slice();
        prop_assert!(list.is_sorted_by_key(|c| c.id), "vocabulary order is kept");
        let floor = candidates.max_logit() + p.ln();
        let expected = logits.iter().filter(|&&l| l >= floor).count();
        prop_assert_eq!(list.len(), expected);
    }

    #[test]
    fn temperature_keeps_the_order_of_logits(logits in any_logits(), t in 0.01_f32..100.0) {
        let mut candidates = Candidates::new(&logits).unwrap();
        candidates.sort_largest(logits.len());
        let before: Vec<u32> = candidates.as_slice().iter().map(|c| c.id).collect();
        Temperature { t }.apply(&mut candidates);
        prop_assert!(candidates.as_slice().is_sorted_by(|a, b| a.logit >= b.logit));
        prop_assert_eq!(before, candidates.as_slice().iter().map(|c| c.id).collect::<Vec<_>>());
    }

    #[test]
    fn a_chain_repeats_itself_and_never_chooses_a_forbidden_token(logits in any_logits(), params in any_params()) {
        let mut chain = Chain::from_params(&params).unwrap();
        let first: Vec<u32> = (0..5).map(|_| chain.sample(&logits).unwrap()).collect();
        chain.reset();
        let second: Vec<u32> = (0..5).map(|_| chain.sample(&logits).unwrap()).collect();
        prop_assert_eq!(&first, &second);
        prop_assert!(first.iter().all(|&id| logits[id as usize] > f32::NEG_INFINITY));
    }

    #[test]
    fn no_temperature_means_the_first_maximum(logits in any_logits(), mut params in any_params()) {
        params.temperature = 0.0;
        let token = Chain::from_params(&params).unwrap().sample(&logits).unwrap();
        let first_max = (0..logits.len()).rev().max_by(|&a, &b| logits[a].partial_cmp(&logits[b]).unwrap()).unwrap();
        prop_assert_eq!(token as usize, first_max);
    }

    #[test]
    fn kept_mass_is_what_a_filter_left(logits in any_logits(), params in any_params()) {
        let mut reports = Vec::new();
        Chain::from_params(&params).unwrap().sample_watched(&logits, |r| reports.push(r)).unwrap();
        for r in &reports {
            prop_assert!(r.n_out >= 1 && r.n_out <= r.n_in);
            prop_assert!(r.kept_mass > 0.0 && r.kept_mass <= 1.0);
            prop_assert!(r.entropy <= (r.n_out as f64).ln() + 1e-9);
            if matches!(r.stage, "top_k" | "top_p" | "min_p") {
                prop_assert!((r.kl + r.kept_mass.ln()).abs() < 1e-6, "{r:?}");
            }
        }
    }
}
