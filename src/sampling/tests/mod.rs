//! The samplers against llama.cpp: the cases of its `tests/test-sampling.cpp`, and whole chains draw by draw. What holds
//! for any logits stands in [`laws`].

mod laws;

use super::filters::{MinP, Temperature, TopK, TopP};
use super::pickers::{Dist, Greedy};
use super::*;

/// `test-sampling.cpp` compares probabilities to five digits.
const TOLERANCE: f32 = 1e-5;

const P: [f32; 4] = [0.1, 0.2, 0.3, 0.4];

/// What is left of `probs` after `filter`, in the order of the list.
fn filtered(probs: &[f32], mut filter: impl Filter) -> Vec<f32> {
    let logits: Vec<f32> = probs.iter().map(|p| p.ln()).collect();
    let mut candidates = Candidates::new(&logits).unwrap();
    filter.apply(&mut candidates);
    candidates.probabilities().to_vec()
}

#[track_caller]
fn assert_probs(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{found:?} instead of {expected:?}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < TOLERANCE, "{found:?} instead of {expected:?}");
    }
}

#[test]
fn temperature_cases_of_llama_cpp() {
    assert_probs(&filtered(&P, Temperature { t: 1.0 }), &P);
    assert_probs(&filtered(&P, Temperature { t: 0.0 }), &[0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn top_k_cases_of_llama_cpp() {
    assert_probs(&filtered(&P, TopK { k: 1 }), &[1.0]);
    assert_probs(&filtered(&P, TopK { k: 3 }), &[0.44444, 0.33333, 0.22222]);
    assert_probs(&filtered(&P, TopK { k: 4 }), &[0.4, 0.3, 0.2, 0.1]);
    assert_probs(&filtered(&P, TopK { k: 0 }), &P);
    assert_probs(&filtered(&P, TopK { k: -1 }), &P);
    assert_probs(&filtered(&P, TopK { k: i32::MAX }), &[0.4, 0.3, 0.2, 0.1]);
}

#[test]
fn top_p_cases_of_llama_cpp() {
    let top_p = |p| filtered(&P, TopP { p, min_keep: 0 });
    assert_probs(&top_p(0.0), &[1.0]);
    assert_probs(&top_p(0.7), &[0.571429, 0.428571]);
    assert_probs(&top_p(0.8), &[0.44444, 0.33333, 0.22222]);
    assert_probs(&top_p(1.0), &P);
}

#[test]
fn min_p_cases_of_llama_cpp() {
    let min_p = |p| filtered(&P, MinP { p, min_keep: 0 });
    for (p, expected) in [
        (0.00, vec![0.1, 0.2, 0.3, 0.4]),
        (0.24, vec![0.1, 0.2, 0.3, 0.4]),
        (0.26, vec![0.2 / 0.9, 0.3 / 0.9, 0.4 / 0.9]),
        (0.49, vec![0.2 / 0.9, 0.3 / 0.9, 0.4 / 0.9]),
        (0.51, vec![0.3 / 0.7, 0.4 / 0.7]),
        (0.74, vec![0.3 / 0.7, 0.4 / 0.7]),
        (0.76, vec![1.0]),
        (1.00, vec![1.0]),
        (1.05, vec![1.0]),
    ] {
        assert_probs(&min_p(p), &expected);
    }
}

#[test]
fn min_keep_holds_back_every_filter() {
    assert_probs(&filtered(&P, TopP { p: 0.0, min_keep: 2 }), &[0.571429, 0.428571]);
    assert_probs(&filtered(&P, MinP { p: 1.0, min_keep: 2 }), &[0.571429, 0.428571]);
    assert_probs(&filtered(&P, MinP { p: 1.0, min_keep: 9 }), &[0.4, 0.3, 0.2, 0.1]);
}

/// `test_sampler_queue`: 10,000 tokens with probability proportional to their id, then a queue of filters, and how many
/// tokens each must leave and which is the last of them. The arithmetic of the expectation is llama.cpp's.
#[test]
fn queues_of_llama_cpp() {
    let near_one = 9997.9_f32 / 9999.0;
    let singles = [
        ("k", 10000, 1.0, 1.0),
        ("k", 1, 1.0, 1.0),
        ("p", 10000, 1.0, 1.0),
        ("p", 10000, 0.0, 1.0),
        ("m", 10000, 1.0, 1.0),
        ("m", 10000, 1.0, 1e-12),
        ("k", 100, 1.0, 1.0),
        ("p", 10000, 0.0003, 1.0),
        ("p", 10000, 0.8, 1.0),
        ("m", 10000, 1.0, near_one),
        ("m", 10000, 1.0, 0.1),
        ("mp", 100, 0.8, near_one),
    ];
    let mixed =
        ["kp", "km", "pk", "pm", "mk", "mp", "kpm", "kmp", "pkm", "pmk", "mkp", "mpk"].map(|q| (q, 100, 0.8, 0.1));
    for (queue, top_k, top_p, min_p) in singles.into_iter().chain(mixed) {
        check_queue(queue, top_k, top_p, min_p);
    }
}

fn check_queue(queue: &str, top_k: i64, top_p: f32, min_p: f32) {
    const N: i64 = 10_000;
    let logits: Vec<f32> = (0..N).map(|id| (id as f32).ln()).collect();
    let mut candidates = Candidates::new(&logits).unwrap();
    let mut min_id = 0_i64;
    for letter in queue.chars() {
        let expected = match letter {
            'k' => {
                TopK { k: top_k as i32 }.apply(&mut candidates);
                min_id = min_id.max(N - top_k);
                top_k.min(candidates.len() as i64)
            }
            'p' => {
                TopP { p: top_p, min_keep: 1 }.apply(&mut candidates);
                let divisor = N * (N - 1) / 2 - min_id * (min_id - 1) / 2;
                let target = (top_p * divisor as f32).ceil() as i64;
                let (mut size, mut sum) = (0, 0);
                min_id = N;
                loop {
                    min_id -= 1;
                    size += 1;
                    sum += min_id;
                    if sum >= target {
                        break;
                    }
                }
                if min_id == 1 {
                    min_id -= 1; // token 0 has no probability: it stays only where everything stays
                    size += 1;
                }
                size
            }
            _ => {
                MinP { p: min_p, min_keep: 1 }.apply(&mut candidates);
                // The minimum is taken with the size found: token 0, of logit −∞, is gone where the formula counts it.
                let found = candidates.len() as i64;
                min_id = ((min_p * N as f32).floor() as i64).max(1).max(N - found).min(N - 1);
                (((1.0 - min_p) * N as f32).ceil() as i64).max(1).min(found)
            }
        };
        let list = candidates.as_slice();
        assert_eq!(list.len() as i64, expected, "queue {queue} at {letter}");
        if candidates.is_sorted() {
            assert_eq!(i64::from(list[0].id), N - 1, "queue {queue} at {letter}");
            assert_eq!(i64::from(list[list.len() - 1].id), min_id, "queue {queue} at {letter}");
        }
    }
}

/// `test_dist_singleton_rng`: a forced choice uses up one random number like a free one.
#[test]
fn a_single_candidate_consumes_one_draw() {
    let draw = |dist: &mut Dist, n: usize| dist.pick(&mut Candidates::new(&vec![0.0; n]).unwrap()).unwrap();
    let (mut singleton, mut control) = (Dist::new(4242), Dist::new(4242));
    draw(&mut singleton, 1);
    draw(&mut control, 2);
    for _ in 0..4 {
        assert_eq!(draw(&mut singleton, 256), draw(&mut control, 256));
    }
}

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../tests/golden/sampling.json")).unwrap()
}

#[test]
fn uniform_numbers_are_those_of_libstdcxx() {
    for case in golden()["uniform"].as_array().unwrap() {
        let mut rng = Mt19937::new(case["seed"].as_u64().unwrap() as u32);
        for value in case["values"].as_array().unwrap() {
            // As text, because serde_json rounds the last bit of a number its own way.
            assert_eq!(rng.next_f64(), value.as_str().unwrap().parse::<f64>().unwrap(), "seed {}", case["seed"]);
        }
    }
}

/// Every draw of twelve chains, forty draws each, is the token that llama.cpp chooses.
#[test]
fn chains_choose_the_tokens_of_llama_cpp() {
    let golden = golden();
    let n_vocab = golden["n_vocab"].as_u64().unwrap() as usize;
    for case in golden["chains"].as_array().unwrap() {
        let number = |key: &str| case[key].as_f64().unwrap();
        let seed = number("seed") as u32;
        let mut chain = Chain::from_params(&SamplingParams {
            temperature: number("temperature") as f32,
            top_k: number("top_k") as i32,
            top_p: number("top_p") as f32,
            min_p: number("min_p") as f32,
            min_keep: 0,
            seed: Some(seed),
        })
        .unwrap();
        let mut state = seed;
        for (i, expected) in case["tokens"].as_array().unwrap().iter().enumerate() {
            let logits: Vec<f32> = (0..n_vocab)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / 16_777_216.0 * 16.0 - 8.0
                })
                .collect();
            assert_eq!(u64::from(chain.sample(&logits).unwrap()), expected.as_u64().unwrap(), "draw {i} of {case}");
        }
    }
}

