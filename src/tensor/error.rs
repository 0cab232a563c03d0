//! [`TensorError`]: why a layout or a view cannot be.

use crate::quant::GgmlType;

use super::{Shape, Strides};

/// Why a layout or a view cannot be. Shapes are in elements, strides and offsets in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each field is named in the message above it
pub enum TensorError {
    #[error("a row of {found} elements is not whole blocks of {ty}: expected a multiple of {}", ty.block_len())]
    RowNotWholeBlocks { ty: GgmlType, found: usize },
    #[error("shape {ne:?} of {ty} has more bytes than memory has addresses")]
    TooLarge { ty: GgmlType, ne: Shape },
    #[error("{ty} of shape {ne:?} takes {expected} bytes, found {found}")]
    TooShort { ty: GgmlType, ne: Shape, expected: usize, found: usize },
    #[error("{what} would begin or end inside a block of {ty} ({} elements, {} bytes)", ty.block_len(), ty.block_bytes())]
    SplitsBlock { ty: GgmlType, what: &'static str },
    #[error("index {index:?} is not within shape {ne:?}")]
    OutOfRange { index: [usize; 4], ne: Shape },
    #[error("range {start}..{end} is not within dimension {dim} of shape {ne:?}")]
    BadRange { dim: usize, start: usize, end: usize, ne: Shape },
    #[error("axes {found:?} are not a permutation of [0, 1, 2, 3]")]
    NotAPermutation { found: [usize; 4] },
    #[error("a tensor of shape {ne:?} and strides {nb:?} is not contiguous, so {what} needs a copy of it")]
    NotContiguous { what: &'static str, ne: Shape, nb: Strides },
    #[error("cannot reshape {from:?} ({} elements) to {to:?} ({})", elements(from), elements(to))]
    Reshape { from: Shape, to: Shape },
}

/// Elements in all, for the message; a shape of the caller's may not even be countable.
fn elements(ne: &Shape) -> String {
    let n = ne.iter().try_fold(1usize, |n, &x| n.checked_mul(x));
    n.map_or_else(|| "uncountable".to_owned(), |n| n.to_string())
}
