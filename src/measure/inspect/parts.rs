//! Parameters by part and bytes by format. Every tensor falls into exactly one of each, so both add up to the file.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::gguf::{Gguf, TensorInfo};

/// What a tensor is for, told by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Token and position embeddings.
    Embedding,
    /// The projections of attention: q, k, v, output.
    Attention,
    /// The feed-forward matrices, experts and router included.
    FeedForward,
    /// Weights and biases of normalisations.
    Norms,
    /// The matrix that makes logits; absent where it is tied to the embedding.
    Output,
    /// Anything else: RoPE factors, tensors of unknown families.
    Other,
}

impl Part {
    /// Every part, in the order of a forward pass.
    pub const ALL: [Part; 6] =
        [Part::Embedding, Part::Attention, Part::FeedForward, Part::Norms, Part::Output, Part::Other];

    /// The part a tensor of this name belongs to.
    pub fn of(tensor: &str) -> Part {
        // `blk.7.attn_q.weight` → `attn_q`; `output.weight` → `output`.
        let in_block = tensor.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).map(|(_, role)| role);
        let role = in_block.unwrap_or(tensor).split('.').next().unwrap_or_default();
        match role {
            _ if role.contains("norm") => Part::Norms,
            "token_embd" | "position_embd" | "token_types" => Part::Embedding,
            "output" if in_block.is_none() => Part::Output,
            _ if in_block.is_some() && role.starts_with("attn_") => Part::Attention,
            _ if in_block.is_some() && role.starts_with("ffn_") => Part::FeedForward,
            _ => Part::Other,
        }
    }
}

/// What one part takes.
#[derive(Debug, Clone, Serialize)]
pub struct PartShare {
    /// The part.
    pub part: Part,
    /// Its tensors.
    pub n_tensors: usize,
    /// Their elements.
    pub n_parameters: u64,
    /// Their bytes, without padding.
    pub bytes: u64,
}

/// The file's tensors by part. Every part is listed, empty ones too.
pub fn parts(gguf: &Gguf) -> Vec<PartShare> {
    let share = |part: Part| {
        let (n_tensors, n_parameters, bytes) = sum(gguf.tensors().filter(|info| Part::of(info.name) == part));
        PartShare { part, n_tensors, n_parameters, bytes }
    };
    Part::ALL.into_iter().map(share).collect()
}

/// What one format takes.
#[derive(Debug, Clone, Serialize)]
pub struct FormatShare {
    /// Its name.
    pub format: String,
    /// Bits of one weight, scales included.
    pub bits_per_weight: f64,
    /// Tensors in this format.
    pub n_tensors: usize,
    /// Their elements.
    pub n_parameters: u64,
    /// Their bytes, without padding.
    pub bytes: u64,
}

/// The file's tensors by format, the one with most bytes first.
pub fn formats(gguf: &Gguf) -> Vec<FormatShare> {
    let mut by_type: BTreeMap<_, Vec<TensorInfo<'_>>> = BTreeMap::new();
    for info in gguf.tensors() {
        by_type.entry(info.ty).or_default().push(info);
    }
    let mut shares: Vec<FormatShare> = by_type
        .into_iter()
        .map(|(ty, infos)| {
            let (n_tensors, n_parameters, bytes) = sum(infos.into_iter());
            let format = ty.name().to_owned();
            FormatShare { format, bits_per_weight: ty.bits_per_weight(), n_tensors, n_parameters, bytes }
        })
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    shares
}

/// (tensors, elements, bytes).
fn sum<'a>(infos: impl Iterator<Item = TensorInfo<'a>>) -> (usize, u64, u64) {
    infos.fold((0, 0, 0), |(n, elements, bytes), info| {
        (n + 1, elements + info.n_elements() as u64, bytes + info.n_bytes() as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn names_tell_parts() {
        for (name, part) in [
            ("token_embd.weight", Part::Embedding),
            ("position_embd.weight", Part::Embedding),
            ("blk.0.attn_q.weight", Part::Attention),
            ("blk.10.attn_output.bias", Part::Attention),
            ("blk.0.attn_q_norm.weight", Part::Norms),
            ("blk.0.post_attention_norm.weight", Part::Norms),
            ("output_norm.weight", Part::Norms),
            ("output.weight", Part::Output),
            ("blk.3.ffn_gate_exps.weight", Part::FeedForward),
            ("blk.3.ffn_gate_inp.weight", Part::FeedForward),
            ("blk.3.ssm_in.weight", Part::Other),
            ("rope_freqs.weight", Part::Other),
            ("blk", Part::Other),
            ("", Part::Other),
        ] {
            assert_eq!(Part::of(name), part, "{name}");
        }
    }
}
