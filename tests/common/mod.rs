//! What several tests share.

#![allow(dead_code, unreachable_pub)] // each test uses its part

pub mod tiny_gguf;

use cutaway::model::{LoadOptions, Model};
use tiny_gguf::Case;

/// Loads a small random model.
pub fn load(case: &Case) -> Model {
    let options = LoadOptions { n_ctx: Some(case.variant.n_ctx), ..LoadOptions::default() };
    Model::load(case.gguf(), options).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

/// The F32 model of every variant.
pub fn f32_cases() -> Vec<Case> {
    tiny_gguf::all_cases().into_iter().filter(|case| case.ty == cutaway::quant::GgmlType::F32).collect()
}

/// `n` token ids of a vocabulary, the same for the same seed.
pub fn some_tokens(n: usize, n_vocab: usize, seed: u64) -> Vec<u32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n_vocab as u64) as u32
    };
    (0..n).map(|_| next()).collect()
}
