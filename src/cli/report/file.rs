//! Reading recordings.

use crate::escape;
use crate::measure::record::{self, schema::Record};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

/// Reads a recorded run.
///
/// # Errors
/// A file that cannot be read, or is no recorded run.
pub(super) fn records(path: &Path) -> Result<Vec<Record>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", escape::path(path)))?;
    record::read(BufReader::new(file)).with_context(|| format!("cannot read {}", escape::path(path)))
}

/// Refuses to replace the recording by what is made of it.
///
/// # Errors
/// If both names are of one file.
pub(super) fn require_other(output: &Path, input: &Path) -> Result<()> {
    let is_same = fs::canonicalize(output).ok().is_some_and(|output| fs::canonicalize(input).ok() == Some(output));
    ensure!(!is_same, "{} is the recording: name another file with -o", escape::path(output));
    Ok(())
}
