//! [`require_model`]: is a GGUF file a whole language model of a family that is known here?
//!
//! Much that is distributed as GGUF is no model that can run by itself: one shard of several, the projector of a vision
//! model, an adapter. Such a file lacks nearly everything that a model has. This module names the one true reason before
//! anybody reports what is missing.
//!
//! Sources: `general.type` in `gguf-py/gguf/constants.py` (`GGUFType`), `src/llama-adapter.cpp`, `tools/mtmd/clip.cpp`,
//! `tools/cvector-generator`, `tools/imatrix` of llama.cpp.

use super::ModelError;
use super::architectures::{Family, known_architectures};
use crate::escape::Quoted;
use crate::gguf::{Gguf, Metadata};
use std::fmt;

/// What a GGUF file can be that is no language model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// Turns images or sound into embeddings for a language model (`mmproj`).
    Projector,
    /// Low-rank changes of a model's matrices (LoRA).
    Adapter,
    /// A direction to be added to a model's activations.
    ControlVector,
    /// How much each weight matters, for quantising (`imatrix`).
    ImportanceMatrix,
    /// Metadata without a single tensor, often a vocabulary.
    NoTensors,
}

impl FileKind {
    /// What to do with such a file.
    pub fn advice(self) -> &'static str {
        match self {
            FileKind::Projector => "it belongs to a vision or audio model; load the model's own GGUF file instead",
            FileKind::Adapter => {
                "merge it into its base model first (llama.cpp's `llama-export-lora`), and load the result"
            }
            FileKind::ControlVector => "it steers a model and is none; load the model's own GGUF file instead",
            FileKind::ImportanceMatrix => "it is an input of quantisation; load the quantised model instead",
            FileKind::NoTensors => "there are no weights to compute with; `tokenize` works if it has a vocabulary",
        }
    }

    /// The kind of a file, and what tells so; `None` if it may be a model.
    fn of(gguf: &Gguf) -> Option<(Self, String)> {
        let text = |key: &str| gguf.metadata().text(key).ok().flatten().unwrap_or_default();
        let (architecture, kind) = (text("general.architecture"), text("general.type"));
        let by_architecture = match &*architecture {
            "clip" => Some(FileKind::Projector),
            "controlvector" => Some(FileKind::ControlVector),
            _ => None,
        };
        let by_type = match &*kind {
            "mmproj" => Some(FileKind::Projector),
            "adapter" => Some(FileKind::Adapter),
            "imatrix" => Some(FileKind::ImportanceMatrix),
            _ => None,
        };
        if let Some(found) = by_architecture {
            return Some((found, format!("architecture '{architecture}'")));
        }
        if let Some(found) = by_type {
            return Some((found, format!("general.type '{kind}'")));
        }
        let no_tensors = gguf.tensors().len() == 0;
        no_tensors.then(|| (FileKind::NoTensors, format!("{} metadata keys, 0 tensors", gguf.metadata().len())))
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Projector => "this file is a projector, not a language model",
            FileKind::Adapter => "this file is an adapter, not a whole model",
            FileKind::ControlVector => "this file is a control vector, not a model",
            FileKind::ImportanceMatrix => "this file is an importance matrix, not a model",
            FileKind::NoTensors => "this file has no tensors",
        })
    }
}

/// Refuses a file that cannot be loaded whatever its keys and tensors are, with the first reason there is: a shard,
/// another kind of file, an unknown family. [`Model::load`](super::Model::load) begins with it; who reads something else
/// of the file before that (its tokenizer) asks here first.
///
/// # Errors
/// [`GgufError::Split`](crate::gguf::GgufError::Split), [`ModelError::NotAModel`], [`ModelError::UnknownArchitecture`],
/// or a missing `general.architecture`.
pub fn require_model(gguf: &Gguf) -> Result<(), ModelError> {
    gguf.require_whole()?;
    if let Some((kind, found)) = FileKind::of(gguf) {
        return Err(ModelError::NotAModel { kind, found });
    }
    family(gguf.metadata()).map(drop)
}

/// The family that a file names.
pub(super) fn family(metadata: &Metadata) -> Result<&'static Family, ModelError> {
    const KEY: &str = "general.architecture";
    let found = metadata.require_text(KEY)?; // bytes that are no UTF-8 are no known name either
    Family::named(&found).ok_or_else(|| ModelError::UnknownArchitecture {
        found: Quoted::new(&found),
        known: known_architectures().collect::<Vec<_>>().join(", "),
    })
}