#[test]
fn bad_logits_are_errors() {
    let mut chain = Chain::from_params(&SamplingParams { seed: Some(1), ..Default::default() }).unwrap();
    assert_eq!(chain.sample(&[]), Err(SamplingError::Empty));
    assert_eq!(chain.sample(&[f32::NEG_INFINITY; 3]), Err(SamplingError::NothingLeft { n: 3 }));
    assert!(
        matches!(chain.sample(&[0.0, f32::NAN]), Err(SamplingError::NotFinite { token: 1, value }) if value.is_nan())
    );
    assert_eq!(chain.sample(&[f32::INFINITY, 0.0]), Err(SamplingError::NotFinite { token: 0, value: f32::INFINITY }));
    assert_eq!(chain.sample(&[f32::NEG_INFINITY, -3e38, f32::NEG_INFINITY]), Ok(1));
}

#[test]
fn bad_parameters_are_errors() {
    for params in [
        SamplingParams { temperature: f32::NAN, ..Default::default() },
        SamplingParams { temperature: f32::INFINITY, ..Default::default() },
        SamplingParams { top_p: f32::NAN, ..Default::default() },
        SamplingParams { min_p: f32::NEG_INFINITY, ..Default::default() },
    ] {
        assert!(matches!(Chain::from_params(&params), Err(SamplingError::BadParameter { .. })), "{params:?}");
    }
}

