//! `cutaway report`: runs a model on both paths and makes a page of it; makes the page again from the recorded events alone;
//! and compares two runs.
//!
//! The page comes from [`report::page`](crate::report::page), the comparison from [`report::compare`](crate::report::compare).
//! `live` runs a model, `file` reads recordings and
//! replaces pages.

mod compare;
mod file;
mod live;
mod text;

use super::replace::replace;
use super::{Signals, Verdict};
use crate::escape;
use crate::measure::record::Record;
use crate::report::charts;
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
    after_help = "Without a recording, the model runs on both paths: it is verified, watched and timed. The recording stands \
        beside the page, with the ending `.jsonl`.\n\n\
        The page is one HTML file: it needs no network, no model and no JavaScript. A page that is there already \
        is replaced only when the new one is complete.\n\n\
        Examples:\n  \
        cutaway report\n  \
        cutaway report -m smollm2-135m -o smollm2.html\n  \
        cutaway report run.jsonl\n  \
        cutaway report run.jsonl -o page.html\n  \
        cutaway report compare before.jsonl after.jsonl"
)]
pub struct ReportArgs {
    #[command(subcommand)]
    command: Option<ReportCommand>,
    /// A recorded run (lines of JSON, the first a `run` event): its page is made again, and nothing runs
    #[arg(value_name = "FILE.jsonl")]
    file: Option<PathBuf>,

    /// Where the page goes [default: beside the recording; of a run, reports/mine/ if there is a directory reports, else here]
    #[arg(short, long, value_name = "FILE.html")]
    output: Option<PathBuf>,

    #[command(flatten)]
    live: live::LiveArgs,
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
pub(super) fn run(args: &ReportArgs, signals: &Signals) -> Result<Verdict> {
    if let Some(ReportCommand::Compare(args)) = &args.command {
        return compare::run(args);
    }
    let Some(input) = &args.file else { return live::run(&args.live, args.output.as_deref(), signals) };
    let records = file::records(input)?;
    let output = args.output.clone().unwrap_or_else(|| input.with_extension("html"));
    file::require_other(&output, input)?;
    let html = page_of(&records).with_context(|| format!("cannot make a page of {}", escape::path(input)))?;
    replace(&output, html.as_bytes())?;
    writeln!(std::io::stdout(), "wrote {} ({})", escape::path(&output), units::bytes(html.len() as f64))?;
    Ok(Verdict::Positive)
}

/// The page of these records, with every chart that can be drawn of them.
fn page_of(records: &[Record]) -> Result<String> {
    Ok(page::html(records, &charts::figures(records)?, &PageOptions::default())?)
}
