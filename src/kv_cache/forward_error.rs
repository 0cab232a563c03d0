//! [`ForwardError`]: why a batch does not fit, the same on both paths.

use super::CacheError;
use crate::batch::BatchError;

/// Why a forward pass did not take place. Once it has begun it cannot fail.
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
}
