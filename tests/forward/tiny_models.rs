//! The models of `models/`, against llama.cpp running the same weights dequantised to F32: the likeliest token, 64 times,
//! after five prompts.

use crate::common::argmax;
use cutaway::engine::{Engine, Session, SessionOptions};
use cutaway::gguf::Gguf;
use cutaway::model::{LoadOptions, Model};
use cutaway::observe::Off;
use cutaway::tokenizer::{EncodeOptions, Tokenizer};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

#[derive(Deserialize)]
struct Golden {
    model: File,
    greedy: Vec<Greedy>,
}

#[derive(Deserialize)]
struct File {
    file: String,
    sha256: String,
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
    text: String,
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// No near-tie is excused: with equal weights both compute in f32, and the closest call among these tokens is decided by
/// far more than rounding.
fn continues_as_llama_cpp_does(golden: &str) {
    let golden: Golden = serde_json::from_str(golden).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(&golden.model.file);
    let gguf = Gguf::open(&path).unwrap();
    assert_eq!(sha256(gguf.bytes()), golden.model.sha256, "{} changed: run make_tiny.py again", golden.model.file);

    let tokenizer = Tokenizer::from_metadata(gguf.metadata()).unwrap();
    let model = Model::load(Arc::new(gguf), LoadOptions::default()).unwrap();
    let mut engine = Engine::naive(&model).unwrap();
    for Greedy { prompt, prompt_tokens, f32 } in &golden.greedy {
        let ids = tokenizer.encode(prompt, EncodeOptions::PROMPT);
        assert_eq!(&ids, prompt_tokens, "{prompt}");
        let mut session = Session::new(&mut engine, SessionOptions::default());
        let mut logits = session.prefill(&ids, &mut Off).unwrap();
        let mut tokens = vec![];
        while tokens.len() < f32.tokens.len() {
            let token = argmax(logits.last().unwrap());
            tokens.push(token);
            logits = session.decode(token, &mut Off).unwrap();
        }
        assert_eq!(tokens, f32.tokens, "{prompt} …{}", f32.text);
        assert_eq!(tokenizer.decode(&tokens, true), f32.text);
    }
    assert_eq!(golden.greedy.len(), 5);
}

#[test]
fn tiny_continues_as_llama_cpp_does() {
    continues_as_llama_cpp_does(include_str!("../golden/tiny/tiny.json"));
}

#[test]
fn tiny_mqa_continues_as_llama_cpp_does() {
    continues_as_llama_cpp_does(include_str!("../golden/tiny/tiny-mqa.json"));
}

#[test]
fn tiny_mha_continues_as_llama_cpp_does() {
    continues_as_llama_cpp_does(include_str!("../golden/tiny/tiny-mha.json"));
}

#[test]
fn tiny_swa_continues_as_llama_cpp_does() {
    continues_as_llama_cpp_does(include_str!("../golden/tiny/tiny-swa.json"));
}

#[test]
fn tiny_moe_continues_as_llama_cpp_does() {
    continues_as_llama_cpp_does(include_str!("../golden/tiny/tiny-moe.json"));
}

/// `models/known.json` names the files as they are.
#[test]
fn the_catalog_knows_the_files() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for name in ["tiny", "tiny-mqa", "tiny-mha", "tiny-swa", "tiny-moe"] {
        let bytes = std::fs::read(models.join(format!("{name}.gguf"))).unwrap();
        let known = &cutaway::model::known::catalog()[name];
        assert_eq!(
            (known.size, &known.sha256),
            (bytes.len() as u64, &sha256(&bytes)),
            "{name}: run models/README.md again"
        );
    }
}
