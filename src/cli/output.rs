//! Writing results: JSON, and the one error that is not an error.

use anyhow::{Error, Result};
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// Prints one value as a line of JSON.
///
/// # Errors
/// If standard output cannot be written.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Whether the reader of our output went away, as `head` does: a reason to stop, not to complain.
pub fn is_broken_pipe(error: &Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(ErrorKind::BrokenPipe)
    })
}
