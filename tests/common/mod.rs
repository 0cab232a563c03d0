//! What several tests share.

#![allow(dead_code, unreachable_pub)] // each test uses its part

pub mod cache;
pub mod refusal;
pub mod tiny_gguf;

use cutaway::batch::{Batch, Row, SeqId};
use cutaway::kernels::Kernels;
use cutaway::kv_cache::{KvFormat, KvFormats};
use cutaway::model::{LoadOptions, Model};
use std::collections::BTreeSet;
use std::ops::Range;
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

/// The fields of a table of kernels that are functions, read from its `Debug` output, so that new ones are included.
pub fn kernel_names(table: &Kernels) -> BTreeSet<String> {
    let (printed, mut format, mut names) = (format!("{table:#?}"), String::new(), BTreeSet::new());
    for line in printed.lines().map(str::trim) {
        if let Some((field, _)) = line.split_once(": BlockGemm {") {
            format = format!("{field}."); // until its brace: the kernels of one format
        } else if line.starts_with('}') {
            format.clear();
        } else if let Some((name, _address)) = line.split_once(": 0x") {
            names.insert(format!("{format}{name}"));
        }
    }
    names
}

/// Every format of keys with every format of values.
pub fn kv_formats() -> Vec<KvFormats> {
    KvFormat::ALL.into_iter().flat_map(|k| KvFormat::ALL.map(|v| KvFormats { k, v })).collect()
}

/// The bits of a row, to compare results that must be bit-equal.
pub fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|x| x.to_bits()).collect()
}

/// `0..n` cut into ranges of these sizes, as many as it takes.
pub fn pieces(n: usize, sizes: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let (mut sizes, mut pieces, mut start) = (sizes.into_iter(), Vec::new(), 0);
    while start < n {
        let end = (start + sizes.next().expect("sizes that add up to n")).min(n);
        pieces.push(start..end);
        start = end;
    }
    pieces
}

/// Two sequences in one batch, whose rows alternate. Only the rows of `ours` want logits.
pub fn side_by_side(positions: Range<usize>, ours: (SeqId, &[u32]), theirs: (SeqId, &[u32])) -> Batch {
    let mut batch = Batch::new();
    for position in positions {
        for ((sequence, tokens), wants_logits) in [(theirs, false), (ours, true)] {
            batch.push(Row { token: tokens[position], position, sequence, wants_logits });
        }
    }
    batch
}

/// Relative RMS difference: √(Σ(a − b)² / Σb²), over all pairs.
pub fn relative_rms(ours: &[f32], oracle: &[f64]) -> f64 {
    assert_eq!(ours.len(), oracle.len());
    let (mut error, mut size) = (0.0, 0.0);
    for (&a, &b) in ours.iter().zip(oracle) {
        error += (f64::from(a) - b).powi(2);
        size += b * b;
    }
    (error / size).sqrt()
}

/// −ln p of token `next` under these logits, in f64.
pub fn nll(logits: &[f32], next: u32) -> f64 {
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, &l| max.max(f64::from(l)));
    let sum: f64 = logits.iter().map(|&l| (f64::from(l) - max).exp()).sum();
    max + sum.ln() - f64::from(logits[next as usize])
}

/// The first of the largest.
pub fn argmax(logits: &[f32]) -> u32 {
    (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best }) as u32
}
