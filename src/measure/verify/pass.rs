//! [`PassAt`]: which forward pass a value was compared in.

use crate::observe::Phase;
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

impl std::fmt::Display for PassAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.phase {
            Phase::Prefill => write!(f, "prefill of positions {} to {}", self.start, self.start + self.tokens - 1),
            Phase::Decode => write!(f, "decode at position {}", self.start),
        }
    }
}
