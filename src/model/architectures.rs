//! The one place that knows model families: what each name in `general.architecture` means, as features.
//!
//! Look first at [`LLAMA`]; every other family is written as its differences from it. [`hparams`](super::hparams)
//! reads numbers from metadata as a [`Family`] directs, [`loader`](super::loader) asks for the tensors it lists, and
//! after that the family is forgotten.
//!
//! Source: `src/models/{llama,qwen2,qwen3,gemma3,phi3,gpt2}.cpp` and `llama_model_rope_type` of llama.cpp. Mistral
//! and Mixtral files call themselves `llama`.

use super::config::{ActFn, RopePairing};

/// What a family's files contain and how its graph differs from another's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    /// The value of `general.architecture` and the prefix of its keys.
    pub(super) name: &'static str,
    /// LayerNorm with biases rather than RMSNorm.
    pub(super) layer_norm: bool,
    /// A learned table of position vectors, `position_embd`.
    pub(super) position_embd: bool,
    /// How RoPE pairs components; `None`: no RoPE.
    pub(super) rope: Option<RopePairing>,
    /// Fewer components than the whole head may turn.
    pub(super) partial_rotary: bool,
    /// Which tensors with a divisor per RoPE frequency the file may hold.
    pub(super) freq_factors: FreqFactors,
    /// The heads together are as wide as the residual stream: n_head · head_dim = n_embd.
    pub(super) square_heads: bool,
    /// RMS norm on each query and key head.
    pub(super) qk_norm: bool,
    /// Norms on the output of each branch.
    pub(super) post_norms: bool,
    /// Factor on q·k, from the shape of the model.
    pub(super) attn_scale: fn(&AttentionShape) -> f32,
    /// Some layers see only a window of positions.
    pub(super) sliding_window: bool,
    /// Biases on the query, key and value projections.
    pub(super) qkv_bias: Presence,
    /// Bias on `attn_output`.
    pub(super) attn_output_bias: Presence,
    /// Where the feed-forward network's gate is.
    pub(super) gate: Gate,
    /// Biases on the feed-forward matrices.
    pub(super) ffn_bias: Presence,
    /// The feed-forward network may be a mixture of experts.
    pub(super) experts: bool,
    /// The feed-forward nonlinearity.
    pub(super) act_fn: ActFn,
    /// Embeddings are multiplied by √n_embd.
    pub(super) scaled_embedding: bool,
    /// Bias on the logits.
    pub(super) output_bias: Presence,
    /// Logits may be capped smoothly.
    pub(super) logit_softcap: bool,
}

/// Whether a tensor is in a family's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Having it would be an error.
    Never,
    /// The model has it if the file has.
    Optional,
    /// Missing it is an error.
    Always,
}

/// Where the gate of the feed-forward network is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// There is none: `down(act(up(x)))`.
    Absent,
    /// In its own tensor `ffn_gate`.
    Separate,
    /// In `ffn_up`, as the first half of its rows.
    FirstHalfOfUp,
}

/// Which tensors may hold a divisor per RoPE frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FreqFactors {
    /// None of them.
    Never,
    /// `rope_freqs`; but the longrope pair if `rope.scaling.type` is longrope.
    ByScalingType,
    /// `rope_factors_long` and `rope_factors_short`, whatever the scaling type.
    LongRope,
}

/// The numbers from which [`Family::attn_scale`] is computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttentionShape {
    pub(super) n_layer: usize,
    pub(super) n_embd: usize,
    /// Of the first layer.
    pub(super) n_head: usize,
    pub(super) head_dim: usize,
}

/// Llama 1–3, SmolLM, Mistral; Mixtral when `expert_count` is not zero.
const LLAMA: Family = Family {
    name: "llama",
    layer_norm: false,
    position_embd: false,
    rope: Some(RopePairing::Adjacent),
    partial_rotary: false,
    freq_factors: FreqFactors::ByScalingType,
    square_heads: false,
    qk_norm: false,
    post_norms: false,
    attn_scale: per_head,
    sliding_window: false,
    qkv_bias: Presence::Optional,
    attn_output_bias: Presence::Optional,
    gate: Gate::Separate,
    ffn_bias: Presence::Optional,
    experts: true,
    act_fn: ActFn::Silu,
    scaled_embedding: false,
    output_bias: Presence::Never,
    logit_softcap: false,
};

/// Qwen 2 and 2.5: pairs are halves, and the query, key and value projections have biases.
const QWEN2: Family = Family {
    name: "qwen2",
    rope: Some(RopePairing::Halves),
    freq_factors: FreqFactors::Never,
    square_heads: true,
    attn_output_bias: Presence::Never,
    ffn_bias: Presence::Never,
    experts: false,
    output_bias: Presence::Optional,
    ..LLAMA
};

/// Qwen 3: queries and keys are normalised per head; heads may be wider than the residual stream.
const QWEN3: Family =
    Family { name: "qwen3", qk_norm: true, square_heads: false, output_bias: Presence::Never, ..QWEN2 };

/// Gemma 3: every branch is normalised before and after; most layers look through a window.
const GEMMA3: Family = Family {
    name: "gemma3",
    partial_rotary: true,
    post_norms: true,
    attn_scale: gemma3_scale,
    sliding_window: true,
    act_fn: ActFn::Gelu,
    scaled_embedding: true,
    logit_softcap: true,
    ..QWEN3
};

/// Phi 3: fused projections, part of each head turns, long contexts have their own frequencies. (Its sliding window is
/// read and then ignored by llama.cpp, and so it is here.)
const PHI3: Family = Family {
    name: "phi3",
    partial_rotary: true,
    freq_factors: FreqFactors::LongRope,
    gate: Gate::FirstHalfOfUp,
    output_bias: Presence::Never,
    ..QWEN2
};

/// GPT-2: learned positions, LayerNorm, biases everywhere, no gate.
const GPT2: Family = Family {
    name: "gpt2",
    layer_norm: true,
    position_embd: true,
    rope: None,
    freq_factors: FreqFactors::Never,
    square_heads: true,
    qkv_bias: Presence::Always,
    attn_output_bias: Presence::Always,
    gate: Gate::Absent,
    ffn_bias: Presence::Always,
    experts: false,
    act_fn: ActFn::Gelu,
    ..LLAMA
};

const FAMILIES: [Family; 6] = [LLAMA, QWEN2, QWEN3, GEMMA3, PHI3, GPT2];

impl Family {
    /// The family that a file names, or `None`.
    pub(super) fn named(name: &str) -> Option<&'static Family> {
        const TABLE: &[Family] = &FAMILIES;
        TABLE.iter().find(|family| family.name == name)
    }
}

/// The values of `general.architecture` that can be loaded.
pub fn known_architectures() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|family| family.name)
}

/// 1/√head_dim, so that scores of random vectors have variance 1.
fn per_head(shape: &AttentionShape) -> f32 {
    1.0 / (shape.head_dim as f32).sqrt()
}

/// Gemma's 27B, known by its 62 layers, was trained with the width a head would have if heads filled the stream.
fn gemma3_scale(shape: &AttentionShape) -> f32 {
    match shape.n_layer {
        62 => 1.0 / ((shape.n_embd / shape.n_head) as f32).sqrt(),
        _ => per_head(shape),
    }
}
