//! `cutaway inspect`: what a model file is, without running it; several files side by side.
//!
//! The facts come from [`measure::inspect`](crate::measure::inspect); `rows` makes labelled rows of them, `text` arranges
//! these in columns.

mod rows;
mod text;

use std::ffi::{OsStr, OsString};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::named_model::open;
use super::output::print_json;
use super::{Format, Verdict};
use crate::measure::inspect::{self, Inspection, MetadataReport, TensorReport};

/// Flags of `inspect`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway inspect model.gguf\n  \
    cutaway inspect smollm2-135m gemma3-270m\n  \
    cutaway inspect model.gguf --tensors\n  \
    cutaway inspect model.gguf --format json")]
pub struct InspectArgs {
    /// GGUF files, or names of known models; several are compared side by side. Without any, the embedded model.
    #[arg(value_name = "FILE")]
    files: Vec<OsString>,
    /// List every tensor: format, shape, size, place in the file.
    #[arg(long)]
    tensors: bool,
    /// List every metadata key; of long arrays the first elements.
    #[arg(long)]
    metadata: bool,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A file and what was found in it: the JSON view.
#[derive(Debug, Serialize)]
struct Inspected {
    /// Bytes that are no UTF-8 as U+FFFD.
    path: String,
    #[serde(flatten)]
    inspection: Inspection,
    #[serde(skip_serializing_if = "Option::is_none")]
    tensors: Option<Vec<TensorReport>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Vec<MetadataReport>>,
}

/// Runs the command.
///
/// # Errors
/// A file that is not there or is not GGUF.
pub(super) fn run(args: &InspectArgs) -> Result<Verdict> {
    let mut files = args.files.iter().map(|file| inspected(Some(file), args)).collect::<Result<Vec<_>>>()?;
    if files.is_empty() {
        files.push(inspected(None, args)?);
    }
    match args.format {
        Format::Json => print_json(&files)?,
        Format::Text => text::print(&files)?,
    }
    Ok(Verdict::Positive)
}

fn inspected(file: Option<&OsStr>, args: &InspectArgs) -> Result<Inspected> {
    let (path, gguf) = open(file)?;
    Ok(Inspected {
        inspection: inspect::inspect(&gguf),
        tensors: args.tensors.then(|| inspect::tensor_reports(&gguf)),
        metadata: args.metadata.then(|| inspect::metadata_reports(&gguf, |_| true)),
        path: path.to_string_lossy().into_owned(),
    })
}
