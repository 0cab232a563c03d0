//! `report` without a recording: runs a model on both paths, records everything, and makes the page.

use super::page_of;
use crate::cli::cache_args::CacheArgs;
use crate::cli::model_args::load_options;
use crate::cli::named_model::NamedModel;
use crate::cli::optimized_args::OptimizedArgs;
use crate::cli::path::Path as ModelPath;
use crate::cli::progress::spinner;
use crate::cli::replace::{must_be_writable, replace};
use crate::cli::run_record::{RunOf, run_record};
use crate::cli::{Signals, Verdict, help, prompt, text};
use crate::escape;
use crate::measure::collect::{Plan, collect};
use crate::measure::record::{JsonLines, Record, Sink};
use crate::model::Model;
use crate::optimized::pool::physical_cores;
use crate::report::units;
use crate::sampling::{Chain, SamplingParams};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is asked of the model if nothing else is.
const PROMPT: &str = "Once upon a time there was a little dog who wanted to see the sea. He asked the old owl how far it \
                      was, and the owl said:";
/// The seed: a report can be repeated.
const SEED: u32 = 1;

/// Flags of a run.
#[derive(Debug, Args)]
pub(super) struct LiveArgs {
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

    /// The text to continue; without it, the beginning of a story
    #[arg(short, long, value_name = "TEXT", default_value = PROMPT, hide_default_value = true, value_parser = text::any(),
          allow_hyphen_values = true)]
    prompt: String,

    /// Tokens to generate
    #[arg(short, long, value_name = "N", default_value_t = 48)]
    n_predict: usize,

    /// Samples of every speed
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    repetitions: usize,

    /// Leave out the naive path, which needs four bytes of memory for each weight and takes its time: then nothing is verified
    #[arg(long)]
    no_naive: bool,
}

/// Runs the model and writes the recording and the page.
///
/// # Errors
/// A model that cannot be loaded, a prompt that does not fit it, or files that cannot be written.
pub(super) fn run(args: &LiveArgs, output: Option<&Path>, signals: &Signals) -> Result<Verdict> {
    let options = args.optimized.options(args.threads)?;
    let (path, gguf) = args.named.open()?;
    let (_, tokenizer) = args.named.model_and_tokenizer()?;
    let model = Model::load(Arc::clone(&gguf), load_options(args.ctx_size)).context("cannot load the model")?;
    let tokens = prompt::encode(&tokenizer, &args.prompt);
    if tokens.is_empty() {
        bail!("the prompt is empty: give some text with -p");
    }
    let (needed, n_ctx) = (tokens.len() + args.n_predict + 1, model.config.n_ctx);
    if needed > n_ctx {
        bail!(
            "{needed} tokens of prompt and answer do not fit a context of {n_ctx}; shorten them, or ask for more with -c"
        );
    }
    let page = output.map_or_else(|| default_page(&path), Path::to_owned);
    let events = page.with_extension("jsonl");
    must_be_writable(&page)?;

    let threads = if args.threads == 0 { physical_cores() } else { args.threads };
    let plan = Plan {
        prompt: tokens,
        n_predict: args.n_predict,
        sampling: SamplingParams { seed: Some(SEED), ..SamplingParams::default() },
        kv: args.cache.formats(ModelPath::Optimized),
        threads,
        kernels: options.kernels,
        activations: options.activations,
        repetitions: args.repetitions.max(1),
        stream_bytes: 256 << 20,
        naive: !args.no_naive,
    };
    let mut records: Vec<Record> = vec![Record::Run(Box::new(run_record(&RunOf {
        model: &model,
        path: &path,
        prompt: &args.prompt,
        tokens: &plan.prompt,
        kernels: plan.kernels.name,
        threads,
        act_bits: plan.activations.bits(),
        kv: plan.kv,
        seed: plan.sampling.seed,
        samplers: Chain::from_params(&plan.sampling)?.stages().map(str::to_owned).collect(),
    })))];
    let progress = spinner("");
    let mut go_on = |what: &str| {
        progress.set_message(what.to_owned());
        !signals.interrupted()
    };
    let complete = signals.listen(|| collect(&model, &tokenizer, &plan, &mut records, &mut go_on))?;
    progress.set_message("drawing");
    let html = page_of(&records)?;
    progress.finish_and_clear();

    let mut lines = JsonLines(Vec::new());
    records.iter().cloned().try_for_each(|record| lines.record(record))?;
    replace(&events, &lines.0)?;
    replace(&page, html.as_bytes())?;
    let partial = if complete { "" } else { "; the run was interrupted, so the page is partial" };
    writeln!(
        std::io::stdout(),
        "wrote {} ({}) and {}{partial}",
        escape::path(&page),
        units::bytes(html.len() as f64),
        escape::path(&events)
    )?;
    Ok(if complete { Verdict::Positive } else { Verdict::Interrupted })
}

/// Where the page goes: in `reports/mine/` where there is a directory `reports`, as in a checkout, else here.
fn default_page(model: &Path) -> PathBuf {
    let name = model.file_stem().unwrap_or(model.as_os_str()).to_string_lossy().into_owned();
    if Path::new("reports").is_dir() {
        Path::new("reports/mine").join(format!("{name}.html"))
    } else {
        PathBuf::from(format!("{name}-report.html"))
    }
}
