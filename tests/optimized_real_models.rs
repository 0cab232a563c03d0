//! The two real models on the optimized path, teacher-forced over the beginning of a mixed text, against the naive path.
//!
//! The models are fetched (`cutaway pull`), not committed; see `common/cache.rs` for where they are looked for.

mod common;

use common::{argmax, cache, nll};
use cutaway::batch::{Batch, SeqId};
use cutaway::gguf::Gguf;
use cutaway::kv_cache::KvFormat;
use cutaway::model::{LoadOptions, Model};
use cutaway::naive;
use cutaway::observe::Off;
use cutaway::optimized::{Options, Transformer};
use std::sync::Arc;
use std::time::Instant;

/// Tokens of the text that are run.
const N: usize = 300;

/// How far the paths are apart over a text.
struct Distance {
    /// Share of positions with the same likeliest token.
    top1: f64,
    /// Mean of KL(naive ‖ optimized), in nats.
    kl: f64,
    /// Mean negative log-likelihood of the optimized path minus that of the naive one.
    nll: f64,
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, &l| max.max(f64::from(l)));
    let sum: f64 = logits.iter().map(|&l| (f64::from(l) - max).exp()).sum();
    logits.iter().map(|&l| f64::from(l) - max - sum.ln()).collect()
}

fn kl(reference: &[f32], found: &[f32]) -> f64 {
    log_softmax(reference).iter().zip(log_softmax(found)).map(|(p, q)| p.exp() * (p - q)).sum()
}

fn compare(file: &str, golden: &str) -> Option<Distance> {
    let gguf = Arc::new(Gguf::open(&cache::model(file)?).unwrap());
    let model = Model::load(gguf, LoadOptions { n_ctx: Some(N), ..LoadOptions::default() }).unwrap();
    let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
    let tokens: Vec<u32> =
        golden["tokens"].as_array().unwrap().iter().take(N).map(|token| token.as_u64().unwrap() as u32).collect();
    let batch = Batch::scored(SeqId(0), 0, &tokens);

    let mut fast = Transformer::new(&model, Options::default()).unwrap();
    let mut cache = fast.new_cache(KvFormat::F32, N);
    let started = Instant::now();
    let found = fast.forward(&batch, &mut cache, &mut Off).unwrap();
    println!("{file}: {} kernels, {:.2?}", fast.kernels().name, started.elapsed());
    drop(fast);

    let mut oracle = naive::Transformer::new(&model).unwrap();
    let mut cache = oracle.new_cache(KvFormat::F32, N);
    let started = Instant::now();
    let expected = oracle.forward(&batch, &mut cache, &mut Off).unwrap();
    println!("{file}: naive, {:.2?}", started.elapsed());

    let n = tokens.len() as f64;
    let pairs = || expected.rows().zip(found.rows());
    let alike = pairs().filter(|(a, b)| argmax(a) == argmax(b)).count();
    let next = pairs().zip(&tokens[1..]);
    let distance = Distance {
        top1: alike as f64 / n,
        kl: pairs().map(|(a, b)| kl(a, b)).sum::<f64>() / n,
        nll: next.map(|((a, b), &next)| nll(b, next) - nll(a, next)).sum::<f64>() / (n - 1.0),
    };
    let Distance { top1, kl, nll } = distance;
    println!("{file}: top-1 {:.2} %, mean KL {kl:.5}, mean NLL {nll:+.5}", 100.0 * top1);
    Some(distance)
}

/// llama.cpp with the same weights and 8-bit activations stands, over 2,000 tokens, at a mean KL of 0.0030 from its own F32
/// run, and at 97.2 % the same top token. Over 300 tokens that share scatters by ±1.5 %, and this text changes its script and
/// subject often, so many of its tokens are undecided: we measured 93.7 % and 0.0041.
#[test]
fn smollm2_stays_close_to_naive() {
    let golden = include_str!("golden/real/smollm2.json");
    let Some(distance) = compare("SmolLM2-135M-Instruct.Q4_1.gguf", golden) else { return };
    assert!(distance.top1 >= 0.92 && distance.kl <= 0.006 && distance.nll.abs() <= 0.02);
}

#[test]
fn gemma3_stays_close_to_naive() {
    let golden = include_str!("golden/real/gemma3.json");
    let Some(distance) = compare("gemma-3-270m-q4_k_m.gguf", golden) else { return };
    assert!(distance.top1 >= 0.95 && distance.kl <= 0.01 && distance.nll.abs() <= 0.02);
}
