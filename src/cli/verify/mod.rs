//! `cutaway verify`: whether the optimized path computes what the naive path computes.
//!
//! | command | compares |
//! |---|---|
//! | `verify` | the optimized path with the naive one, operation by operation |
//! | `verify kernels` | every kernel with its scalar twin, bit by bit ([`kernels`]) |
//!
//! The verdicts come from [`measure::verify`](crate::measure::verify); [`text`] arranges them in tables. The exit code is 1
//! if something is out of budget.

mod kernels;
mod text;

use super::cache_args::CacheArgs;
use super::help;
use super::model_args::load_options;
use super::named_model::NamedModel;
use super::optimized_args::OptimizedArgs;
use super::output::print_json;
use super::path::Path;
use super::progress::{bar, spinner};
use super::prompt;
use super::{Format, Verdict, text as texts};
use crate::measure::verify::{self, Report, VerifyOptions, verify};
use crate::model::Model;
use crate::observe::{HookAt, HookFilter};
use crate::optimized;
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use std::sync::Arc;

/// Some English, some code, some digits: enough tokens for every kind of kernel.
const PROMPT: &str = "The quick brown fox jumps over the lazy dog. In 1969 people walked on the Moon for the first time; \
                      fn main() { println!(\"{}\", 6 * 7); }";

/// Prove the optimized path right.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  \
    cutaway verify\n  \
    cutaway verify -m smollm2-135m --mode free\n  \
    cutaway verify -m gemma3-270m -p \"The capital of France is\" -n 2 --format json\n  \
    cutaway verify -m model.gguf --hook \"blocks.*.attn.hook_z\" -ctk f16 -ctv f16\n  \
    cutaway verify -m smollm2-135m --mode free --activations 16\n  \
    cutaway verify --mode free -ctk q8_0 -ctv q4_0\n  \
    cutaway verify --kernels scalar\n  \
    cutaway verify kernels\n\n\
    Exit code 0: everything is within budget; 1: something is not; 2: bad usage or input.\n\n\
    `cutaway verify kernels` compares every kernel with its scalar twin, without a model.")]
pub struct VerifyArgs {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    paths: PathsArgs,
}

/// What else can be verified.
#[derive(Debug, Subcommand)]
enum What {
    /// Compare every kernel with its scalar twin, bit by bit
    Kernels(kernels::KernelsArgs),
}

/// Flags of the comparison of both paths.
#[derive(Debug, Args)]
struct PathsArgs {
    #[command(flatten)]
    named: NamedModel,

    #[arg(short, long, value_name = "N", default_value_t = 0, help = help::CTX_SIZE)]
    ctx_size: usize,

    #[arg(short, long, value_name = "N", default_value_t = 0, help = help::THREADS)]
    threads: usize,

    #[command(flatten)]
    optimized: OptimizedArgs,

    #[command(flatten)]
    cache: CacheArgs,

    /// The text to run; BOS is added where the model asks for it
    #[arg(short, long, value_name = "TEXT", default_value = PROMPT, hide_default_value = true, value_parser = texts::any(),
          allow_hyphen_values = true)]
    prompt: String,

    /// Tokens to decode after it, chosen by the naive path
    #[arg(short, long, value_name = "N", default_value_t = VerifyOptions::default().decode)]
    n_predict: usize,

    /// The input of each operation of the optimized path
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,

    /// Show only these hooks, with a line for each block; `*` stands for any text, commas separate. All hooks are verified in
    /// any case
    #[arg(long, value_name = "HOOK,…")]
    hook: Option<String>,

    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Mode {
    /// The naive path's values: errors stay where they are made
    #[default]
    Locked,
    /// Its own values: errors accumulate
    Free,
}

impl From<Mode> for verify::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Locked => Self::Locked,
            Mode::Free => Self::Free,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// A model that cannot be loaded, tokens that do not fit it, kernels or a hook that do not exist.
pub(super) fn run(args: &VerifyArgs) -> Result<Verdict> {
    let passed = match &args.what {
        None => paths(&args.paths)?,
        Some(What::Kernels(args)) => kernels::run(args)?,
    };
    Ok(if passed { Verdict::Positive } else { Verdict::Negative })
}

/// The optimized path against the naive one.
fn paths(args: &PathsArgs) -> Result<bool> {
    let (shown, report) = compare(args)?;
    let passed = report.passed;
    match args.format {
        Format::Json => print_json(&only(report, shown.as_ref()))?,
        Format::Text => text::print(&report, shown.as_ref())?,
    }
    Ok(passed)
}

/// Runs both paths. Also returns which hooks the user wants to see.
fn compare(args: &PathsArgs) -> Result<(Option<HookFilter>, Report)> {
    let options = args.optimized.options(args.threads)?;
    let (gguf, tokenizer) = args.named.model_and_tokenizer()?;
    let tokens = prompt::encode(&tokenizer, &args.prompt);
    let model = Model::load(Arc::clone(&gguf), load_options(args.ctx_size)).context("cannot load the model")?;

    let preparing = spinner("preparing weights");
    let mut candidate = optimized::Transformer::new(&model, options)?;
    let shown = args.hook.as_deref().map(|hook| HookFilter::new(hook, &candidate.hooks())).transpose()?;
    preparing.finish_and_clear();

    let kv = args.cache.formats(Path::Naive); // exact if nothing is asked: rounding is not what is verified
    let options = VerifyOptions { mode: args.mode.into(), decode: args.n_predict, kv, ..VerifyOptions::default() };
    let bar = bar("pass");
    let report = verify(&model, &mut candidate, &tokens, &options, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    Ok((shown, report?))
}

/// The report without the lines of other hooks.
fn only(mut report: Report, shown: Option<&HookFilter>) -> Report {
    report.ops.retain(|line| is_shown(line.at, shown));
    report
}

fn is_shown(at: HookAt, shown: Option<&HookFilter>) -> bool {
    shown.is_none_or(|filter| filter.contains(at))
}