#[test]
fn a_foreign_filter_that_breaks_the_logits_is_found_out() {
    struct Breaks(f32);
    impl Filter for Breaks {
        fn name(&self) -> &'static str {
            "breaks"
        }
        fn apply(&mut self, candidates: &mut Candidates) {
            let value = self.0;
            candidates.map_logits(|_| value);
        }
    }
    let run =
        |value: f32, picker: Box<dyn Picker>| Chain::new(vec![Box::new(Breaks(value))], picker).sample(&[1.0, 2.0]);
    for value in [f32::NAN, f32::INFINITY] {
        assert!(matches!(run(value, Box::new(Dist::new(1))), Err(SamplingError::NotFinite { .. })));
        assert!(matches!(run(value, Box::new(Greedy)), Err(SamplingError::NotFinite { .. })));
    }
    for picker in [Box::new(Dist::new(1)) as Box<dyn Picker>, Box::new(Greedy)] {
        assert_eq!(run(f32::NEG_INFINITY, picker), Err(SamplingError::NothingLeft { n: 2 }));
    }
}

/// Pearson's chi-square of 100,000 draws against the probabilities, 9 degrees of freedom: 27.88 is exceeded by a right
/// sampler once in a thousand seeds, and this seed is fixed.
#[test]
fn dist_draws_by_probability() {
    const N: u32 = 100_000;
    let logits: Vec<f32> = (0..10).map(|i| (i as f32 * 0.7).sin() * 2.0).collect();
    let probs = Candidates::new(&logits).unwrap().probabilities().to_vec();
    let mut counts = [0_u32; 10];
    let mut dist = Dist::new(20_240_229);
    for _ in 0..N {
        counts[dist.pick(&mut Candidates::new(&logits).unwrap()).unwrap() as usize] += 1;
    }
    let chi_square: f64 = counts
        .iter()
        .zip(&probs)
        .map(|(&count, &p)| {
            let expected = f64::from(p) * f64::from(N);
            (f64::from(count) - expected).powi(2) / expected
        })
        .sum();
    assert!(chi_square < 27.88, "chi-square {chi_square} of {counts:?} against {probs:?}");
}

#[test]
fn reports_say_what_each_stage_did() {
    let logits: Vec<f32> = P.iter().map(|p| p.ln()).collect();
    let params = SamplingParams { temperature: 2.0, top_k: 3, top_p: 1.0, min_p: 0.0, min_keep: 0, seed: Some(3) };
    let mut reports = Vec::new();
    let token = Chain::from_params(&params).unwrap().sample_watched(&logits, |report| reports.push(report)).unwrap();
    assert_eq!(Ok(token), Chain::from_params(&params).unwrap().sample(&logits), "watching must not change the choice");

    let stages: Vec<_> = reports.iter().map(|r| (r.stage, r.n_in, r.n_out)).collect();
    assert_eq!(
        stages,
        [("logits", 4, 4), ("top_k", 4, 3), ("top_p", 3, 3), ("min_p", 3, 3), ("temperature", 3, 3), ("dist", 3, 3)]
    );
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} instead of {b}");
    let entropy = |probs: &[f64]| -probs.iter().map(|p| p * p.ln()).sum::<f64>();
    close(reports[0].entropy, entropy(&[0.1, 0.2, 0.3, 0.4]));
    close(reports[1].kept_mass, 0.9);
    close(reports[1].kl, -0.9_f64.ln());
    close(reports[1].entropy, entropy(&[2.0 / 9.0, 3.0 / 9.0, 4.0 / 9.0]));
    close(reports[4].kept_mass, 1.0);
    assert!(reports[4].entropy > reports[3].entropy && reports[4].kl > 0.0, "T = 2 flattens");
    assert_eq!(reports[1].top.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 2, 1]);
}

#[test]
fn a_seed_that_nobody_chose_can_be_asked_for() {
    let mut chain = Chain::from_params(&SamplingParams { seed: None, ..Default::default() }).unwrap();
    let mut again = Chain::from_params(&SamplingParams { seed: chain.seed(), ..Default::default() }).unwrap();
    let logits = [1.0; 50];
    assert_eq!(
        (0..20).map(|_| chain.sample(&logits)).collect::<Vec<_>>(),
        (0..20).map(|_| again.sample(&logits)).collect::<Vec<_>>()
    );
    assert_eq!(Chain::from_params(&SamplingParams::greedy()).unwrap().seed(), None);
}
