//! [`QuantError`]: why a conversion between bytes and weights was refused.

use super::GgmlType;

/// Why a conversion between bytes and weights was refused. Nothing has been written when it is returned, except for
/// [`QuantError::ScaleTooLarge`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum QuantError {
    /// The format is known by name and size only.
    #[error("cannot read weights of type {ty}: this project has no dequantiser for it")]
    NoDequantizer {
        /// The format asked for.
        ty: GgmlType,
    },
    /// The format can be read and not written, or neither.
    #[error("cannot write weights of type {ty}: this project has no quantiser for it")]
    NoQuantizer {
        /// The format asked for.
        ty: GgmlType,
    },
    /// The number of weights is not a whole number of blocks.
    #[error("{ty}: expected a multiple of {block_len} weights, found {found}")]
    PartialBlock {
        /// The format asked for.
        ty: GgmlType,
        /// Weights in a block.
        block_len: usize,
        /// Weights given.
        found: usize,
    },
    /// Bytes and weights do not belong together.
    #[error("{ty}: expected {expected} bytes for {weights} weights, found {found}")]
    WrongByteCount {
        /// The format asked for.
        ty: GgmlType,
        /// Weights given.
        weights: usize,
        /// Bytes that many weights take.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// A NaN or an infinity was to be put in a block with others, whose scale it would have ruined.
    #[error("{ty}: expected finite weights, found {value} at index {index}")]
    NotFinite {
        /// The format asked for.
        ty: GgmlType,
        /// The first weight that is not finite.
        index: usize,
        /// What it is.
        value: f32,
    },
    /// Finite weights so large that the scale of their block is not. The bytes written are useless.
    #[error("{ty}: the block of weights {first} … {last} needs a scale beyond 65504, the largest f16")]
    ScaleTooLarge {
        /// The format asked for.
        ty: GgmlType,
        /// The first weight of the block.
        first: usize,
        /// The last weight of the block.
        last: usize,
    },
    /// The system has no memory for weights that are to be decoded.
    #[error(
        "no memory for {weights} weights as plain numbers ({bytes} bytes): decoded, a model is several times its file"
    )]
    NoMemory {
        /// Weights to decode.
        weights: usize,
        /// What they take as numbers.
        bytes: usize,
    },
}
