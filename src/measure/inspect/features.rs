//! The model as features: every hyper-parameter, said without the name of a family.

use serde::Serialize;

use crate::model::{ActFn, AttentionKind, FeedForward, LayerConfig, Model, Norm, Rope, RopePairing};

/// What a model is. Layers that are alike are one [`LayerGroup`].
#[derive(Debug, Clone, Serialize)]
pub struct Features {
    /// Transformer blocks.
    pub n_layer: usize,
    /// Width of the residual stream.
    pub n_embd: usize,
    /// Tokens in the vocabulary.
    pub n_vocab: usize,
    /// Positions it was trained to see.
    pub n_ctx_train: usize,
    /// Whether logits are made with the embedding matrix.
    pub tied_output: bool,
    /// Whether positions are learned vectors (GPT-2) rather than rotations.
    pub learned_positions: bool,
    /// `RMSNorm` or `LayerNorm`.
    pub norm: &'static str,
    /// Its epsilon.
    pub norm_eps: f32,
    /// Whether each branch's output is normalised too.
    pub post_norms: bool,
    /// Whether queries and keys are normalised before RoPE.
    pub qk_norm: bool,
    /// Whether the projections of q, k, v have biases.
    pub qkv_bias: bool,
    /// The nonlinearity: `SiLU`, `GELU`.
    pub activation: &'static str,
    /// Whether it gates a second projection (SwiGLU, GeGLU).
    pub gated: bool,
    /// Factor on token embeddings.
    pub embedding_scale: Option<f32>,
    /// Cap on final logits.
    pub logit_softcap: Option<f32>,
    /// One letter per layer: `L` sees a window (local), `G` everything (global).
    pub window_pattern: String,
    /// Kinds of layers, in the order of their first appearance.
    pub layers: Vec<LayerGroup>,
}

/// Layers of the same shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerGroup {
    /// Their indices.
    pub indices: Vec<usize>,
    /// `MHA`, `GQA`, `MQA`.
    pub attention: String,
    /// Query heads.
    pub n_head: usize,
    /// Key/value heads.
    pub n_head_kv: usize,
    /// Query heads that share a key/value head.
    pub n_group: usize,
    /// Length of a key.
    pub head_dim_k: usize,
    /// Length of a value.
    pub head_dim_v: usize,
    /// Factor on q·k.
    pub attn_scale: f32,
    /// Positions seen; `None`: all before.
    pub window: Option<usize>,
    /// The rotation of queries and keys.
    pub rope: Option<RopeReport>,
    /// Hidden width of the feed-forward network, or of one expert.
    pub n_ff: usize,
    /// Experts, 0 without.
    pub n_expert: usize,
    /// Experts that a token visits.
    pub n_expert_used: usize,
}

/// A rotation of queries and keys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RopeReport {
    /// Components that turn.
    pub n_rot: usize,
    /// `adjacent` (2i, 2i+1) or `halves` (i, i + n_rot/2).
    pub pairing: &'static str,
    /// Base of the frequencies.
    pub base: f32,
    /// How it is stretched to longer contexts: `none`, `linear`, `yarn`, `factors` (a divisor per frequency).
    pub scaling: &'static str,
    /// Context stretch; 1 without.
    pub stretch: f32,
    /// Context before stretching.
    pub n_ctx_orig: usize,
}

impl Features {
    pub(super) fn of(model: &Model) -> Self {
        let (config, weights) = (&model.config, &model.weights);
        let first = weights.layers.first();
        let letter = |layer: &LayerConfig| if layer.window.is_some() { 'L' } else { 'G' };
        Self {
            n_layer: config.n_layer(),
            n_embd: config.n_embd,
            n_vocab: config.n_vocab,
            n_ctx_train: config.n_ctx_train,
            tied_output: weights.output.is_none(),
            learned_positions: weights.position_embd.is_some(),
            norm: match config.norm {
                Norm::Rms { .. } => "RMSNorm",
                Norm::Layer { .. } => "LayerNorm",
            },
            norm_eps: config.norm.eps(),
            post_norms: first.is_some_and(|layer| layer.post_attn_norm.is_some() && layer.post_ffn_norm.is_some()),
            qk_norm: first.is_some_and(|layer| layer.attn_q_norm.is_some()),
            qkv_bias: first.is_some_and(|layer| layer.attn_q.bias.is_some()),
            activation: match config.act_fn {
                ActFn::Silu => "SiLU",
                ActFn::Gelu => "GELU",
            },
            gated: first.is_some_and(|layer| match &layer.ffn {
                FeedForward::Dense { gate, .. } => gate.is_some(),
                FeedForward::Experts { .. } => true,
            }),
            embedding_scale: config.embedding_scale,
            logit_softcap: config.logit_softcap,
            window_pattern: config.layers.iter().map(letter).collect(),
            layers: groups(&config.layers),
        }
    }

    /// The kind of attention, if it is the same in all layers.
    pub fn attention(&self) -> Option<&str> {
        let first = &self.layers.first()?.attention;
        self.layers.iter().all(|group| group.attention == *first).then_some(first)
    }
}

fn groups(layers: &[LayerConfig]) -> Vec<LayerGroup> {
    let mut groups: Vec<LayerGroup> = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let new = group(index, layer);
        match groups.iter_mut().find(|group| LayerGroup { indices: new.indices.clone(), ..(*group).clone() } == new) {
            Some(group) => group.indices.push(index),
            None => groups.push(new),
        }
    }
    groups
}

fn group(index: usize, layer: &LayerConfig) -> LayerGroup {
    let kind: AttentionKind = layer.attention_kind();
    LayerGroup {
        indices: vec![index],
        attention: kind.to_string(),
        n_head: layer.n_head,
        n_head_kv: layer.n_head_kv,
        n_group: layer.n_group(),
        head_dim_k: layer.head_dim_k,
        head_dim_v: layer.head_dim_v,
        attn_scale: layer.attn_scale,
        window: layer.window,
        rope: layer.rope.as_ref().map(rope_report),
        n_ff: layer.n_ff,
        n_expert: layer.experts.map_or(0, |experts| experts.n),
        n_expert_used: layer.experts.map_or(0, |experts| experts.n_used),
    }
}

fn rope_report(rope: &Rope) -> RopeReport {
    let scaling = match () {
        () if rope.freq_factors.is_some() => "factors",
        () if rope.ext_factor != 0.0 => "yarn",
        () if rope.freq_scale != 1.0 => "linear",
        () => "none",
    };
    RopeReport {
        n_rot: rope.n_rot,
        pairing: match rope.pairing {
            RopePairing::Adjacent => "adjacent",
            RopePairing::Halves => "halves",
        },
        base: rope.base,
        scaling,
        stretch: 1.0 / rope.freq_scale,
        n_ctx_orig: rope.n_ctx_orig,
    }
}
