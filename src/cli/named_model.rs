//! The flag that names a model, and opening what it names.

use crate::escape;
use crate::gguf::{Gguf, GgufError};
use crate::model::{FileKind, ModelError, embedded, known, require_model};
use crate::tokenizer::Tokenizer;
use anyhow::{Context, Error, Result};
use clap::Args;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

/// Which model.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct NamedModel {
    /// The model: a GGUF file, or a name that `cutaway pull --list` knows; without it, the embedded model runs
    #[arg(short, long, value_name = "FILE|NAME")]
    pub model: Option<OsString>,
}

impl NamedModel {
    /// Opens the file. Also returns what to call it.
    pub(super) fn open(&self) -> Result<(PathBuf, Arc<Gguf>)> {
        open(self.model.as_deref())
    }

    /// Opens the file and reads its tokenizer, for commands that run the model. What can be no model (a shard, a projector,
    /// an adapter) is refused for that reason, and not for what it lacks.
    pub(super) fn model_and_tokenizer(&self) -> Result<(Arc<Gguf>, Tokenizer)> {
        let (_, gguf) = self.open()?;
        require_model(&gguf).context("cannot load the model")?;
        let tokenizer = Tokenizer::from_metadata(gguf.metadata()).context("cannot use the model's tokenizer")?;
        Ok((gguf, tokenizer))
    }

    /// Opens the file and reads its tokenizer only. A file without weights, or with those of an unknown family, will do.
    pub(super) fn tokenizer(&self) -> Result<(Arc<Gguf>, Tokenizer)> {
        let (_, gguf) = self.open()?;
        match Tokenizer::from_metadata(gguf.metadata()) {
            Ok(tokenizer) => Ok((gguf, tokenizer)),
            Err(error) => {
                let reason = require_model(&gguf).err().filter(is_other_file).map(Error::from);
                let error = Error::from(error).context("cannot use the model's tokenizer");
                Err(reason.unwrap_or(error))
            }
        }
    }
}

/// Whether a file cannot be expected to have a tokenizer.
fn is_other_file(error: &ModelError) -> bool {
    match error {
        ModelError::Metadata(error) => matches!(error, GgufError::Split { .. }),
        ModelError::NotAModel { kind, .. } => *kind != FileKind::NoTensors,
        _ => false,
    }
}

/// Opens what `-m` names, or the embedded model where nothing is named. Also returns what to call it: its path, or
/// its name where it has none.
pub(super) fn open(model: Option<&OsStr>) -> Result<(PathBuf, Arc<Gguf>)> {
    let is_embedded = |name: &OsStr| name == embedded::NAME && !std::path::Path::new(name).exists();
    let (path, gguf) = match model {
        Some(name) if !is_embedded(name) => {
            let path = known::resolve(name)?;
            let gguf = match Gguf::open(&path) {
                Err(error @ (GgufError::Open { .. } | GgufError::NotAFile { .. })) => return Err(error.into()), // it names the file
                other => other.with_context(|| format!("cannot read '{}' as a model", escape::path(&path)))?,
            };
            (path, gguf)
        }
        _ => (PathBuf::from(embedded::NAME), embedded::embedded().context("cannot read the embedded model")?),
    };
    Ok((path, Arc::new(gguf)))
}
