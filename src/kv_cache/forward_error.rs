//! [`ForwardError`]: why a batch does not fit or gives no result, the same on both paths.

use super::CacheError;
use crate::batch::{BatchError, NotFinite};

/// Why a forward pass did not take place, or why its result is useless.
///
/// Both paths check everything before they compute anything: with every error but [`ForwardError::NotFinite`] nothing has
/// happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// The batch does not fit the model.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The batch does not fit the cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The cache was made for a model of another shape.
    #[error("the KV cache was made for another model: its blocks, heads or head sizes differ from this one's")]
    ForeignCache,
    /// No memory for the buffers of the pass.
    #[error(
        "no memory for {bytes} bytes of activations of {tokens} tokens; give the process more memory, or fewer tokens"
    )]
    Memory {
        /// Tokens of the batch.
        tokens: usize,
        /// What one of its buffers needs.
        bytes: usize,
    },
    /// The pass took place, and the scores that it gave are no numbers. Its tokens are in the cache.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
}
