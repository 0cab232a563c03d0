//! `verify kernels`: every kernel of every table that runs here against its scalar twin, bit by bit.

use crate::cli::Format;
use crate::cli::optimized_args::TablesArg;
use crate::cli::output::print_json;
use crate::measure::verify::kernels::{KernelReport, KernelVerdict, verify_kernels};
use anyhow::Result;
use clap::Args;
use std::io::Write;

/// Flags of `verify kernels`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway verify kernels\n  \
    cutaway verify kernels --kernels scalar --format json\n\n\
    Exit code 0: every bit is equal; 1: one is not; 2: bad usage.")]
pub(super) struct KernelsArgs {
    #[command(flatten)]
    kernels: TablesArg,

    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Whether every kernel has the bits of its twin.
pub(super) fn run(args: &KernelsArgs) -> Result<bool> {
    let report = verify_kernels(&args.kernels.tables()?);
    match args.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&report)?,
    }
    Ok(report.passed)
}

fn print(report: &KernelReport) -> Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "{:<14}", "kernel")?;
    for table in &report.tables {
        write!(out, "  {:>12}", table.table)?;
    }
    writeln!(out)?;
    let kernels = report.tables.first().map_or(&[][..], |table| &table.kernels);
    for (i, kernel) in kernels.iter().enumerate() {
        write!(out, "{:<14}", kernel.kernel)?;
        for table in &report.tables {
            write!(out, "  {:>12}", table.kernels.get(i).map_or_else(String::new, outcome))?;
        }
        writeln!(out)?;
    }
    writeln!(out)?;
    let mut failed = false;
    for table in &report.tables {
        for kernel in &table.kernels {
            if let Some(difference) = &kernel.first_difference {
                failed = true;
                writeln!(out, "failed: {} of {}, {difference}", kernel.kernel, table.table)?;
            }
        }
    }
    if !failed {
        writeln!(out, "passed: every kernel has the bits of its scalar twin")?;
    }
    Ok(())
}

/// `19 of 19`: cases with equal bits.
fn outcome(verdict: &KernelVerdict) -> String {
    format!("{} of {}", verdict.cases - verdict.failed, verdict.cases)
}
