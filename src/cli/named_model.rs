//! The flag that names a model, and opening what it names.

use crate::gguf::Gguf;
use crate::model::{embedded, known};
use crate::tokenizer::Tokenizer;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

/// Which model.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct NamedModel {
    /// The model: a GGUF file, or a name that `cutaway pull --list` knows; without it, the embedded model runs
    #[arg(short, long, value_name = "FILE|NAME")]
    pub model: Option<String>,
}

impl NamedModel {
    /// Opens the file. Also returns what to call it.
    pub(super) fn open(&self) -> Result<(PathBuf, Arc<Gguf>)> {
        open(self.model.as_deref())
    }

    /// Opens the file and reads its tokenizer only.
    pub(super) fn tokenizer(&self) -> Result<(Arc<Gguf>, Tokenizer)> {
        let (_, gguf) = self.open()?;
        let tokenizer = Tokenizer::from_metadata(gguf.metadata()).context("cannot use the model's tokenizer")?;
        Ok((gguf, tokenizer))
    }
}

/// Opens what `-m` names, or the embedded model where nothing is named. Also returns what to call it: its path, or
/// its name where it has none.
pub(super) fn open(model: Option<&str>) -> Result<(PathBuf, Arc<Gguf>)> {
    let is_embedded = |name: &str| name == embedded::NAME && !std::path::Path::new(name).exists();
    let (path, gguf) = match model {
        Some(name) if !is_embedded(name) => {
            let path = known::resolve(name)?;
            let gguf = Gguf::open(&path).with_context(|| format!("cannot read '{}' as a model", path.display()))?;
            (path, gguf)
        }
        _ => (PathBuf::from(embedded::NAME), embedded::embedded().context("cannot read the embedded model")?),
    };
    Ok((path, Arc::new(gguf)))
}
