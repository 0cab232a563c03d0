//! `bench kernels`: every kernel by itself.

use super::header::{Header, Watch};
use super::model::check;
use crate::cli::Format;
use crate::cli::optimized_args::TablesArg;
use crate::cli::output::print_json;
use crate::cli::progress::spinner;
use crate::measure::bench::{MatrixKernel, VectorKernel, matrix_kernels, vector_kernels};
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::io::Write;

/// Flags of `bench kernels`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway bench kernels\n  \
    cutaway bench kernels --kernels scalar --format json")]
pub(super) struct KernelsArgs {
    #[command(flatten)]
    kernels: TablesArg,

    /// Passes of which the median is taken
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    repetitions: usize,

    /// Milliseconds that a pass takes at least
    #[arg(long, value_name = "MS", default_value_t = 2.0, allow_negative_numbers = true)]
    pass: f64,

    /// How to print the result
    #[arg(short = 'o', long, value_enum, default_value_t)]
    format: Format,
}

/// Everything measured: the JSON view.
#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    header: Header,
    matrix: Vec<MatrixKernel>,
    vector: Vec<VectorKernel>,
    stolen: Option<f64>,
}

/// A minute: there are hundreds of passes.
const MOST_MILLISECONDS: f64 = 60e3;

pub(super) fn run(args: &KernelsArgs) -> Result<()> {
    let tables = args.kernels.tables()?;
    check(&[], args.repetitions)?;
    if !(args.pass > 0.0 && args.pass <= MOST_MILLISECONDS) {
        bail!("--pass {} is no time to measure in: expected more than 0 and at most {MOST_MILLISECONDS} ms", args.pass);
    }
    let watch = Watch::start();
    let progress = spinner("");
    let (mut matrix, mut vector) = (Vec::new(), Vec::new());
    for table in &tables {
        let tell = |format: &str| progress.set_message(format!("{} {format}", table.name));
        matrix.extend(matrix_kernels(table, args.repetitions, args.pass / 1e3, tell));
        progress.set_message(format!("{} rows", table.name));
        vector.extend(vector_kernels(table, args.repetitions, args.pass / 1e3));
    }
    progress.finish_and_clear();
    watch.warn();
    let view = View { header: Header::new(None), matrix, vector, stolen: watch.stolen() };
    match args.format {
        Format::Json => print_json(&view),
        Format::Text => print(&view, &mut std::io::stdout().lock()),
    }
}

fn print(view: &View, out: &mut impl Write) -> Result<()> {
    view.header.print(out)?;
    writeln!(
        out,
        "\nmatrices: GB/s of weights for one column, then 10⁹ multiply-adds a second by columns; a16: one column of sixteen\n\
         bits; panel: many columns, the weights unpacked for them; then its two steps, gemm_panel, and expand in GB/s of\n\
         weights; panel_a16: gemm_panel with sixteen bits"
    )?;
    write!(out, "  {:<8} {:<8} {:>7}", "kernels", "format", "GB/s")?;
    (1..=8).try_for_each(|columns| write!(out, " {columns:>6}"))?;
    writeln!(out, " {:>6} {:>6} {:>10} {:>6} {:>10}", "a16", "panel", "gemm_panel", "expand", "panel_a16")?;
    for row in view.matrix.chunk_by(|a, b| (a.kernels, a.format) == (b.kernels, b.format)) {
        let single = row.first().map_or(f64::NAN, |kernel| kernel.bytes_per_second / 1e9);
        write!(out, "  {:<8} {:<8} {single:>7.2}", row[0].kernels, row[0].format)?;
        for kernel in row {
            let width = if kernel.kernel.starts_with("gemm_panel") { 10 } else { 6 };
            write!(out, " {:>width$.2}", kernel.macs_per_second.unwrap_or(kernel.bytes_per_second) / 1e9)?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\nrows: 10⁹ numbers a second (qk…, pv…: multiply-adds)")?;
    let tables: Vec<&[VectorKernel]> = view.vector.chunk_by(|a, b| a.kernels == b.kernels).collect();
    write!(out, "  {:<14}", "")?;
    tables.iter().try_for_each(|table| write!(out, " {:>8}", table[0].kernels))?;
    writeln!(out)?;
    for (i, kernel) in tables[0].iter().enumerate() {
        write!(out, "  {:<14}", kernel.kernel)?;
        tables.iter().try_for_each(|table| write!(out, " {:>8.2}", table[i].per_second / 1e9))?;
        writeln!(out)?;
    }
    Ok(())
}
