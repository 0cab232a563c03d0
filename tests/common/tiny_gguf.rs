//! Small random models of every family, RoPE kind and tensor format, the same bytes on every machine.
//!
//! Look first at [`variants`]: each line is a kind of model. [`cases`] crosses them with tensor formats. The weights
//! are scaled so that activations and logits are of size 1 and attention is far from uniform. llama.cpp loads all of
//! these files; `examples/tiny_models.rs` writes them to a directory for it.
//!
//! Matrices named alike have the same weights in every variant and format of the same width, so a fused `attn_qkv`
//! holds exactly what its three parts would.

#![allow(dead_code, unused_imports, unreachable_pub)] // each test uses its part

#[path = "tiny_file.rs"]
mod tiny_file;
#[path = "tiny_random.rs"]
mod tiny_random;

use cutaway::gguf::{Gguf, Value};
use cutaway::quant::GgmlType;
use std::sync::Arc;
pub use tiny_file::{TinyModel, TinyTensor, tokens};
pub use tiny_random::{encode, matrix};

/// A kind of model.
#[derive(Debug, Clone)]
pub struct Variant {
    pub name: &'static str,
    pub arch: &'static str,
    /// The context to load with, in Cutaway and in llama.cpp. A multiple of 256, since llama.cpp rounds up to that.
    pub n_ctx: usize,
    n_layer: usize,
    n_embd: usize,
    n_head: usize,
    n_head_kv: usize,
    head_dim: usize,
    n_ff: usize,
    n_ctx_train: usize,
    n_rot: usize,
    n_expert: usize,
    /// No `output.weight`.
    tied: bool,
    /// Q, K and V in one tensor.
    fused_qkv: bool,
    biases: Biases,
    freq_factors: FreqFactors,
    /// More metadata: key without the architecture's prefix, value.
    keys: Vec<(&'static str, Value<'static>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Biases {
    None,
    /// On the query, key and value projections.
    Qkv,
    /// On every projection.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FreqFactors {
    None,
    /// `rope_freqs.weight`.
    Llama3,
    /// `rope_factors_long.weight` and `rope_factors_short.weight`.
    LongRope,
}

/// A file: a variant whose matrices are all in one format.
#[derive(Debug, Clone)]
pub struct Case {
    /// `variant-format`, in lower case: the stem of the file's name.
    pub name: String,
    pub variant: Variant,
    pub ty: GgmlType,
    /// The standard deviation of weights is gain/√n_in.
    pub gain: f32,
}

/// So that a normalised input gives outputs of size 1.5, and attention is far from uniform.
const GAIN: f32 = 1.5;
/// Weights of standard deviation 0.02 in a model of width 256, or what is the same in one of another width: a model as
/// GPT-2's authors began to train it.
const UNTRAINED_GAIN: f32 = 0.32;

/// Every kind of model, narrow.
pub fn variants() -> Vec<Variant> {
    let f32 = Value::F32;
    let str = |s: &'static str| Value::Str(s.as_bytes());
    let llama = Variant {
        name: "llama-gqa",
        arch: "llama",
        n_ctx: 256,
        n_layer: 2,
        n_embd: 64,
        n_head: 4,
        n_head_kv: 2,
        head_dim: 16,
        n_ff: 96,
        n_ctx_train: 256,
        n_rot: 16,
        n_expert: 0,
        tied: false,
        fused_qkv: false,
        biases: Biases::None,
        freq_factors: FreqFactors::None,
        keys: vec![],
    };
    let scaled = |name, keys: &[(&'static str, Value<'static>)]| Variant {
        name,
        n_ctx_train: 1024,
        keys: [&[("rope.scaling.original_context_length", Value::U32(256))], keys].concat(),
        ..llama.clone()
    };
    let qwen2 = Variant { name: "qwen2", arch: "qwen2", biases: Biases::Qkv, ..llama.clone() };
    let qwen3 = Variant { name: "qwen3", arch: "qwen3", head_dim: 32, n_rot: 32, tied: true, ..llama.clone() };
    let gemma = |name, n_layer, keys: &[(&'static str, Value<'static>)]| Variant {
        name,
        arch: "gemma3",
        n_layer,
        keys: [&[("attention.sliding_window", Value::U32(8)), ("rope.freq_base", f32(1e6))], keys].concat(),
        ..qwen3.clone()
    };
    let phi3 = Variant { name: "phi3", arch: "phi3", n_rot: 8, fused_qkv: true, ..llama.clone() };
    let longrope = Variant {
        name: "phi3-longrope-short",
        freq_factors: FreqFactors::LongRope,
        n_ctx_train: 1024,
        keys: vec![
            ("rope.scaling.original_context_length", Value::U32(256)),
            ("rope.scaling.attn_factor", f32(1.19)),
            ("attention.sliding_window", Value::U32(8)),
        ],
        ..phi3.clone()
    };
    vec![
        Variant { name: "llama-mha", n_head_kv: 4, ..llama.clone() },
        Variant { name: "llama-mqa", n_head_kv: 1, ..llama.clone() },
        Variant { name: "llama-tied", tied: true, keys: vec![("rope.freq_base", f32(5e5))], ..llama.clone() },
        Variant { name: "llama-biases", biases: Biases::All, ..llama.clone() },
        Variant { name: "llama-fused", biases: Biases::All, fused_qkv: true, ..llama.clone() },
        scaled("llama-rope-none", &[("rope.scaling.type", str("none")), ("rope.scaling.factor", f32(4.0))]),
        scaled("llama-linear", &[("rope.scaling.type", str("linear")), ("rope.scaling.factor", f32(4.0))]),
        scaled("llama-yarn", &[("rope.scaling.type", str("yarn")), ("rope.scaling.factor", f32(4.0))]),
        scaled(
            "llama-yarn-attn",
            &[
                ("rope.scaling.type", str("yarn")),
                ("rope.scaling.factor", f32(4.0)),
                ("rope.scaling.attn_factor", f32(0.8)),
            ],
        ),
        Variant { name: "llama-llama3", freq_factors: FreqFactors::Llama3, ..llama.clone() },
        Variant {
            freq_factors: FreqFactors::LongRope,
            n_ctx: 512,
            ..scaled("llama-longrope-long", &[("rope.scaling.type", str("longrope"))])
        },
        Variant { name: "mixtral", n_expert: 4, ..llama.clone() },
        Variant {
            name: "qwen2-yarn",
            arch: "qwen2",
            biases: Biases::Qkv,
            ..scaled("", &[("rope.scaling.type", str("yarn")), ("rope.scaling.factor", f32(4.0))])
        },
        qwen2,
        gemma("gemma3", 6, &[]),
        gemma(
            "gemma3-pattern3",
            3,
            &[
                ("attention.sliding_window_pattern", Value::U32(3)),
                ("rope.freq_base_swa", f32(500.0)),
                ("rope.scaling.type", str("linear")),
                ("rope.scaling.factor", f32(8.0)),
                ("final_logit_softcapping", f32(2.0)),
            ],
        ),
        qwen3,
        Variant { name: "phi3-longrope-long", n_ctx: 512, ..longrope.clone() },
        longrope,
        phi3,
        Variant {
            name: "gpt2",
            arch: "gpt2",
            n_head_kv: 4,
            n_rot: 0,
            tied: true,
            fused_qkv: true,
            biases: Biases::All,
            ..llama.clone()
        },
        llama,
    ]
}

/// Every variant in F32; every format on `llama-gqa`; and one variant of every other family in a few formats that
/// together cover plain floats, blocks of 32 and blocks of 256.
pub fn cases() -> Vec<Case> {
    const FAMILIES: [&str; 7] = ["llama-fused", "mixtral", "qwen2", "qwen3", "gemma3", "phi3", "gpt2"];
    const FEW: [GgmlType; 4] = [GgmlType::F16, GgmlType::Q8_0, GgmlType::Q4_0, GgmlType::Q4_K];
    all_cases()
        .into_iter()
        .filter(|Case { variant, ty, .. }| {
            *ty == GgmlType::F32
                || variant.name == "llama-gqa"
                || (FAMILIES.contains(&variant.name) && FEW.contains(ty))
        })
        .collect()
}

/// Every variant in every format.
pub fn all_cases() -> Vec<Case> {
    let formats = |variant: &Variant| GgmlType::WEIGHTS.map(|ty| case(variant, ty));
    variants().iter().flat_map(formats).collect()
}

/// The case of this name; see [`Case::name`].
pub fn named(name: &str) -> Case {
    all_cases().into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no tiny model {name}"))
}

/// A variant in a format: four times as wide, and no deeper than needed, if the format has blocks of 256.
fn case(variant: &Variant, ty: GgmlType) -> Case {
    let mut variant = variant.clone();
    if ty.block_len() == 256 {
        variant.n_embd *= 4;
        variant.head_dim *= 4;
        variant.n_rot *= 4;
        variant.n_ff = 256;
        variant.n_layer = variant.n_layer.min(6);
    }
    Case { name: format!("{}-{}", variant.name, ty.name().to_lowercase()), variant, ty, gain: GAIN }
}

impl Case {
    /// The same model before its training: weights so small that it attends nearly uniformly.
    pub fn untrained(self) -> Self {
        Self { gain: UNTRAINED_GAIN, ..self }
    }

    /// The file's content.
    pub fn model(&self) -> TinyModel {
        TinyModel { metadata: self.metadata(), tensors: self.tensors() }
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.model().to_bytes()
    }

    pub fn gguf(&self) -> Arc<Gguf> {
        self.model().gguf()
    }
}
