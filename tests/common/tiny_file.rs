//! A case → the content of its file: metadata, a small vocabulary, tensors.
//!
//! Look first at the second half of `impl Case`: a model's tensors in the order of a file.

use super::tiny_random::{Random, encode, matrix};
use super::{Biases, Case, FreqFactors};
use cutaway::gguf::{Encode, Gguf, GgufError, Metadata, Writer};
use cutaway::quant::GgmlType;
use std::sync::Arc;

/// A model file in pieces, for tests to damage.
#[derive(Debug, Clone)]
pub struct TinyModel {
    pub metadata: Metadata,
    pub tensors: Vec<TinyTensor>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TinyTensor {
    pub name: String,
    pub ty: GgmlType,
    /// Row length first.
    pub ne: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Case {
    pub(super) fn metadata(&self) -> Metadata {
        let v = &self.variant;
        let mut metadata = Metadata::new();
        put(&mut metadata, "general.architecture", v.arch);
        // Not the case's name: llama.cpp looks for families' names in it and then asks for their special tokens.
        put(&mut metadata, "general.name", "Tiny random model");
        let mut size = |suffix: &str, value: usize| put(&mut metadata, &format!("{}.{suffix}", v.arch), value as u32);
        size("context_length", v.n_ctx_train);
        size("embedding_length", v.n_embd);
        size("block_count", v.n_layer);
        size("feed_forward_length", v.n_ff);
        size("attention.head_count", v.n_head);
        size("attention.head_count_kv", v.n_head_kv);
        if v.head_dim * v.n_head != v.n_embd {
            size("attention.key_length", v.head_dim);
            size("attention.value_length", v.head_dim);
        }
        if v.n_rot > 0 {
            size("rope.dimension_count", v.n_rot);
        }
        if v.n_expert > 0 {
            size("expert_count", v.n_expert);
            size("expert_used_count", 2);
        }
        let epsilon = if v.arch == "gpt2" { "layer_norm_epsilon" } else { "layer_norm_rms_epsilon" };
        put(&mut metadata, &format!("{}.attention.{epsilon}", v.arch), 1e-5f32);
        for (suffix, value) in &v.keys {
            put(&mut metadata, &format!("{}.{suffix}", v.arch), *value);
        }
        put_vocabulary(&mut metadata);
        metadata
    }

    pub(super) fn tensors(&self) -> Vec<TinyTensor> {
        let v = &self.variant;
        let n_vocab = tokens().len();
        let mut build = Build { ty: self.ty, gain: self.gain, tensors: vec![] };
        build.matrix("token_embd.weight", v.n_embd, n_vocab);
        if v.arch == "gpt2" {
            build.float("position_embd.weight", &[v.n_embd, v.n_ctx_train], 0.0, 0.1);
        }
        match v.freq_factors {
            FreqFactors::None => {}
            FreqFactors::Llama3 => build.ramp("rope_freqs.weight", v.n_rot / 2, 1.0, 8.0),
            FreqFactors::LongRope => {
                build.ramp("rope_factors_long.weight", v.n_rot / 2, 1.0, 5.0);
                build.ramp("rope_factors_short.weight", v.n_rot / 2, 1.0, 1.5);
            }
        }
        for il in 0..v.n_layer {
            self.block(&mut build, |role| format!("blk.{il}.{role}"));
        }
        self.norm(&mut build, "output_norm".to_owned());
        if !v.tied {
            build.matrix("output.weight", v.n_embd, n_vocab);
        }
        if v.arch == "qwen2" {
            build.float("output.bias", &[n_vocab], 0.0, 0.3);
        }
        build.tensors
    }

    fn block(&self, build: &mut Build, name: impl Fn(&str) -> String) {
        let v = &self.variant;
        let (q, kv) = (v.n_head * v.head_dim, v.n_head_kv * v.head_dim);
        let (qkv_bias, all_biases) = (v.biases != Biases::None, v.biases == Biases::All);

        self.norm(build, name("attn_norm"));
        let from = build.tensors.len();
        for (role, n_out) in [("attn_q", q), ("attn_k", kv), ("attn_v", kv)] {
            build.linear(&name(role), v.n_embd, n_out, qkv_bias);
        }
        if v.fused_qkv {
            build.fuse(from, &name("attn_qkv"));
        }
        if matches!(v.arch, "qwen3" | "gemma3") {
            build.float(&name("attn_q_norm.weight"), &[v.head_dim], 1.0, 0.1);
            build.float(&name("attn_k_norm.weight"), &[v.head_dim], 1.0, 0.1);
        }
        build.linear(&name("attn_output"), q, v.n_embd, all_biases);
        if v.arch == "gemma3" {
            self.norm(build, name("post_attention_norm"));
        }

        self.norm(build, name("ffn_norm"));
        if v.n_expert > 0 {
            build.float(
                &name("ffn_gate_inp.weight"),
                &[v.n_embd, v.n_expert],
                0.0,
                self.gain / (v.n_embd as f32).sqrt(),
            );
            build.stack(&name("ffn_gate_exps.weight"), v.n_embd, v.n_ff, v.n_expert);
            build.stack(&name("ffn_up_exps.weight"), v.n_embd, v.n_ff, v.n_expert);
            build.stack(&name("ffn_down_exps.weight"), v.n_ff, v.n_embd, v.n_expert);
        } else {
            let from = build.tensors.len();
            if v.arch != "gpt2" {
                build.linear(&name("ffn_gate"), v.n_embd, v.n_ff, all_biases);
            }
            build.linear(&name("ffn_up"), v.n_embd, v.n_ff, all_biases);
            if v.arch == "phi3" {
                build.fuse(from, &name("ffn_up"));
            }
            build.linear(&name("ffn_down"), v.n_ff, v.n_embd, all_biases);
        }
        if v.arch == "gemma3" {
            self.norm(build, name("post_ffw_norm"));
        }
    }

    fn norm(&self, build: &mut Build, name: String) {
        build.float(&format!("{name}.weight"), &[self.variant.n_embd], 1.0, 0.1);
        if self.variant.arch == "gpt2" {
            build.float(&format!("{name}.bias"), &[self.variant.n_embd], 0.0, 0.1);
        }
    }
}

/// Tensors in the order in which they are made.
struct Build {
    ty: GgmlType,
    gain: f32,
    tensors: Vec<TinyTensor>,
}

impl Build {
    fn push(&mut self, name: &str, ty: GgmlType, ne: &[usize], bytes: Vec<u8>) {
        self.tensors.push(TinyTensor { name: name.to_owned(), ty, ne: ne.to_vec(), bytes });
    }

    fn matrix(&mut self, name: &str, n_in: usize, n_out: usize) {
        self.push(name, self.ty, &[n_in, n_out], matrix(name, self.ty, self.gain, n_in, n_out));
    }

    fn stack(&mut self, name: &str, n_in: usize, n_out: usize, n: usize) {
        self.push(name, self.ty, &[n_in, n_out, n], matrix(name, self.ty, self.gain, n_in, n_out * n));
    }

    fn linear(&mut self, role: &str, n_in: usize, n_out: usize, bias: bool) {
        self.matrix(&format!("{role}.weight"), n_in, n_out);
        if bias {
            self.float(&format!("{role}.bias"), &[n_out], 0.0, 0.3);
        }
    }

    /// An F32 tensor of random numbers: norms, biases, and matrices that quantisers leave alone.
    fn float(&mut self, name: &str, ne: &[usize], mean: f32, std: f32) {
        let values = Random::named(name).normals(ne.iter().product(), mean, std);
        self.push(name, GgmlType::F32, ne, encode(GgmlType::F32, &values));
    }

    /// Evenly spaced numbers.
    fn ramp(&mut self, name: &str, n: usize, from: f32, to: f32) {
        let values: Vec<f32> = (0..n).map(|i| from + (to - from) * i as f32 / (n - 1) as f32).collect();
        self.push(name, GgmlType::F32, &[n], encode(GgmlType::F32, &values));
    }

    /// Joins the rows of all weights from tensor number `from` on, and all biases, under one role.
    fn fuse(&mut self, from: usize, role: &str) {
        let parts = self.tensors.split_off(from);
        for suffix in ["weight", "bias"] {
            let parts = || parts.iter().filter(|part| part.name.ends_with(suffix));
            let Some(mut all) = parts().next().cloned() else { continue };
            all.name = format!("{role}.{suffix}");
            *all.ne.last_mut().expect("a dimension") = parts().map(|part| *part.ne.last().expect("a dimension")).sum();
            all.bytes = parts().flat_map(|part| part.bytes.clone()).collect();
            self.tensors.push(all);
        }
    }
}

impl TinyModel {
    pub fn try_to_bytes(&self) -> Result<Vec<u8>, GgufError> {
        let mut writer = Writer::new(self.metadata.clone());
        for tensor in &self.tensors {
            writer.tensor(&tensor.name, tensor.ty, &tensor.ne, tensor.bytes.as_slice())?;
        }
        writer.to_bytes()
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.try_to_bytes().expect("a well-formed file")
    }

    pub fn gguf(&self) -> Arc<Gguf> {
        Arc::new(Gguf::from_bytes(self.to_bytes()).expect("a well-formed file"))
    }

    /// The full name of a key of this model's architecture.
    pub fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.metadata.require_str("general.architecture").expect("an architecture"))
    }

