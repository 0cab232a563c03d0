//! Transformers that learn to continue the language.
//!
//! | step | file |
//! |---|---|
//! | the family's shapes | [`config`] |
//! | every weight in one buffer | [`parameters`] |
//! | documents → sequences | [`data`] |
//! | loss and its derivative | **[`model`]**, [`matmul`] |
//! | derivative → better weights | [`optimizer`], [`muon`], [`schedule`] |
//! | the loop around all this | **[`training`]** |
//! | weights → a model file, and what it has learned | [`export`], [`evaluate`] |
//! | for people | [`chart`], [`markdown`] |
//!
//! The forward and backward passes are written by hand over slices, on the matrix product of the crate `gemm`: a
//! million weights are so few that a general library for derivatives would spend its time on everything but products.
//! Look first at [`training::train`].

pub mod chart;
pub mod commands;
pub mod config;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod markdown;
pub mod matmul;
pub mod model;
pub mod muon;
pub mod optimizer;
pub mod parameters;
pub mod random;
pub mod schedule;
pub mod training;

use crate::language::{Corpus, Split};
use crate::vocabulary::{BOS, EOS, Vocabulary};
use cutaway::tokenizer::{EncodeOptions, TokenizerError};

/// The corpus of a seed as token ids, one document after another, each between `<s>` and `</s>`.
pub fn corpus_ids(seed: u64, split: Split) -> Result<impl Iterator<Item = Vec<u32>>, TokenizerError> {
    let tokenizer = Vocabulary::committed().tokenizer()?;
    Ok(Corpus::new(seed, split).map(move |document| {
        let text = tokenizer.encode(&document.text, EncodeOptions { add_bos: false, ..EncodeOptions::PROMPT });
        [BOS].into_iter().chain(text).chain([EOS]).collect()
    }))
}
