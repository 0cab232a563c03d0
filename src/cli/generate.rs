//! `generate`: text that continues a prompt.

use super::model_args::{ModelArgs, Setup};
use super::output::{note, print_json};
use super::prompt;
use super::sampler_args::SamplerArgs;
use super::{Format, Signals, Verdict, text};
use crate::engine::generate::generate;
use crate::engine::{GenerateOptions, Generated, Session, StopReason, Timings};
use crate::observe::Off;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Continue a prompt.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway generate -m smollm2-135m -p \"The capital of France is\" --temp 0 -n 32\n  \
    cutaway generate -m gemma3-270m -p \"Once upon a time\" --seed 7 --stop \".\"\n  \
    echo \"def fibonacci(n):\" | cutaway generate -m smollm2-135m --format json")]
pub struct GenerateArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// The text to continue; standard input if neither this nor --file is given
    #[arg(short, long, value_name = "TEXT", conflicts_with = "file", value_parser = text::any(), allow_hyphen_values = true)]
    prompt: Option<String>,

    /// Read the prompt from a file; a byte order mark and the line end behind the last line are not part of it
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Most tokens to generate; -1 for as many as the context holds
    #[arg(short, long, value_name = "N", default_value_t = 256, allow_negative_numbers = true)]
    n_predict: i64,

    /// Stop before this text; may be given several times
    #[arg(long, short = 'r', value_name = "TEXT", visible_alias = "reverse-prompt", value_parser = text::any(),
          allow_hyphen_values = true)]
    stop: Vec<String>,

    /// Go on after the model says that it is done
    #[arg(long)]
    ignore_eos: bool,

    /// Print control tokens such as <|im_end|>
    #[arg(long)]
    special: bool,

    /// Print the prompt before its continuation
    #[arg(long)]
    echo: bool,

    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    sampler: SamplerArgs, // last: its heading would hold for what follows
}

/// The JSON view of a generation. Times in seconds.
#[derive(Serialize)]
struct View<'a> {
    prompt_tokens: &'a [u32],
    tokens: &'a [u32],
    text: &'a str,
    stop_reason: &'static str,
    seed: Option<u32>,
    timings: TimingsView,
}

/// What computed, how long the parts took, in seconds, and the rates in tokens per second.
#[derive(Serialize)]
pub(super) struct TimingsView {
    #[serde(flatten)]
    setup: Setup,
    prompt_tokens: usize,
    prompt_seconds: f64,
    prompt_tokens_per_second: Option<f64>,
    decoded_tokens: usize,
    decode_seconds: f64,
    decode_tokens_per_second: Option<f64>,
    sample_seconds: f64,
}

pub(super) fn run(args: &GenerateArgs, signals: &Signals) -> Result<Verdict> {
    let text = read_prompt(args)?;
    if text.is_empty() {
        bail!("the prompt is empty: give some text with -p, --file or on standard input");
    }
    let mut chain = args.sampler.chain()?;
    let mut loaded = args.model.load()?;
    let prompt_tokens = prompt::encode(&loaded.tokenizer, &text);

    let streaming = args.format == Format::Text;
    let mut out = std::io::stdout().lock();
    if streaming && args.echo {
        write!(out, "{text}")?;
    }
    let options = GenerateOptions {
        max_tokens: usize::try_from(args.n_predict).ok(),
        stop: args.stop.clone(),
        ignore_eog: args.ignore_eos,
        special: args.special,
    };
    let mut session = Session::new(&mut loaded.engine, args.model.session());
    let (mut written, mut shown) = (Ok(()), false);
    let each = |text: &str| {
        if streaming {
            shown |= !text.is_empty();
            written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
        written.is_ok() && !signals.interrupted()
    };
    let generated = signals
        .listen(|| generate(&mut session, &loaded.tokenizer, &mut chain, &prompt_tokens, &options, &mut Off, each));
    written?;
    if streaming && (generated.is_ok() || shown) {
        writeln!(out)?; // what is said next gets a line of its own
    }
    let generated = generated?;
    if streaming {
        report(&generated, chain.seed(), loaded.setup);
    } else {
        drop(out);
        print_json(&View {
            prompt_tokens: &prompt_tokens,
            tokens: &generated.tokens,
            text: &generated.text,
            stop_reason: stop_name(&generated.stop),
            seed: chain.seed(),
            timings: TimingsView::new(&generated.timings, loaded.setup),
        })?;
    }
    Ok(verdict(&generated.stop))
}

/// What was generated is there, but the user may have wanted no more of it.
pub(super) fn verdict(stop: &StopReason) -> Verdict {
    if *stop == StopReason::Interrupted { Verdict::Interrupted } else { Verdict::Positive }
}

/// The prompt from `-p`, exactly as given; else from `--file` or standard input, without what belongs to the file.
fn read_prompt(args: &GenerateArgs) -> Result<String> {
    if let Some(prompt) = &args.prompt {
        return Ok(prompt.clone());
    }
    let read = if let Some(file) = &args.file {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read the prompt from '{}'", file.display()))?;
        text::decode(bytes, format_args!("the prompt in '{}'", file.display()))
    } else if std::io::stdin().is_terminal() {
        bail!("no prompt: give some text with -p, --file or on standard input");
    } else {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read the prompt from standard input")?;
        text::decode(bytes, "the prompt on standard input")
    };
    Ok(text::prompt(&read).to_owned())
}

/// One line about how it went, on standard error.
fn report(generated: &Generated, seed: Option<u32>, setup: Setup) {
    let times = TimingsView::new(&generated.timings, setup);
    let rate = |rate: Option<f64>| rate.map_or("-".into(), |rate| format!("{rate:.1} tokens/s"));
    let seed = seed.map_or(String::new(), |seed| format!(" | seed {seed}"));
    note(format_args!(
        "\n{setup} | load {:.2} s | prompt {} tokens, {} | decode {} tokens, {}{seed} | {}",
        setup.load_seconds,
        times.prompt_tokens,
        rate(times.prompt_tokens_per_second),
        times.decoded_tokens,
        rate(times.decode_tokens_per_second),
        stop_text(&generated.stop),
    ));
}

impl TimingsView {
    pub(super) fn new(timings: &Timings, setup: Setup) -> Self {
        let rate = |n: usize, time: Duration| (n > 0 && !time.is_zero()).then(|| n as f64 / time.as_secs_f64());
        Self {
            setup,
            prompt_tokens: timings.prompt_tokens,
            prompt_seconds: timings.prefill.as_secs_f64(),
            prompt_tokens_per_second: rate(timings.prompt_tokens, timings.prefill),
            decoded_tokens: timings.decoded_tokens,
            decode_seconds: timings.decode.as_secs_f64(),
            decode_tokens_per_second: rate(timings.decoded_tokens, timings.decode),
            sample_seconds: timings.sample.as_secs_f64(),
        }
    }
}

pub(super) fn stop_name(stop: &StopReason) -> &'static str {
    match stop {
        StopReason::EndOfGeneration(_) => "end_of_generation",
        StopReason::StopSequence(_) => "stop_sequence",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ContextFull => "context_full",
        StopReason::Interrupted => "interrupted",
    }
}

fn stop_text(stop: &StopReason) -> String {
    match stop {
        StopReason::EndOfGeneration(_) => "the model was done".into(),
        StopReason::StopSequence(stop) => format!("stopped at {stop:?}"),
        StopReason::MaxTokens => "stopped at -n".into(),
        StopReason::ContextFull => "the context is full (-c)".into(),
        StopReason::Interrupted => "interrupted".into(),
    }
}
