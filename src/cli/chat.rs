//! `chat`: a conversation through the model's own chat template.

use super::generate::{TimingsView, stop_name};
use super::model_args::{Loaded, ModelArgs, Setup};
use super::output::print_json;
use super::sampler_args::SamplerArgs;
use super::{Format, Signals, Verdict};
use crate::engine::generate::generate;
use crate::engine::{GenerateOptions, Generated, Session, StopReason};
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
    Each line of standard input is one message; empty lines are passed over. Ctrl-C ends an answer; at the prompt it\n\
    ends the conversation, as the end of input (Ctrl-D) does.")]
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

    /// How to print the answers; `json` prints one line for each
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    sampler: SamplerArgs, // last: its heading would hold for what follows
}

/// The JSON view of an answer.
#[derive(Serialize)]
struct View<'a> {
    role: &'static str,
    content: &'a str,
    /// The whole conversation up to this answer, as the model sees it.
    prompt_tokens: &'a [u32],
    tokens: &'a [u32],
    stop_reason: &'static str,
    timings: TimingsView,
}

pub(super) fn run(args: &ChatArgs, signals: &Signals) -> Result<Verdict> {
    let mut chain = args.sampler.chain()?;
    let Loaded { gguf, tokenizer, mut engine, setup } = args.model.load()?;
    let template = ChatTemplate::from_metadata(gguf.metadata(), tokenizer.vocab())
        .context("cannot use the model's chat template")?;
    let Some(template) = template else {
        bail!("this model has no chat template (key tokenizer.chat_template); it continues text: use `generate`");
    };

    let options = GenerateOptions { max_tokens: usize::try_from(args.n_predict).ok(), ..GenerateOptions::default() };
    let mut session = Session::new(&mut engine, args.model.session());
    let mut messages: Vec<Message> = args.system.iter().map(|text| Message::new("system", text)).collect();
    let mut input = Input::new(args);
    while let Some(question) = input.next()? {
        messages.push(Message::new("user", question));
        let prompt = template.render(&messages, true).context("the model's chat template refused the conversation")?;
        if args.show_prompt {
            eprintln!("{prompt}");
        }
        let tokens = encode_prompt(&tokenizer, &prompt);
        if tokens.is_empty() {
            bail!("the model's chat template makes no text of this conversation");
        }
        // What the model has already seen need not be processed again; at least one token must be, for its logits.
        let seen = session.tokens().iter().zip(&tokens).take_while(|(a, b)| a == b).count().min(tokens.len() - 1);
        session.truncate(seen);

        let streaming = args.format == Format::Text;
        let mut out = std::io::stdout().lock();
        let mut written = Ok(());
        let each = |text: &str| {
            if streaming {
                written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            }
            written.is_ok() && !signals.interrupted()
        };
        let answer = signals
            .listen(|| generate(&mut session, &tokenizer, &mut chain, &tokens[seen..], &options, &mut Off, each))?;
        written?;
        if streaming {
            writeln!(out)?;
        }
        drop(out);
        finish_answer(args, &answer, &tokens, setup)?;
        let interrupted = answer.stop == StopReason::Interrupted;
        if interrupted && !input.is_terminal() {
            break; // nobody is there to ask another question
        }
        if interrupted && answer.text.is_empty() {
            messages.pop(); // templates want an answer to every question
        } else {
            messages.push(Message::new("assistant", answer.text));
        }
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

fn finish_answer(args: &ChatArgs, answer: &Generated, prompt_tokens: &[u32], setup: Setup) -> Result<()> {
    if args.format == Format::Json {
        print_json(&View {
            role: "assistant",
            content: &answer.text,
            prompt_tokens,
            tokens: &answer.tokens,
            stop_reason: stop_name(&answer.stop),
            timings: TimingsView::new(&answer.timings, setup),
        })?;
    } else if answer.stop == StopReason::ContextFull {
        eprintln!("the context is full: start again, or ask for a larger one with -c");
    }
    Ok(())
}

/// Where the messages come from: `-p` once, or standard input line by line, with a prompt on a terminal.
enum Input<'a> {
    Once(Option<&'a str>),
    Lines { terminal: bool },
}

impl<'a> Input<'a> {
    fn new(args: &'a ChatArgs) -> Self {
        match &args.prompt {
            Some(text) => Input::Once(Some(text)),
            None => Input::Lines { terminal: std::io::stdin().is_terminal() },
        }
    }

    fn is_terminal(&self) -> bool {
        matches!(self, Input::Lines { terminal: true })
    }

    /// The next message, `None` when there are no more.
    fn next(&mut self) -> Result<Option<String>> {
        match self {
            Input::Once(Some("")) => bail!("the prompt is empty: give some text with -p or on standard input"),
            Input::Once(text) => Ok(text.take().map(str::to_owned)),
            Input::Lines { terminal } => next_line(*terminal),
        }
    }
}

/// The next line of standard input that says something.
fn next_line(terminal: bool) -> Result<Option<String>> {
    loop {
        if terminal {
            eprint!("> ");
        }
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).context("cannot read from standard input")? == 0 {
            if terminal {
                eprintln!(); // what the shell says next gets a line of its own
            }
            return Ok(None);
        }
        let line = line.trim_end_matches(['\n', '\r']);
        if !line.trim().is_empty() {
            return Ok(Some(line.to_owned()));
        }
    }
}
