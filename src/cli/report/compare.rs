//! `cutaway report compare`: two recorded runs side by side.

use super::{file, text};
use crate::cli::output::{note, print_json};
use crate::cli::replace::replace;
use crate::cli::{Format, Verdict};
use crate::escape;
use crate::report::compare::{self, CompareError};
use crate::report::units;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;

/// Flags of `report compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "A factor is B's speed over A's with its 95 % bootstrap interval. B is called faster or slower only if the \
    interval does not contain 1 and the difference is larger than the noise floor of the runs.\n\n\
    Examples:\n  \
    cutaway report compare before.jsonl after.jsonl\n  \
    cutaway report compare before.jsonl after.jsonl --html compare.html\n  \
    cutaway report compare laptop.jsonl server.jsonl --force --format json"
)]
pub(super) struct CompareArgs {
    /// The run to compare with.
    #[arg(value_name = "A.jsonl")]
    a: PathBuf,
    /// The run that is called faster or slower.
    #[arg(value_name = "B.jsonl")]
    b: PathBuf,
    /// Compare even if model, prompt or processor differ; the result says that they do.
    #[arg(long)]
    force: bool,
    /// Also write the comparison as a page.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// A file that is no recorded run, runs that cannot be compared, a page that cannot be written.
pub(super) fn run(args: &CompareArgs) -> Result<Verdict> {
    let (a, b) = (file::records(&args.a)?, file::records(&args.b)?);
    let comparison = match compare::compare(&a, &b, args.force) {
        Err(error @ CompareError::Different(_)) => {
            bail!("{error}; --force compares them anyway");
        }
        other => other?,
    };
    if let Some(path) = &args.html {
        file::require_other(path, &args.a)?;
        file::require_other(path, &args.b)?;
        let names = [&args.a, &args.b].map(escape::path);
        let html = compare::html(&comparison, [&a, &b], [&names[0], &names[1]])?;
        replace(path, html.as_bytes())?;
        note(format_args!("wrote {} ({})", escape::path(path), units::bytes(html.len() as f64)));
    }
    match args.format {
        Format::Json => print_json(&comparison)?,
        Format::Text => text::print(&comparison)?,
    }
    Ok(Verdict::Positive)
}
