//! `cutaway bench`: how many tokens per second, what share of the machine that is, and how it compares.
//!
//! | command | file |
//! |---|---|
//! | `bench` | [`speed`]: prompts and generations; with `--peer` by turns with another engine ([`peer`]) |
//! | `bench roofline` | [`roofline`]: what the machine can do, and a model's share of it |
//! | `bench kernels` | [`kernels`]: every kernel by itself |
//!
//! The numbers come from [`measure::bench`](crate::measure::bench) and [`measure::ceilings`](crate::measure::ceilings);
//! [`header`] says where they were measured. No other module starts another program.

mod header;
mod kernels;
mod model;
mod peer;
mod roofline;
mod speed;

use super::Verdict;
use anyhow::Result;
use clap::{Args, Subcommand};

/// Measure tokens per second, as llama-bench does.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  \
    cutaway bench -m smollm2-135m -p 64 -n 16 -r 2\n  \
    cutaway bench -m smollm2-135m -p 0 -n 8 -d 0,256 -t 1,2 -r 1 --format json\n  \
    cutaway bench --path naive -p 16 -n 4 -r 1\n\n\
    By turns with another engine, on the same model file, in its fastest configuration:\n\n  \
    cutaway bench -m smollm2-135m -t 1 --peer llama.cpp/build/bin/llama-bench\n\n\
    `cutaway bench roofline` measures the machine, `cutaway bench kernels` every kernel by itself.")]
pub struct BenchArgs {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    speed: speed::SpeedArgs,
}

/// What else can be measured.
#[derive(Debug, Subcommand)]
enum What {
    /// Measure what this machine can do, and what share of it a model uses
    Roofline(roofline::RooflineArgs),
    /// Measure every kernel by itself, from data that the cache holds
    Kernels(kernels::KernelsArgs),
}

/// Runs the command.
///
/// # Errors
/// A model that cannot be loaded, a test that it cannot run, a peer that fails.
pub(super) fn run(args: &BenchArgs) -> Result<Verdict> {
    match &args.what {
        None => speed::run(&args.speed)?,
        Some(What::Roofline(args)) => roofline::run(args)?,
        Some(What::Kernels(args)) => kernels::run(args)?,
    }
    Ok(Verdict::Positive)
}
