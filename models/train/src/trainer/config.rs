//! [`ModelConfig`]: the five members of the family, as numbers.
//!
//! Look first at [`ModelConfig::named`]: `tiny`, and the others as their differences from it. Widths are multiples of
//! 32, the length of a Q8_0 block, and so the budgets match as closely as blocks of 32 allow.

/// The families of model files that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// RMSNorm, RoPE over adjacent pairs, SwiGLU.
    Llama,
    /// Llama, with norms on queries, keys and every branch's output, RoPE over halves, GeGLU, and embeddings scaled by
    /// √n_embd: what llama.cpp computes for `gemma3`, the one family in which it and Cutaway both look through windows.
    Gemma3,
}

/// A mixture of feed-forward networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Experts {
    /// Experts in a layer.
    pub n: usize,
    /// Experts that each token visits.
    pub n_used: usize,
}

/// Which layers see only the last few positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Position `p` sees positions `p − size + 1 ..= p`.
    pub size: usize,
    /// Of every `pattern` layers the last sees everything.
    pub pattern: usize,
}

/// Everything about a model that is not a weight.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The name of the file, without `.gguf`.
    pub name: String,
    /// What the file's `general.architecture` says.
    pub architecture: Architecture,
    /// Pieces in the vocabulary.
    pub n_vocab: usize,
    /// Positions the model is trained to see.
    pub n_ctx: usize,
    /// Width of the residual stream.
    pub n_embd: usize,
    /// Transformer blocks.
    pub n_layer: usize,
    /// Query heads.
    pub n_head: usize,
    /// Key and value heads.
    pub n_head_kv: usize,
    /// Length of one query, key or value vector.
    pub head_dim: usize,
    /// Hidden width of the feed-forward network, or of each expert.
    pub n_ff: usize,
    /// Keeps RMSNorm's division finite.
    pub norm_eps: f32,
    /// Base of RoPE's frequencies.
    pub rope_base: f32,
    /// Present in `tiny-moe`.
    pub experts: Option<Experts>,
    /// Present in `tiny-swa`.
    pub window: Option<Window>,
}

/// The names that [`ModelConfig::named`] knows.
pub const NAMES: [&str; 6] = ["tiny", "tiny-mqa", "tiny-mha", "tiny-swa", "tiny-moe", "tiny-gemma"];

impl ModelConfig {
    /// A member of the family.
    pub fn named(name: &str) -> Option<Self> {
        let tiny = Self {
            name: name.to_owned(),
            architecture: Architecture::Llama,
            n_vocab: crate::vocabulary::SIZE,
            n_ctx: 512,
            n_embd: 128,
            n_layer: 6,
            n_head: 4,
            n_head_kv: 2,
            head_dim: 32,
            n_ff: 352,
            norm_eps: 1e-5,
            rope_base: 10_000.0,
            experts: None,
            window: None,
        };
        let gemma = Self { architecture: Architecture::Gemma3, ..tiny.clone() };
        Some(match name {
            "tiny" => tiny,
            // Keys and values grow or shrink, so the feed-forward network gives or takes: one block of 32 is the
            // smallest step, which leaves both 2 % above tiny.
            "tiny-mqa" => Self { n_head_kv: 1, n_ff: 384, ..tiny },
            "tiny-mha" => Self { n_head_kv: 4, n_ff: 320, ..tiny },
            // As many weights at work for a token as in tiny (2 · 160 + router against 352); twice as many asleep.
            "tiny-moe" => Self { n_ff: 160, experts: Some(Experts { n: 4, n_used: 2 }), ..tiny },
            // Layers 3 and 6 see everything, the other four 64 positions.
            "tiny-swa" => Self { window: Some(Window { size: 64, pattern: 3 }), ..gemma },
            // Not a member but its control: all that gemma3 changes, and no window.
            "tiny-gemma" => gemma,
            _ => return None,
        })
    }

    /// Whether the family's extra norms are there (queries, keys, outputs of branches).
    pub fn is_gemma(&self) -> bool {
        self.architecture == Architecture::Gemma3
    }

    /// Width of all queries of a token.
    pub fn n_embd_q(&self) -> usize {
        self.n_head * self.head_dim
    }

    /// Width of all keys (or values) of a token.
    pub fn n_embd_kv(&self) -> usize {
        self.n_head_kv * self.head_dim
    }

    /// How many positions layer `il` sees, itself included; `usize::MAX`: all before it.
    pub fn span(&self, il: usize) -> usize {
        match self.window {
            Some(window) if il % window.pattern < window.pattern - 1 => window.size,
            _ => usize::MAX,
        }
    }

    /// Factor on embeddings as they enter the residual stream.
    pub fn embedding_scale(&self) -> f32 {
        if self.is_gemma() { (self.n_embd as f32).sqrt() } else { 1.0 }
    }
}
