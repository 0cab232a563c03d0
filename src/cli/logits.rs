//! `logits`: the scores of the vocabulary after given tokens.

use super::model_args::ModelArgs;
use super::output::print_json;
use super::{Format, Verdict};
use crate::engine::{Session, SessionOptions};
use crate::observe::Off;
use crate::tokenizer::{EncodeOptions, Tokenizer};
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::io::Write;

/// Show the scores of the next token.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway logits -m smollm2-135m -p \"The capital of France is\"\n  \
    cutaway logits -m smollm2-135m --tokens 504,3575,282,4649,314 --top 20\n  \
    cutaway logits -m smollm2-135m -p \"To be, or not to be\" --all --format json")]
pub struct LogitsArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// The text before the next token; BOS is added where the model asks for it
    #[arg(short, long, value_name = "TEXT", conflicts_with = "tokens", required_unless_present = "tokens")]
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
        Some(text) => loaded.tokenizer.encode(text, EncodeOptions { add_special: true, parse_special: true }),
        None => args.tokens.clone(),
    };
    let mut session = Session::new(&mut loaded.engine, SessionOptions::default());
    let mut rows: Vec<Vec<f32>> = Vec::new();
    if args.all {
        session.score(&tokens, &mut Off, |logits| rows.extend(logits.rows().map(<[f32]>::to_vec)))?;
    } else {
        rows.extend(session.prefill(&tokens, &mut Off)?.last().map(<[f32]>::to_vec));
    }
    let nll: Vec<f64> = rows.iter().zip(&tokens[1..]).map(|(row, &next)| -log_softmax(row)[next as usize]).collect();

    match (args.format, args.all) {
        (Format::Json, true) => print_json(&AllView { tokens: &tokens, logits: &rows, nll: &nll })?,
        (Format::Json, false) => print_json(&LastView { tokens: &tokens, logits: rows.last().map_or(&[], |r| r) })?,
        (Format::Text, true) => print_surprise(&loaded.tokenizer, &tokens, &rows, &nll)?,
        (Format::Text, false) => print_top(&loaded.tokenizer, rows.last().map_or(&[], |r| r), args.top)?,
    }
    Ok(Verdict::Positive)
}

/// ln p for every token, in f64: logits minus the logarithm of the sum of their exponentials.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, &l| max.max(f64::from(l)));
    let log_sum = max + logits.iter().map(|&l| (f64::from(l) - max).exp()).sum::<f64>().ln();
    logits.iter().map(|&l| f64::from(l) - log_sum).collect()
}

/// The likeliest next tokens.
fn print_top(tokenizer: &Tokenizer, logits: &[f32], top: usize) -> Result<()> {
    let log_p = log_softmax(logits);
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:>4}  {:>7}  {:>10}  {:>8}  piece", "rank", "token", "logit", "p")?;
    for (rank, &token) in order.iter().take(top).enumerate() {
        let p = log_p[token].exp();
        writeln!(out, "{:>4}  {token:>7}  {:>10.4}  {p:>8.4}  {}", rank + 1, logits[token], piece(tokenizer, token))?;
    }
    Ok(())
}

/// Every token with how surprising it was to the model, and what the model expected instead.
fn print_surprise(tokenizer: &Tokenizer, tokens: &[u32], rows: &[Vec<f32>], nll: &[f64]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:>5}  {:>7}  {:>8}  {:<24}  expected", "pos", "token", "nll", "piece")?;
    for (i, &token) in tokens.iter().enumerate() {
        let (surprise, expected) = match i.checked_sub(1) {
            Some(before) => (format!("{:.4}", nll[before]), piece(tokenizer, first_maximum(&rows[before]))),
            None => ("-".into(), "-".into()),
        };
        writeln!(out, "{i:>5}  {token:>7}  {surprise:>8}  {:<24}  {expected}", piece(tokenizer, token as usize))?;
    }
    if !nll.is_empty() {
        let mean = nll.iter().sum::<f64>() / nll.len() as f64;
        writeln!(out, "mean nll {mean:.4} nats over {} tokens, perplexity {:.3}", nll.len(), mean.exp())?;
    }
    Ok(())
}

fn first_maximum(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

/// A token's text in quotes, with escapes for what cannot be seen.
pub(super) fn piece(tokenizer: &Tokenizer, token: usize) -> String {
    let bytes = u32::try_from(token).ok().and_then(|id| tokenizer.piece(id, true)).unwrap_or_default();
    match String::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(not_text) => format!("b\"{}\"", not_text.as_bytes().escape_ascii()),
    }
}