    /// Sets a key of the model's architecture.
    pub fn set(&mut self, suffix: &str, value: impl Encode) {
        let key = self.key(suffix);
        put(&mut self.metadata, &key, value);
    }

    /// Removes a key of the model's architecture.
    pub fn remove(&mut self, suffix: &str) {
        let key = self.key(suffix);
        self.metadata.retain(|other| other != key);
    }
}

fn put(metadata: &mut Metadata, key: &str, value: impl Encode) {
    metadata.insert(key, value).expect("a key with a name");
}

/// Specials, one byte, a space, letters, digits and a few pieces made of several letters.
pub fn tokens() -> Vec<String> {
    let specials = ["<unk>", "<s>", "</s>", "<0x0A>", "▁"].map(str::to_owned);
    let letters = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(".,;:!?'\"()-".chars()).map(String::from);
    let pieces = ["th", "he", "in", "er", "an", "▁t", "▁a", "▁th", "▁the", "ing"].map(str::to_owned);
    specials.into_iter().chain(letters).chain(pieces).collect()
}

/// A SentencePiece-style vocabulary, as llama.cpp asks for.
fn put_vocabulary(metadata: &mut Metadata) {
    let tokens = tokens();
    let scores: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32)).collect();
    // 1 normal, 2 unknown, 3 control, 6 byte.
    let types: Vec<i32> = (0..tokens.len()).map(|id| [2, 3, 3, 6].get(id).copied().unwrap_or(1)).collect();
    put(metadata, "tokenizer.ggml.model", "llama");
    put(metadata, "tokenizer.ggml.tokens", tokens);
    put(metadata, "tokenizer.ggml.scores", scores);
    put(metadata, "tokenizer.ggml.token_type", types);
    put(metadata, "tokenizer.ggml.bos_token_id", 1u32);
    put(metadata, "tokenizer.ggml.eos_token_id", 2u32);
    put(metadata, "tokenizer.ggml.unknown_token_id", 0u32);
    put(metadata, "tokenizer.ggml.add_bos_token", false);
}
