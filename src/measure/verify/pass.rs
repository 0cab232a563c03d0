//! [`PassAt`]: which forward pass a value was compared in.

use serde::Serialize;

/// One pass of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PassAt {
    /// Prompt or decoded token.
    pub phase: Phase,
    /// Position of its first token, from 0.
    pub start: usize,
    /// Number of its tokens.
    pub tokens: usize,
}

/// The two kinds of passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Tokens of the prompt, several at a time.
    Prefill,
    /// One token, the one that is most probable to the reference.
    Decode,
}

impl std::fmt::Display for PassAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.phase {
            Phase::Prefill => write!(f, "prefill of positions {} to {}", self.start, self.start + self.tokens - 1),
            Phase::Decode => write!(f, "decode at position {}", self.start),
        }
    }
}
