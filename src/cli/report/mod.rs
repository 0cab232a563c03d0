//! `cutaway report`: the page of a recorded run, made again from its events alone; and two runs compared.
//!
//! The page comes from [`report::page`](crate::report::page), the comparison from [`report::compare`](crate::report::compare).
//! `file` reads recordings and replaces pages.

mod compare;
mod file;
mod text;

use super::Verdict;
use crate::escape;
use crate::report::page::{self, PageOptions};
use crate::report::units;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;

/// Flags of `report`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "The page is one HTML file: it needs no network, no model and no JavaScript. A page that is there already \
        is replaced only when the new one is complete.\n\n\
        Examples:\n  \
        cutaway report run.jsonl\n  \
        cutaway report run.jsonl -o page.html\n  \
        cutaway report compare before.jsonl after.jsonl"
)]
pub struct ReportArgs {
    #[command(subcommand)]
    command: Option<ReportCommand>,
    /// A recorded run: lines of JSON, the first a `run` event.
    #[arg(value_name = "FILE.jsonl", required = true)]
    file: Option<PathBuf>,
    /// Where the page goes; without it, beside the recording with the ending `.html`.
    #[arg(short, long, value_name = "FILE.html")]
    output: Option<PathBuf>,
}

/// What else `report` can do.
#[derive(Debug, Subcommand)]
enum ReportCommand {
    /// Compare two recorded runs: which is faster, and is it more than noise?
    Compare(compare::CompareArgs),
}

/// Runs the command.
///
/// # Errors
/// A file that is no recorded run, or a page that cannot be written.
pub(super) fn run(args: &ReportArgs) -> Result<Verdict> {
    if let Some(ReportCommand::Compare(args)) = &args.command {
        return compare::run(args);
    }
    let input = args.file.as_ref().context("no recorded run: name the file that `--jsonl` wrote")?;
    let records = file::records(input)?;
    let output = args.output.clone().unwrap_or_else(|| input.with_extension("html"));
    file::require_other(&output, input)?;
    let html = page::html(&records, &[], &PageOptions::default())
        .with_context(|| format!("cannot make a page of {}", escape::path(input)))?;
    file::replace(&output, html.as_bytes())?;
    writeln!(std::io::stdout(), "wrote {} ({})", escape::path(&output), units::bytes(html.len() as f64))?;
    Ok(Verdict::Positive)
}
