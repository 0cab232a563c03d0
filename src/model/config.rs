//! [`Config`]: what a model is, said as features.
//!
//! Look first at [`LayerConfig`], then at [`Rope`]. Nothing here names a family: the forward paths read "adjacent
//! pairs are rotated, base 10000, a window of 512 positions" and never "this is gemma". Which metadata key of which
//! family becomes which feature is told in `architectures`.
//!
//! What it deliberately does not do: hold weights ([`weights`](super::weights)), or compute anything but small
//! products of its own fields.
//!
//! Sources: `llama-hparams.h` of llama.cpp for the meaning of each number, `ggml_rope_ext` for [`Rope`].

/// Everything about a model that is not a weight. Every value has been checked: sizes are positive and divide as they
/// must, factors are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Family name from `general.architecture`, **for display only**: no forward code may look at it.
    pub architecture: String,
    /// The model's own name from `general.name`, for display.
    pub name: Option<String>,
    /// Tokens in the vocabulary, and so logits per position (`tokenizer.ggml.tokens`).
    pub n_vocab: usize,
    /// Positions the model was trained to see (`{a}.context_length`).
    pub n_ctx_train: usize,
    /// Positions this load was prepared for: what the caller asked for, else `n_ctx_train`. Some RoPE frequency
    /// factors depend on it, and a learned position table limits it.
    pub n_ctx: usize,
    /// Width of the residual stream (`{a}.embedding_length`).
    pub n_embd: usize,
    /// One entry per transformer block, first block first. Blocks may differ (heads, window, RoPE base).
    pub layers: Vec<LayerConfig>,
    /// The normalisation before every branch and before the output matrix.
    pub norm: Norm,
    /// Factor on token embeddings as they enter the residual stream (gemma: √n_embd).
    pub embedding_scale: Option<f32>,
    /// The nonlinearity of the feed-forward network.
    pub act_fn: ActFn,
    /// Final logits become `c · tanh(logits / c)` (gemma: `{a}.final_logit_softcapping`).
    pub logit_softcap: Option<f32>,
}

/// The shape of one transformer block.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerConfig {
    /// Query heads (`{a}.attention.head_count`).
    pub n_head: usize,
    /// Key/value heads; divides `n_head` (`{a}.attention.head_count_kv`).
    pub n_head_kv: usize,
    /// Length of one query or key vector (`{a}.attention.key_length`, else n_embd / n_head).
    pub head_dim_k: usize,
    /// Length of one value vector (`{a}.attention.value_length`, else n_embd / n_head).
    pub head_dim_v: usize,
    /// Hidden width of the feed-forward network, or of each expert (`{a}.feed_forward_length`).
    pub n_ff: usize,
    /// Attention scores are `attn_scale · q·k`. 1/√head_dim_k but for a few models.
    pub attn_scale: f32,
    /// Sliding window: position `p` sees positions `p − window + 1 ..= p`. `None` sees everything before it.
    pub window: Option<usize>,
    /// How positions enter queries and keys; `None` where they are learned embeddings (gpt2).
    pub rope: Option<Rope>,
    /// Present when the feed-forward network is a mixture of experts.
    pub experts: Option<Experts>,
}

/// Rotary position embedding: pairs of components of each query and key turn by an angle that grows with the position.
///
/// The arguments of `ggml_rope_ext`, resolved: pair `i` (of `n_rot / 2`) at position `p` has the angle
/// `p · base^(−2i/n_rot) / freq_factors[i]`, which `freq_scale`, `ext_factor` and the betas then bend as YaRN says.
/// With `ext_factor == 0` the angle is just multiplied by `freq_scale`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Leading components of each head that turn; even, at most `head_dim_k`. The rest pass through.
    pub n_rot: usize,
    /// Which two components form a pair.
    pub pairing: RopePairing,
    /// The base of the geometric series of frequencies (`{a}.rope.freq_base`, 10000 if absent).
    pub base: f32,
    /// 1 / context stretch: positions are multiplied by this (linear scaling, and YaRN's low frequencies).
    pub freq_scale: f32,
    /// YaRN's extrapolation mix: 1 when the file asks for YaRN, else 0, which switches the whole correction off.
    pub ext_factor: f32,
    /// Factor on cos and sin, and so on the length of queries and keys. With YaRN (`ext_factor != 0`) it is multiplied
    /// by a further `1 + 0.1·ln(1 / freq_scale)`, as in ggml.
    pub attn_factor: f32,
    /// YaRN: pairs that turn more often than this within `n_ctx_orig` positions are left alone. Always 32 here.
    pub beta_fast: f32,
    /// YaRN: pairs that turn less often than this are fully interpolated. Always 1 here.
    pub beta_slow: f32,
    /// Context length before stretching (`{a}.rope.scaling.original_context_length`, else `n_ctx_train`).
    pub n_ctx_orig: usize,
    /// A divisor per pair, `[n_rot / 2]`: `rope_freqs.weight` (llama 3), or the long or short longrope factors,
    /// chosen when the model was loaded by whether `n_ctx` exceeds `n_ctx_orig`.
    pub freq_factors: Option<Vec<f32>>,
}

