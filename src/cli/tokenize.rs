//! `tokenize`: text as the model sees it.

use super::human::piece;
use super::named_model::NamedModel;
use super::output::print_json;
use super::prompt::announce_doubled_bos;
use super::{Format, Verdict, text};
use crate::tokenizer::{EncodeOptions, Encoding, MergeView, Reason, Tokenizer};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::borrow::Cow;
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

    /// Show every merge that led to the tokens; of long words, the symbols near the pair
    #[arg(long)]
    merges: bool,

    /// Print the ids only, separated by spaces
    #[arg(long, conflicts_with_all = ["merges", "format"])]
    ids: bool,

    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Symbols shown on either side of a merge. Words have fewer; a line for each merge of a long text would otherwise grow
/// with the text, and all lines together with its square.
const NEIGHBOURS: usize = 32;

/// Bytes shown of either end of a symbol that is longer than both.
const SYMBOL_END: usize = 32;

#[derive(Serialize)]
struct View<'a> {
    tokens: Vec<TokenView>,
    bytes: usize,
    characters: usize,
    /// Whether decoding the tokens gives the text back.
    round_trip: bool,
    /// Every merge, with `--merges`.
    #[serde(skip_serializing_if = "Merges::is_empty")]
    merges: Merges<'a>,
}

/// The merges as a list, written one by one: each may be much longer than the token that it made.
struct Merges<'a>(&'a Encoding);

#[derive(Serialize)]
struct MergeLine {
    reason: String,
    /// The word before the merge, or what is near the pair, the pair in brackets.
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
    let options = EncodeOptions { add_bos: !args.no_bos, add_eos: !args.no_bos, parse_special: !args.no_parse_special };
    let encoding = match args.merges {
        true => tokenizer.encode_traced(&text, options),
        false => tokenizer.encode_with_spans(&text, options),
    };
    announce_doubled_bos(&tokenizer, &encoding.ids);
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

fn view<'a>(tokenizer: &Tokenizer, text: &str, encoding: &'a Encoding) -> View<'a> {
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
        merges: Merges(encoding),
    }
}

impl Merges<'_> {
    fn is_empty(&self) -> bool {
        self.0.merges.is_empty()
    }
}

impl Serialize for Merges<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = |step: MergeView<'_>| MergeLine { reason: reason(step.reason), word: join(&step) };
        serializer.collect_seq(self.0.replay(NEIGHBOURS).map(line))
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

/// The word before the step, with the pair that is joined in brackets: `t o [k e] n`. `…` stands for what is left out.
fn join(step: &MergeView<'_>) -> String {
    let mark = |(i, symbol): (usize, &&str)| match shorten(symbol) {
        symbol if i == step.at => format!("[{symbol}"),
        symbol if i == step.at + 1 => format!("{symbol}]"),
        symbol => symbol.into_owned(),
    };
    let more = |is_more: bool| is_more.then(|| "…".to_owned());
    let symbols = step.symbols.iter().enumerate().map(mark);
    more(step.more_before).into_iter().chain(symbols).chain(more(step.more_behind)).collect::<Vec<_>>().join(" ")
}

/// A symbol, or its beginning and its end if it is very long.
fn shorten(symbol: &str) -> Cow<'_, str> {
    if symbol.len() <= 2 * SYMBOL_END {
        return symbol.into();
    }
    let (head, tail) = (symbol.floor_char_boundary(SYMBOL_END), symbol.ceil_char_boundary(symbol.len() - SYMBOL_END));
    format!("{}…{}", &symbol[..head], &symbol[tail..]).into()
}

/// Why this pair came before all others.
fn reason(reason: Reason) -> String {
    match reason {
        Reason::Rank(rank) => format!("rule {rank}"),
        Reason::Score(score) => format!("score {score}"),
    }
}

fn print_text(out: &mut impl Write, tokenizer: &Tokenizer, text: &str, encoding: &Encoding) -> Result<()> {
    if !encoding.merges.is_empty() {
        writeln!(out, "merges, in the order in which they were made:")?;
        for (i, step) in encoding.replay(NEIGHBOURS).enumerate() {
            writeln!(out, "{:>5}  {:<16}  {}", i + 1, reason(step.reason), join(&step))?;
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
