//! `cutaway verify`: is the optimized path right, operation by operation; are the kernels right, bit by bit?
//!
//! The verdicts come from [`measure::verify`](crate::measure::verify); [`text`] arranges them in tables. The exit code is 1
//! if something is out of budget.

mod text;

use super::activation_args::ActivationArgs;
use super::cache_args;
use super::model_args::{open, spinner};
use super::output::print_json;
use super::{Format, Verdict};
use crate::kernels::Kernels;
use crate::kv_cache::{KvFormat, KvFormats};
use crate::measure::verify::kernels::{KernelReport, verify_kernels};
use crate::measure::verify::{self, Options, Report, verify};
use crate::model::{LoadOptions, Model};
use crate::observe::{HookAt, HookFilter};
use crate::optimized;
use crate::tokenizer::{EncodeOptions, Tokenizer};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;

/// Some English, some code, some digits: enough tokens for every kind of kernel.
const PROMPT: &str = "The quick brown fox jumps over the lazy dog. In 1969 people walked on the Moon for the first time; \
                      fn main() { println!(\"{}\", 6 * 7); }";

/// Flags of `verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway verify\n  \
    cutaway verify -m smollm2-135m --mode free\n  \
    cutaway verify -m gemma3-270m -p \"The capital of France is\" -n 2 --format json\n  \
    cutaway verify -m model.gguf --hook \"blocks.*.attn.hook_z\" --cache-type f16\n  \
    cutaway verify -m smollm2-135m --mode free --activations 16\n  \
    cutaway verify --mode free --cache-type-k q8_0 --cache-type-v q4_0\n  \
    cutaway verify --kernels\n\n\
    Exit code 0: everything is within budget; 1: something is not; 2: bad usage or input.")]
pub struct VerifyArgs {
    /// The model: a GGUF file, or a name that `cutaway pull --list` knows; without it, the embedded model runs
    #[arg(short, long, value_name = "FILE|NAME")]
    model: Option<String>,

    /// Positions in the context; 0 for as many as the model was trained with
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    ctx_size: usize,

    /// Threads of the optimized path; 0 for one on each physical core
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    threads: usize,

    /// The text to run; BOS is added where the model asks for it
    #[arg(short, long, value_name = "TEXT", default_value = PROMPT, hide_default_value = true)]
    prompt: String,

    /// Tokens to decode after it, chosen by the naive path
    #[arg(short, long, value_name = "N", default_value_t = Options::default().decode)]
    n_predict: usize,

    /// What an operation of the optimized path is given
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,

    /// How both paths store keys and values
    #[arg(long, value_name = "FORMAT", default_value = "f32", value_parser = cache_args::formats())]
    cache_type: KvFormat,

    /// How they store keys, if otherwise (also -ctk)
    #[arg(long, value_name = "FORMAT", value_parser = cache_args::formats())]
    cache_type_k: Option<KvFormat>,

    /// How they store values, if otherwise (also -ctv)
    #[arg(long, value_name = "FORMAT", value_parser = cache_args::formats())]
    cache_type_v: Option<KvFormat>,

    #[command(flatten)]
    rounding: ActivationArgs,

    /// Show these hooks only, a line for each block; `*` stands for anything, commas separate. All are verified all the same
    #[arg(long, value_name = "HOOK,…")]
    hook: Option<String>,

    /// Verify the kernels instead of a model: every table that runs here against the scalar one, bit by bit
    #[arg(long, conflicts_with_all = ["model", "ctx_size", "threads", "prompt", "n_predict", "mode", "cache_type",
          "cache_type_k", "cache_type_v", "activations", "hook"])]
    kernels: bool,

    /// The table of kernels to verify: scalar, avx512, …; the fastest that runs here if not given (with --kernels: all)
    #[arg(long, value_name = "NAME")]
    table: Option<String>,

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
/// A model that cannot be loaded, tokens that do not fit it, a table or hook that does not exist.
pub(super) fn run(args: &VerifyArgs) -> Result<Verdict> {
    let table = args.table.as_deref().map(table).transpose()?;
    if args.kernels {
        return kernels(table, args.format);
    }
    let (shown, report) = compare(args, table.unwrap_or_else(Kernels::detect))?;
    let passed = report.passed;
    match args.format {
        Format::Json => print_json(&only(report, shown.as_ref()))?,
        Format::Text => text::print(&report, shown.as_ref())?,
    }
    Ok(verdict(passed))
}

fn verdict(passed: bool) -> Verdict {
    if passed { Verdict::Positive } else { Verdict::Negative }
}

/// The kernels this machine can run, or one table of them, against their twins.
fn kernels(table: Option<Kernels>, format: Format) -> Result<Verdict> {
    let tables = table.map_or_else(Kernels::available, |table| vec![table]);
    let report: KernelReport = verify_kernels(&tables);
    match format {
        Format::Json => print_json(&report)?,
        Format::Text => text::print_kernels(&report)?,
    }
    Ok(verdict(report.passed))
}

/// Runs both paths. Also returns which hooks the user wants to see.
fn compare(args: &VerifyArgs, kernels: Kernels) -> Result<(Option<HookFilter>, Report)> {
    let (_, gguf) = open(args.model.as_deref())?;
    let tokenizer = Tokenizer::from_metadata(gguf.metadata()).context("cannot use the model's tokenizer")?;
    let tokens = tokenizer.encode(&args.prompt, EncodeOptions { add_special: true, parse_special: true });
    let n_ctx = (args.ctx_size > 0).then_some(args.ctx_size);
    let options = LoadOptions { n_ctx, ..LoadOptions::default() };
    let model = Model::load(Arc::clone(&gguf), options).context("cannot load the model")?;

    let preparing = spinner("preparing weights");
    let options = optimized::Options { n_threads: args.threads, kernels, activations: args.rounding.activations };
    let mut candidate = optimized::Transformer::new(&model, options)?;
    let shown = args.hook.as_deref().map(|hook| HookFilter::new(hook, &candidate.hooks())).transpose()?;
    preparing.finish_and_clear();

    let kv =
        KvFormats { k: args.cache_type_k.unwrap_or(args.cache_type), v: args.cache_type_v.unwrap_or(args.cache_type) };
    let options = Options { mode: args.mode.into(), decode: args.n_predict, kv, ..Options::default() };
    let bar = progress_bar();
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

/// The table with this name.
fn table(name: &str) -> Result<Kernels> {
    Kernels::by_name(name).with_context(|| {
        let available = Kernels::available().iter().map(|kernels| kernels.name).collect::<Vec<_>>().join(", ");
        format!("no kernels '{name}' run on this machine; expected one of: {available}")
    })
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} pass {pos} of {len} {elapsed}") {
        bar.set_style(style);
    }
    bar
}
