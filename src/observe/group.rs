//! [`Group`]: the parts of a model that tables and charts show.

use super::Op;

/// A part of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Tokens become vectors.
    Embedding,
    /// Norms, those of heads among them.
    Norms,
    /// Projections, RoPE, the cache, softmax, the residual addition.
    Attention,
    /// Matrices, activation function, experts, the residual addition.
    FeedForward,
    /// The last matrix: vectors become logits.
    Unembedding,
    /// The choice of a token.
    Sampling,
}

impl Group {
    /// All of them, in the order of a pass.
    pub const ALL: [Self; 6] =
        [Self::Embedding, Self::Norms, Self::Attention, Self::FeedForward, Self::Unembedding, Self::Sampling];

    /// The name in events, tables and charts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Norms => "norms",
            Self::Attention => "attention",
            Self::FeedForward => "feed_forward",
            Self::Unembedding => "unembedding",
            Self::Sampling => "sampling",
        }
    }
}

impl Op {
    /// The part of the model that the operation belongs to.
    pub const fn group(self) -> Group {
        match self {
            Op::TokenEmbd | Op::PositionEmbd => Group::Embedding,
            Op::AttnNorm
            | Op::AttnQNorm
            | Op::AttnKNorm
            | Op::PostAttentionNorm
            | Op::FfnNorm
            | Op::PostFfwNorm
            | Op::OutputNorm => Group::Norms,
            Op::AttnQ
            | Op::AttnK
            | Op::AttnV
            | Op::RopeQ
            | Op::RopeK
            | Op::KvWrite
            | Op::KvRead
            | Op::Attention
            | Op::AttnOutput
            | Op::AttnResidual => Group::Attention,
            Op::FfnGateInp
            | Op::FfnRoute
            | Op::FfnGate
            | Op::FfnUp
            | Op::FfnAct
            | Op::FfnDown
            | Op::FfnCombine
            | Op::FfnResidual => Group::FeedForward,
            Op::Output | Op::LogitSoftcap => Group::Unembedding,
        }
    }
}
