//! The trainer's commands: `train`, `export`, `evaluate`, `chart`.

use super::chart::{Curve, svg};
use super::config::{ModelConfig, NAMES};
use super::data::Windows;
use super::evaluate::{TRAINING_SEED, evaluate};
use super::model::Model;
use super::training::{Plan, train};
use super::{corpus_ids, export, markdown};
use crate::language::Split;
use anyhow::{Context, Result};
use clap::Args;
use cutaway::quant::GgmlType;
use std::io::Write;
use std::path::PathBuf;

/// Steps between two lines of the log.
const LOG_EVERY: usize = 20;
/// Lines of the log between two checkpoints.
const CHECKPOINT_EVERY: usize = 10;

/// Train a model of the family.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Which one: tiny, tiny-mqa, tiny-mha, tiny-moe, tiny-swa, tiny-gemma
    #[arg(long, default_value = "tiny")]
    model: String,
    /// Tokens to learn from
    #[arg(long, default_value_t = 10_000_000)]
    tokens: usize,
    /// Seed of the first weights; the text is the same for all
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Highest learning rate
    #[arg(long, default_value_t = 6e-3)]
    peak: f32,
    /// Threads that share the work. The sums, and so the last bits of the weights, depend on it
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Where the weights go, as an F32 GGUF file, at checkpoints and at the end
    #[arg(long)]
    out: PathBuf,
    /// Where the loss goes, one JSON object a line
    #[arg(long)]
    log: Option<PathBuf>,
}

/// Write a trained model in the format that users run.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The F32 file of a training
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// Format of the matrices
    #[arg(long = "type", default_value = "Q8_0")]
    ty: String,
    /// Where to write
    #[arg(long)]
    out: PathBuf,
}

/// Examine model files: losses, records, answers, stories. Prints JSON
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Files of `export`
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print Markdown: a table of all, and the stories of each
    #[arg(long)]
    markdown: bool,
}

/// Draw the losses of trainings.
#[derive(Debug, Args)]
pub struct ChartArgs {
    /// Logs of `train`, named as their models
    #[arg(required = true)]
    logs: Vec<PathBuf>,
    /// Where the SVG goes
    #[arg(long)]
    out: PathBuf,
}

/// Runs `train`.
pub fn run_train(args: &TrainArgs) -> Result<()> {
    let config = ModelConfig::named(&args.model).with_context(|| format!("--model: one of {}", NAMES.join(", ")))?;
    let model = Model::new(config);
    eprintln!("{}: {} parameters, {} tokens", args.model, model.layout.len(), args.tokens);
    let plan = Plan { tokens: args.tokens, seed: args.seed, peak: args.peak, threads: args.threads };
    let mut windows = Windows::new(corpus_ids(TRAINING_SEED, Split::Train)?);
    let mut log = args.log.as_ref().map(std::fs::File::create).transpose().context("cannot write the log")?;
    let save = |params: &[f32]| -> Result<()> {
        let bytes = export::to_gguf(&model, params, GgmlType::F32)?;
        std::fs::write(&args.out, bytes).with_context(|| format!("cannot write {}", args.out.display()))
    };
    let params = train(&model, &plan, &mut windows, LOG_EVERY, |p, params| {
        eprintln!(
            "step {:5}  tokens {:8}  loss {:.4}  lr {:.5}  |g| {:.3}  {:.0} tokens/s",
            p.step,
            p.tokens,
            p.loss,
            p.lr,
            p.grad_norm,
            p.tokens as f64 / p.seconds
        );
        if let Some(log) = &mut log {
            let line = serde_json::json!({
                "step": p.step, "tokens": p.tokens, "loss": rounded(p.loss), "lr": rounded(f64::from(p.lr)),
                "grad_norm": rounded(p.grad_norm), "seconds": p.seconds.round(),
            });
            writeln!(log, "{line}")?;
        }
        if p.step % (LOG_EVERY * CHECKPOINT_EVERY) == 0 {
            save(params)?;
        }
        Ok(())
    })?;
    save(&params)
}

fn rounded(x: f64) -> f64 {
    (x * 1e5).round() / 1e5
}

/// Runs `export`.
pub fn run_export(args: &ExportArgs) -> Result<()> {
    let ty = GgmlType::from_name(&args.ty).with_context(|| format!("--type: no format is called {}", args.ty))?;
    let (model, params) = export::from_gguf(&args.input)?;
    let bytes = export::to_gguf(&model, &params, ty)?;
    std::fs::write(&args.out, bytes).with_context(|| format!("cannot write {}", args.out.display()))
}

/// Runs `evaluate`.
pub fn run_evaluate(args: &EvaluateArgs) -> Result<()> {
    let mut reports = vec![];
    for file in &args.files {
        let report = evaluate(file).with_context(|| file.display().to_string())?;
        if !args.markdown {
            println!("{}", serde_json::to_string(&report)?);
        }
        reports.push(report);
    }
    if args.markdown {
        println!("{}", markdown::table(&reports));
        for report in &reports {
            println!("## {}\n\n{}", report.name, markdown::stories(report));
        }
    }
    Ok(())
}

/// Runs `chart`.
pub fn run_chart(args: &ChartArgs) -> Result<()> {
    let curves: Result<Vec<Curve>> = (args.logs.iter())
        .map(|path| {
            let log = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Curve::from_log(&path.file_stem().unwrap_or_default().to_string_lossy(), &log, 2)
        })
        .collect();
    std::fs::write(&args.out, svg(&curves?)).with_context(|| format!("cannot write {}", args.out.display()))
}
