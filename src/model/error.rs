//! [`ModelError`]: everything that can be wrong with a model file whose bytes are sound.

use super::file_kind::FileKind;
use crate::escape::Quoted;
use crate::gguf::GgufError;
use crate::quant::GgmlType;

/// Why a GGUF file is not a model that this engine can run: which key or tensor, what was expected, what was found.
///
/// Shapes are printed in GGUF's order, row length first.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A required key is missing, a key has the wrong type, or the file is one shard of a split model.
    #[error(transparent)]
    Metadata(#[from] GgufError),

    /// The file is no language model, but something that comes beside one.
    #[error("{kind} ({found}): {}", kind.advice())]
    NotAModel {
        /// What it is.
        kind: FileKind,
        /// What tells so: `architecture 'clip'`.
        found: String,
    },

    /// `general.architecture` names a family that is not known here.
    #[error("unknown model architecture '{found}' (general.architecture); known: {known}")]
    UnknownArchitecture {
        /// The name in the file.
        found: Quoted,
        /// The families that can be loaded.
        known: String,
    },

    /// A key has the right type and an impossible or unsupported value.
    #[error("key '{key}': expected {expected}, found {found}")]
    InvalidValue {
        /// The metadata key.
        key: String,
        /// The rule it breaks.
        expected: String,
        /// Its value.
        found: Quoted,
    },

    /// A tensor that the architecture needs is not in the file.
    #[error("tensor '{name}' is missing; expected shape {expected:?}")]
    MissingTensor {
        /// The name, or alternatives.
        name: String,
        /// Its shape.
        expected: Vec<usize>,
    },

    /// A tensor's shape does not follow from the hyper-parameters.
    #[error("tensor '{name}' has the wrong shape: expected {expected:?}, found {found:?}")]
    TensorShape {
        /// The tensor.
        name: String,
        /// The shape the hyper-parameters ask for.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },

    /// A tensor is stored in a format that cannot be computed with in its role.
    #[error("tensor '{name}' has the wrong type: expected {expected}, found {found}")]
    TensorType {
        /// The tensor.
        name: String,
        /// The types allowed in its role.
        expected: &'static str,
        /// The type in the file.
        found: GgmlType,
    },

    /// The file holds tensors that the architecture has no use for, so the model would not be what it claims to be.
    #[error("expected {expected} tensors, found {found}; not part of this architecture: {unknown}")]
    UnknownTensors {
        /// Tensors that were used.
        expected: usize,
        /// Tensors in the file.
        found: usize,
        /// The names of the others; long lists are cut.
        unknown: String,
    },

    /// A weight or block scale is NaN or infinite (found with [`LoadOptions::check_tensors`](super::LoadOptions)), or
    /// a RoPE frequency factor is not a positive number.
    #[error("tensor '{name}', block {block}: expected {expected}, found {found}")]
    InvalidData {
        /// The tensor.
        name: String,
        /// Which block (or number, in float tensors), from 0.
        block: usize,
        /// The rule it breaks.
        expected: &'static str,
        /// The value.
        found: String,
    },

    /// The caller asked for a context that the model cannot have.
    #[error("context of {asked} positions asked for, expected 1 to {limit} for this model")]
    Context {
        /// `LoadOptions::n_ctx`.
        asked: usize,
        /// Rows of the position table, or the largest position.
        limit: usize,
    },
}
