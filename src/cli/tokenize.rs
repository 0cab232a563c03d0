//! `tokenize`: text as the model sees it.

use super::human::piece;
use super::named_model::NamedModel;
use super::output::print_json;
use super::{Format, Verdict, text};
use crate::tokenizer::{EncodeOptions, Encoding, MergeStep, Reason, Tokenizer};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::io::{Read, Write};

/// Split text into tokens.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway tokenize -m smollm2-135m \"The capital of France is\"\n  \
    cutaway tokenize -m smollm2-135m \"unbelievable\" --merges\n  \
    cat README.md | cutaway tokenize -m gemma3-270m --format json")]
pub struct TokenizeArgs {
    #[command(flatten)]
    model: NamedModel,

    /// The text, exactly as given; standard input if absent. A word that looks like a flag goes behind `--`
    #[arg(value_parser = text::any())]
    text: Option<String>,

    /// Do not add BOS or EOS where the model asks for them
    #[arg(long)]
    no_bos: bool,

    /// Read <|im_start|> and the like as ordinary text
    #[arg(long)]
    no_parse_special: bool,

    /// Show every merge that led to the tokens
    #[arg(long)]
    merges: bool,

    /// Print the ids only, separated by spaces
    #[arg(long, conflicts_with_all = ["merges", "format"])]
    ids: bool,

    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct View {
    tokens: Vec<TokenView>,
    bytes: usize,
    characters: usize,
    /// Whether decoding the tokens gives the text back.
    round_trip: bool,
    /// Every merge, with `--merges`: the word before it, the pair in brackets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    merges: Vec<MergeView>,
}

#[derive(Serialize)]
struct MergeView {
    reason: String,
    word: String,
}

#[derive(Serialize)]
struct TokenView {
    id: u32,
    /// The token's text; bytes that are not text become U+FFFD here.
    piece: String,
    /// Which bytes of the source it stands for: [start, end).
    span: [usize; 2],
}

pub(super) fn run(args: &TokenizeArgs) -> Result<Verdict> {
    let (_, tokenizer) = args.model.tokenizer()?;
    let text = match &args.text {
        Some(text) => text.clone(),
        None => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("cannot read the text from standard input")?;
            text::decode(bytes, "the text on standard input")
        }
    };
    let options = EncodeOptions { add_special: !args.no_bos, parse_special: !args.no_parse_special };
    let encoding = match args.merges {
        true => tokenizer.encode_traced(&text, options),
        false => tokenizer.encode_with_spans(&text, options),
    };
    let mut out = std::io::stdout().lock();
    if args.ids {
        let ids: Vec<String> = encoding.ids.iter().map(u32::to_string).collect();
        writeln!(out, "{}", ids.join(" "))?;
    } else if args.format == Format::Json {
        drop(out);
        print_json(&view(&tokenizer, &text, &encoding))?;
    } else {
        print_text(&mut out, &tokenizer, &text, &encoding)?;
    }
    Ok(Verdict::Positive)
}

fn view(tokenizer: &Tokenizer, text: &str, encoding: &Encoding) -> View {
    let tokens = encoding.ids.iter().zip(&encoding.spans).map(|(&id, span)| TokenView {
        id,
        piece: String::from_utf8_lossy(&tokenizer.piece(id, true).unwrap_or_default()).into_owned(),
        span: [span.start, span.end],
    });
    View {
        tokens: tokens.collect(),
        bytes: text.len(),
        characters: text.chars().count(),
        round_trip: round_trips(tokenizer, text, encoding),
        merges: encoding.merges.iter().map(|step| MergeView { reason: reason(step), word: join(step) }).collect(),
    }
}

/// Whether the tokens of the text itself, BOS and EOS aside, decode to it again.
fn round_trips(tokenizer: &Tokenizer, text: &str, encoding: &Encoding) -> bool {
    let mut decoder = tokenizer.stream().show_special(true).from_start();
    let of_text = encoding.ids.iter().zip(&encoding.spans).filter(|(_, span)| !span.is_empty());
    let mut decoded: String = of_text.map(|(&id, _)| decoder.push(id)).collect();
    decoded.push_str(&decoder.finish());
    decoded == text
}

/// The word before the step, with the pair that is joined in brackets: `t o [k e] n`.
fn join(step: &MergeStep) -> String {
    let mark = |(i, symbol): (usize, &String)| match i {
        _ if i == step.at => format!("[{symbol}"),
        _ if i == step.at + 1 => format!("{symbol}]"),
        _ => symbol.clone(),
    };
    step.symbols.iter().enumerate().map(mark).collect::<Vec<_>>().join(" ")
}

/// Why this pair came before all others.
fn reason(step: &MergeStep) -> String {
    match step.reason {
        Reason::Rank(rank) => format!("rule {rank}"),
        Reason::Score(score) => format!("score {score}"),
    }
}

fn print_text(out: &mut impl Write, tokenizer: &Tokenizer, text: &str, encoding: &Encoding) -> Result<()> {
    if !encoding.merges.is_empty() {
        writeln!(out, "merges, in the order in which they were made:")?;
        for (i, step) in encoding.merges.iter().enumerate() {
            writeln!(out, "{:>5}  {:<16}  {}", i + 1, reason(step), join(step))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{:>5}  {:>7}  {:>11}  piece", "#", "token", "bytes")?;
    for (i, (&id, span)) in encoding.ids.iter().zip(&encoding.spans).enumerate() {
        let at = format!("{}..{}", span.start, span.end);
        writeln!(out, "{i:>5}  {id:>7}  {at:>11}  {}", piece(tokenizer, id))?;
    }
    let (n, characters) = (encoding.ids.len(), text.chars().count());
    let per_token = |amount: usize| if n > 0 { amount as f64 / n as f64 } else { 0.0 };
    writeln!(
        out,
        "{n} tokens | {characters} characters, {:.2} a token | {} bytes, {:.2} a token | round trip {}",
        per_token(characters),
        text.len(),
        per_token(text.len()),
        if round_trips(tokenizer, text, encoding) { "exact" } else { "differs" },
    )?;
    Ok(())
}
