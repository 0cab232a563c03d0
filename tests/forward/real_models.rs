//! The two real models, teacher-forced over prose, code and several scripts, against llama.cpp running the same
//! weights dequantised to F32.
//!
//! The models are fetched (`cutaway pull`), not committed; see `common/cache.rs` for where they are looked for.

use crate::common::{argmax, cache, nll};
use cutaway::engine::generate::generate;
use cutaway::engine::{Engine, GenerateOptions, Session, SessionOptions};
use cutaway::gguf::Gguf;
use cutaway::model::{LoadOptions, Model};
use cutaway::observe::Off;
use cutaway::sampling::{Chain, SamplingParams};
use cutaway::tokenizer::{EncodeOptions, Tokenizer};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct Golden {
    /// The text, tokenised by llama.cpp, BOS where the model adds it.
    tokens: Vec<u32>,
    /// The most probable next token after each.
    top1: Vec<u32>,
    /// The difference between its logit and the second largest.
    margin: Vec<f64>,
    mean_nll: f64,
    greedy: Vec<Greedy>,
}

#[derive(Deserialize)]
struct Greedy {
    prompt: String,
    prompt_tokens: Vec<u32>,
    f32: Continuation,
}

#[derive(Deserialize)]
struct Continuation {
    tokens: Vec<u32>,
    /// The difference between each token's logit and the second largest when it was chosen.
    margins: Vec<f64>,
}

struct Real {
    golden: Golden,
    tokenizer: Tokenizer,
    engine: Engine,
}

fn real(file: &str, golden: &str) -> Option<Real> {
    let gguf = Arc::new(Gguf::open(&cache::model(file)?).unwrap());
    let tokenizer = Tokenizer::from_metadata(gguf.metadata()).unwrap();
    let model = Model::load(gguf, LoadOptions::default()).unwrap();
    Some(Real { golden: serde_json::from_str(golden).unwrap(), tokenizer, engine: Engine::naive(&model).unwrap() })
}

fn smollm2() -> Option<Real> {
    real("SmolLM2-135M-Instruct.Q4_1.gguf", include_str!("../golden/real/smollm2.json"))
}

fn gemma3() -> Option<Real> {
    real("gemma-3-270m-q4_k_m.gguf", include_str!("../golden/real/gemma3.json"))
}

/// Top-1 agreement and the difference of the mean negative log-likelihoods, over the whole text.
fn teacher_forced(real: &mut Real) -> (f64, f64) {
    let golden = &real.golden;
    let text = include_str!("../golden/text/mixed.txt");
    let ours = real.tokenizer.encode(text, EncodeOptions::PROMPT);
    assert_eq!(ours, golden.tokens, "the text's tokens");
    assert!(golden.tokens.len() >= 1000);

    let mut session = Session::new(&mut real.engine, SessionOptions::default());
    let (mut position, mut agree, mut total) = (0, 0, 0.0);
    let score = session.score(&golden.tokens, &mut Off, |logits| {
        for row in logits.rows() {
            let best = argmax(row);
            agree += usize::from(best == golden.top1[position]);
            if best != golden.top1[position] {
                println!("position {position}: top token differs, the oracle's led by {:.4}", golden.margin[position]);
            }
            total += golden.tokens.get(position + 1).map_or(0.0, |&next| nll(row, next));
            position += 1;
        }
    });
    score.unwrap();
    let n = golden.tokens.len() as f64;
    (agree as f64 / n, total / (n - 1.0) - golden.mean_nll)
}

/// Greedy text equals llama.cpp's until a choice so close that the order of a sum decides it.
fn continues_as_llama_cpp(real: &mut Real, undecided: f64) {
    for greedy in &real.golden.greedy {
        let prompt = real.tokenizer.encode(&greedy.prompt, EncodeOptions::PROMPT);
        assert_eq!(prompt, greedy.prompt_tokens, "{:?}", greedy.prompt);
        let clear = greedy.f32.margins.iter().take_while(|&&margin| margin > undecided).count();
        let wanted = &greedy.f32.tokens[..clear.min(greedy.f32.tokens.len())];

        let options =
            GenerateOptions { max_tokens: Some(wanted.len()), ignore_eog: true, ..GenerateOptions::default() };
        let mut chain = Chain::from_params(&SamplingParams::greedy()).unwrap();
        let mut session = Session::new(&mut real.engine, SessionOptions::default());
        let ours = generate(&mut session, &real.tokenizer, &mut chain, &prompt, &options, &mut Off, |_| true).unwrap();
        assert_eq!(ours.tokens, wanted, "{:?}", greedy.prompt);
        println!("{:?}: {} tokens alike", greedy.prompt, wanted.len());
    }
}

/// Both sides compute the same sums in f32 in a different order.
#[test]
fn smollm2_agrees_with_llama_cpp() {
    let Some(mut real) = smollm2() else { return };
    let (agreement, nll) = teacher_forced(&mut real);
    println!("SmolLM2: top-1 agreement {:.3} %, mean NLL differs by {nll:+.6}", 100.0 * agreement);
    assert!(agreement >= 0.995 && nll.abs() <= 0.001);
    continues_as_llama_cpp(&mut real, 1e-3);
}

/// llama.cpp's GELU goes through a table of f16, so its own error is larger here.
#[test]
fn gemma3_agrees_with_llama_cpp() {
    let Some(mut real) = gemma3() else { return };
    let (agreement, nll) = teacher_forced(&mut real);
    println!("gemma 3: top-1 agreement {:.3} %, mean NLL differs by {nll:+.6}", 100.0 * agreement);
    assert!(agreement >= 0.995 && nll.abs() <= 0.005);
    continues_as_llama_cpp(&mut real, 2e-2);
}
