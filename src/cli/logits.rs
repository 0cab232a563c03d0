//! `logits`: the scores of the vocabulary after given tokens.

use super::human::piece;
use super::model_args::ModelArgs;
use super::output::print_json;
use super::prompt;
use super::{Format, Verdict, text};
use crate::engine::Session;
use crate::measure::scores::{NextToken, Surprise, ranked, surprise};
use crate::observe::Off;
use crate::tokenizer::Tokenizer;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::io::Write;

/// Show the scores of the next token.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway logits -m smollm2-135m -p \"The capital of France is\"\n  \
    cutaway logits -m smollm2-135m --tokens 504,3575,282,4649,314 --top 20\n  \
    cutaway logits -m smollm2-135m -p \"To be, or not to be\" --all --format json\n  \
    cutaway logits -p \"Once upon a time\" --cache-type-k q8_0 --cache-type-v q4_0")]
pub struct LogitsArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// The text before the next token; BOS is added where the model asks for it
    #[arg(short, long, value_name = "TEXT", conflicts_with = "tokens", required_unless_present = "tokens",
          value_parser = text::any(), allow_hyphen_values = true)]
    prompt: Option<String>,

    /// Token ids instead of text, exactly as given
    #[arg(long, value_name = "ID,ID,…", value_delimiter = ',')]
    tokens: Vec<u32>,

    /// Scores after every token, and how surprising each next token was
    #[arg(long)]
    all: bool,

    /// Candidates to show in the text view
    #[arg(long, value_name = "K", default_value_t = 10)]
    top: usize,

    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct LastView<'a> {
    tokens: &'a [u32],
    logits: &'a [f32],
}

#[derive(Serialize)]
struct AllView<'a> {
    tokens: &'a [u32],
    /// `[n_tokens][n_vocab]`.
    logits: &'a [Vec<f32>],
    /// −ln p of each token after the first, given those before it, in nats: `[n_tokens − 1]`.
    nll: &'a [f64],
}

pub(super) fn run(args: &LogitsArgs) -> Result<Verdict> {
    let mut loaded = args.model.load()?;
    let tokens = match &args.prompt {
        Some(text) if text.is_empty() => {
            bail!("the prompt is empty: give some text with -p or token ids with --tokens")
        }
        Some(text) => prompt::encode(&loaded.tokenizer, text),
        None => args.tokens.clone(),
    };
    let mut session = Session::new(&mut loaded.engine, args.model.session());
    if args.all {
        show_all(&loaded.tokenizer, &mut session, &tokens, args.format)?;
        return Ok(Verdict::Positive);
    }
    let logits = session.prefill(&tokens, &mut Off)?;
    let last = logits.last().unwrap_or_default();
    let ranked = ranked(last)?;
    match args.format {
        Format::Json => print_json(&LastView { tokens: &tokens, logits: last })?,
        Format::Text => print_top(&loaded.tokenizer, &ranked[..args.top.min(ranked.len())])?,
    }
    Ok(Verdict::Positive)
}

/// Scores after every token. Only JSON shows them all, so only then they are kept: with a large vocabulary a position
/// takes a megabyte.
fn show_all(tokenizer: &Tokenizer, session: &mut Session<'_>, tokens: &[u32], format: Format) -> Result<()> {
    let mut rows = Vec::new();
    let surprise = surprise(session, tokens, |row| {
        if format == Format::Json {
            rows.push(row.to_vec());
        }
    })?;
    match format {
        Format::Json => print_json(&AllView { tokens, logits: &rows, nll: &surprise.nll }),
        Format::Text => print_surprise(tokenizer, tokens, &surprise),
    }
}

/// The likeliest next tokens.
fn print_top(tokenizer: &Tokenizer, top: &[NextToken]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:>4}  {:>7}  {:>10}  {:>8}  piece", "rank", "token", "logit", "p")?;
    for (rank, NextToken { token, logit, p }) in top.iter().enumerate() {
        writeln!(out, "{:>4}  {token:>7}  {logit:>10.4}  {p:>8.4}  {}", rank + 1, piece(tokenizer, *token))?;
    }
    Ok(())
}

/// Every token with how surprising it was to the model, and what the model expected instead.
fn print_surprise(tokenizer: &Tokenizer, tokens: &[u32], found: &Surprise) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:>5}  {:>7}  {:>8}  {:<24}  expected", "pos", "token", "nll", "piece")?;
    for (i, &token) in tokens.iter().enumerate() {
        let (surprise, instead) = match i.checked_sub(1) {
            Some(before) => (format!("{:.4}", found.nll[before]), piece(tokenizer, found.expected[before])),
            None => ("-".into(), "-".into()),
        };
        writeln!(out, "{i:>5}  {token:>7}  {surprise:>8}  {:<24}  {instead}", piece(tokenizer, token))?;
    }
    if let Some(mean) = found.mean_nll() {
        writeln!(out, "mean nll {mean:.4} nats over {} tokens, perplexity {:.3}", found.nll.len(), mean.exp())?;
    }
    Ok(())
}
