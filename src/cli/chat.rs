//! `chat`: a conversation through the model's own chat template.

use super::generate::{TimingsView, stop_name};
use super::model_args::{Loaded, ModelArgs};
use super::output::print_json;
use super::sampler_args::SamplerArgs;
use super::{Format, Signals, Verdict};
use crate::engine::generate::generate;
use crate::engine::{GenerateOptions, Generated, Session, SessionOptions, StopReason};
use crate::observe::Off;
use crate::tokenizer::{ChatTemplate, EncodeOptions, Message, Tokenizer};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use std::io::{BufRead, IsTerminal, Write};

/// Talk with a model.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway chat -m smollm2-135m\n  \
    cutaway chat -m smollm2-135m --system \"Answer in one sentence.\" -p \"What is a token?\" --temp 0\n  \
    printf 'Hello!\\nWhat did I say?\\n' | cutaway chat -m smollm2-135m --format json\n\n\
    Each line of standard input is one message. An empty line or the end of input ends the conversation; Ctrl-C ends\n\
    an answer.")]
pub struct ChatArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// Ask this one thing and leave
    #[arg(short, long, value_name = "TEXT")]
    prompt: Option<String>,

    /// What the model is told before the conversation begins
    #[arg(long, visible_alias = "system-prompt", value_name = "TEXT")]
    system: Option<String>,

    /// Most tokens in an answer; -1 for as many as the context holds
    #[arg(short, long, value_name = "N", default_value_t = 512, allow_negative_numbers = true)]
    n_predict: i64,

    /// Show the text that the template makes of the conversation, on standard error
    #[arg(long)]
    show_prompt: bool,

    #[command(flatten)]
    sampler: SamplerArgs,

    /// How to print the answers; `json` prints one line for each
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The JSON view of an answer.
#[derive(Serialize)]
struct View<'a> {
    role: &'static str,
    content: &'a str,
    prompt_tokens: usize,
    tokens: &'a [u32],
    stop_reason: &'static str,
    timings: TimingsView,
}

pub(super) fn run(args: &ChatArgs, signals: &Signals) -> Result<Verdict> {
    let mut chain = args.sampler.chain()?;
    let Loaded { gguf, tokenizer, mut engine, load_time } = args.model.load()?;
    let template = ChatTemplate::from_metadata(gguf.metadata(), tokenizer.vocab())
        .context("cannot use the model's chat template")?;
    let Some(template) = template else {
        bail!("this model has no chat template (key tokenizer.chat_template); it continues text: use `generate`");
    };

    let options = GenerateOptions { max_tokens: usize::try_from(args.n_predict).ok(), ..GenerateOptions::default() };
    let mut session = Session::new(&mut engine, SessionOptions::default());
    let mut messages: Vec<Message> = args.system.iter().map(|text| Message::new("system", text)).collect();
    let mut input = Input::new(args);
    while let Some(question) = input.next()? {
        messages.push(Message::new("user", question));
        let prompt = template.render(&messages, true).context("the model's chat template refused the conversation")?;
        if args.show_prompt {
            eprintln!("{prompt}");
        }
        let tokens = encode_prompt(&tokenizer, &prompt);
        // What the model has already seen need not be processed again; at least one token must be, for its logits.
        let seen = session.tokens().iter().zip(&tokens).take_while(|(a, b)| a == b).count().min(tokens.len() - 1);
        session.truncate(seen);

        let streaming = args.format == Format::Text;
        let mut out = std::io::stdout().lock();
        let mut written = Ok(());
        let answer = generate(&mut session, &tokenizer, &mut chain, &tokens[seen..], &options, &mut Off, |text| {
            if streaming {
                written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            }
            written.is_ok() && !signals.interrupted()
        })?;
        written?;
        if streaming {
            writeln!(out)?;
        }
        drop(out);
        finish_answer(args, &answer, tokens.len(), load_time)?;
        if answer.stop == StopReason::Interrupted {
            break;
        }
        messages.push(Message::new("assistant", answer.text));
    }
    Ok(Verdict::Positive)
}

/// A rendered template writes its own BOS where it wants one, and its control tokens are meant as such.
fn encode_prompt(tokenizer: &Tokenizer, prompt: &str) -> Vec<u32> {
    let as_written = tokenizer.encode(prompt, EncodeOptions { add_special: false, parse_special: true });
    if tokenizer.bos().is_some() && as_written.first().copied() == tokenizer.bos() {
        return as_written;
    }
    tokenizer.encode(prompt, EncodeOptions { add_special: true, parse_special: true })
}

fn finish_answer(
    args: &ChatArgs,
    answer: &Generated,
    prompt_tokens: usize,
    load_time: std::time::Duration,
) -> Result<()> {
    if args.format == Format::Json {
        print_json(&View {
            role: "assistant",
            content: &answer.text,
            prompt_tokens,
            tokens: &answer.tokens,
            stop_reason: stop_name(&answer.stop),
            timings: TimingsView::new(&answer.timings, load_time),
        })?;
    } else if answer.stop == StopReason::ContextFull {
        eprintln!("the context is full: start again, or ask for a larger one with -c");
    }
    Ok(())
}

/// Where the messages come from: `-p` once, or standard input line by line, with a prompt on a terminal.
struct Input<'a> {
    once: Option<&'a str>,
    only_once: bool,
}

impl<'a> Input<'a> {
    fn new(args: &'a ChatArgs) -> Self {
        Self { once: args.prompt.as_deref(), only_once: args.prompt.is_some() }
    }

    fn next(&mut self) -> Result<Option<String>> {
        if self.only_once {
            let Some(text) = self.once.take() else { return Ok(None) };
            if text.is_empty() {
                bail!("the prompt is empty: give some text with -p or on standard input");
            }
            return Ok(Some(text.to_owned()));
        }
        if std::io::stdin().is_terminal() {
            eprint!("> ");
        }
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("cannot read from standard input")?;
        let line = line.trim_end_matches(['\n', '\r']);
        Ok((!line.is_empty()).then(|| line.to_owned()))
    }
}
