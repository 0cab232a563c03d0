//! The two real models on the optimized path as users run it, teacher-forced over a mixed text, against the naive path
//! with an exact cache: no further from it than llama.cpp, on the same file and text, is from its own F32 run.
//!
//! The models are fetched (`cutaway pull`), not committed; see `common/cache.rs` for where they are looked for.

use crate::common::{argmax, cache, nll};
use cutaway::batch::{Batch, SeqId};
use cutaway::gguf::Gguf;
use cutaway::kv_cache::KvFormat;
use cutaway::measure::verify::kl;
use cutaway::model::{LoadOptions, Model};
use cutaway::observe::Off;
use cutaway::{naive, optimized};
use serde::Deserialize;
use std::sync::Arc;

/// Tokens of a pass: bounds the memory for logits (gemma has 262,144 of them per token).
const CHUNK: usize = 256;

#[derive(Deserialize)]
struct Golden {
    /// The text, tokenised by llama.cpp.
    tokens: Vec<u32>,
    mean_nll: f64,
    /// What 8-bit activations cost llama.cpp.
    quantised: Quantised,
}

#[derive(Deserialize)]
struct Quantised {
    top1_agreement: f64,
    mean_nll: f64,
    mean_kl: f64,
    kl_p999: f64,
}

/// How far a run is from an exact one, over a text.
#[derive(Debug)]
struct Distance {
    /// Share of positions with the same most probable token.
    top1: f64,
    /// Mean of KL(exact ‖ run), in nats.
    kl: f64,
    /// Its 99.9th percentile.
    kl_p999: f64,
    /// Perplexity over that of the exact run, less one.
    perplexity: f64,
}

/// The optimized path's distance from the naive one, and llama.cpp's from its own F32 run.
fn compare(file: &str, golden: &str) -> Option<(Distance, Distance)> {
    let gguf = Arc::new(Gguf::open(&cache::model(file)?).unwrap());
    let golden: Golden = serde_json::from_str(golden).unwrap();
    let n = golden.tokens.len();
    assert!(n >= 2000, "{n} tokens");
    let model = Model::load(gguf, LoadOptions { n_ctx: Some(n), ..LoadOptions::default() }).unwrap();

    let mut fast = optimized::Transformer::new(&model, optimized::Options::default()).unwrap();
    let mut oracle = naive::Transformer::new(&model).unwrap();
    let (mut rounded, mut exact) = (fast.new_cache(KvFormat::F16, n), oracle.new_cache(KvFormat::F32, n));
    let (mut kls, mut alike, mut more_nll) = (Vec::new(), 0, 0.0);
    for (chunk, tokens) in golden.tokens.chunks(CHUNK).enumerate() {
        let batch = Batch::scored(SeqId(0), chunk * CHUNK, tokens);
        let found = fast.forward(&batch, &mut rounded, &mut Off).unwrap();
        let expected = oracle.forward(&batch, &mut exact, &mut Off).unwrap();
        for (a, b) in expected.rows().zip(found.rows()) {
            alike += usize::from(argmax(a) == argmax(b));
            kls.push(kl(a, b));
            more_nll += golden.tokens.get(kls.len()).map_or(0.0, |&next| nll(b, next) - nll(a, next));
        }
    }
    let kl = kls.iter().sum::<f64>() / n as f64;
    kls.sort_by(f64::total_cmp);
    let ours = Distance {
        top1: alike as f64 / n as f64,
        kl,
        kl_p999: kls[(n - 1) * 999 / 1000],
        perplexity: (more_nll / (n - 1) as f64).exp_m1(),
    };
    let Golden { mean_nll, quantised, .. } = golden;
    let theirs = Distance {
        top1: quantised.top1_agreement,
        kl: quantised.mean_kl,
        kl_p999: quantised.kl_p999,
        perplexity: (quantised.mean_nll - mean_nll).exp_m1(),
    };
    println!("{file}, {n} tokens\n     ours {ours:.5?}\nllama.cpp {theirs:.5?}");
    Some((ours, theirs))
}

fn no_further_than_llama_cpp(file: &str, golden: &str) {
    let Some((ours, theirs)) = compare(file, golden) else { return };
    assert!(ours.kl <= theirs.kl, "{ours:?} {theirs:?}");
    assert!(ours.kl_p999 <= theirs.kl_p999, "{ours:?} {theirs:?}");
    assert!(ours.top1 >= theirs.top1, "{ours:?} {theirs:?}");
    assert!(ours.perplexity.abs() <= 0.005, "{ours:?}");
}

#[test]
fn smollm2_is_as_close_as_llama_cpp() {
    no_further_than_llama_cpp("SmolLM2-135M-Instruct.Q4_1.gguf", include_str!("../golden/real/smollm2.json"));
}

#[test]
fn gemma3_is_as_close_as_llama_cpp() {
    no_further_than_llama_cpp("gemma-3-270m-q4_k_m.gguf", include_str!("../golden/real/gemma3.json"));
}