/// Which two components of a head turn together. `h = n_rot / 2`, pair number `i < h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopePairing {
    /// Components `2i` and `2i + 1` (ggml's NORM; the original paper's).
    Adjacent,
    /// Components `i` and `i + h` (ggml's NEOX; Hugging Face's "rotate half").
    Halves,
}

/// A mixture of experts: a router picks a few feed-forward networks for each token.
///
/// Router logits → softmax over all experts → the `n_used` largest → their weights divided by their sum if
/// `renormalize` → weighted sum of those experts' outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Experts {
    /// Experts in a layer (`{a}.expert_count`).
    pub n: usize,
    /// Experts that each token visits, `1..=n` (`{a}.expert_used_count`).
    pub n_used: usize,
    /// Whether the chosen weights are divided by their sum, so that they add up to 1.
    pub renormalize: bool,
    /// That sum is taken to be at least this, so that the division is safe: 2⁻¹⁴, the smallest normal f16.
    pub min_weight_sum: f32,
}

/// How the residual stream is normalised before a branch reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    /// RMSNorm: `x / √(mean(x²) + eps) · weight`.
    Rms {
        /// Keeps the division finite (`{a}.attention.layer_norm_rms_epsilon`).
        eps: f32,
    },
    /// LayerNorm: `(x − mean) / √(variance + eps) · weight + bias`.
    Layer {
        /// Keeps the division finite (`{a}.attention.layer_norm_epsilon`).
        eps: f32,
    },
}

impl Norm {
    /// The epsilon under the square root.
    pub fn eps(&self) -> f32 {
        match *self {
            Norm::Rms { eps } | Norm::Layer { eps } => eps,
        }
    }
}

/// The nonlinearity in the feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActFn {
    /// `x · sigmoid(x)`.
    Silu,
    /// The tanh form: `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
    Gelu,
}

/// How queries share keys and values: the field's three names for one ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttentionKind {
    /// Multi-head: every query head has its own key and value head.
    Mha,
    /// Grouped-query: several query heads share one key and value head.
    Gqa,
    /// Multi-query: all query heads share the only one.
    Mqa,
}

impl std::fmt::Display for AttentionKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            AttentionKind::Mha => "MHA",
            AttentionKind::Gqa => "GQA",
            AttentionKind::Mqa => "MQA",
        })
    }
}

impl Config {
    /// Number of transformer blocks.
    pub fn n_layer(&self) -> usize {
        self.layers.len()
    }

    /// The kind of attention, or `None` if layers differ.
    pub fn attention_kind(&self) -> Option<AttentionKind> {
        let first = self.layers.first()?.attention_kind();
        self.layers.iter().all(|layer| layer.attention_kind() == first).then_some(first)
    }
}

impl LayerConfig {
    /// How many query heads read each key/value head; query head `h` reads `h / n_group()`.
    pub fn n_group(&self) -> usize {
        self.n_head / self.n_head_kv
    }

    /// MHA, GQA or MQA. One query head with one key head counts as MHA.
    pub fn attention_kind(&self) -> AttentionKind {
        match (self.n_head, self.n_head_kv) {
            (n, kv) if n == kv => AttentionKind::Mha,
            (_, 1) => AttentionKind::Mqa,
            _ => AttentionKind::Gqa,
        }
    }

    /// Width of all queries of one token: n_head · head_dim_k.
    pub fn n_embd_q(&self) -> usize {
        self.n_head * self.head_dim_k
    }

    /// Width of all keys of one token, what the cache stores for K: n_head_kv · head_dim_k.
    pub fn n_embd_k(&self) -> usize {
        self.n_head_kv * self.head_dim_k
    }

    /// Width of all values of one token, what the cache stores for V: n_head_kv · head_dim_v.
    pub fn n_embd_v(&self) -> usize {
        self.n_head_kv * self.head_dim_v
    }

    /// Width of the heads' outputs side by side, what `attn_output` reads: n_head · head_dim_v.
    pub fn n_embd_attn(&self) -> usize {
        self.n_head * self.head_dim_v
    }
}
