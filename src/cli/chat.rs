//! `chat`: a conversation through the model's own chat template.

use super::generate::{TimingsView, stop_name};
use super::model_args::{Loaded, ModelArgs, Setup};
use super::output::{ask, note, print_json};
use super::prompt::announce_doubled_bos;
use super::sampler_args::SamplerArgs;
use super::{Format, Signals, Verdict, text};
use crate::engine::generate::generate;
use crate::engine::{GenerateOptions, Generated, Session, StopReason};
use crate::observe::Off;
use crate::sampling::Chain;
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
    ends the conversation, as the end of input (Ctrl-D) does. When the context is full, the oldest questions and their\n\
    answers are left out; what --system says stays.")]
pub struct ChatArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// Ask this one thing and leave
    #[arg(short, long, value_name = "TEXT", value_parser = text::any(), allow_hyphen_values = true)]
    prompt: Option<String>,

    /// What the model is told before the conversation begins
    #[arg(long, visible_alias = "system-prompt", value_name = "TEXT", value_parser = text::any(), allow_hyphen_values = true)]
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
    let chain = args.sampler.chain()?;
    let Loaded { gguf, tokenizer, mut engine, setup } = args.model.load()?;
    let template = ChatTemplate::from_metadata(gguf.metadata(), tokenizer.vocab())
        .context("cannot use the model's chat template")?;
    let Some(template) = template else {
        bail!("this model has no chat template (key tokenizer.chat_template); it continues text: use `generate`");
    };
    if !template.reads_messages() {
        note("warning: the model's chat template never reads the conversation: the model will not see what you say");
    }
    let options = GenerateOptions { max_tokens: usize::try_from(args.n_predict).ok(), ..GenerateOptions::default() };
    let session = Session::new(&mut engine, args.model.session());
    let messages = args.system.iter().map(|text| Message::new("system", text)).collect();
    let mut chat = Chat { args, signals, tokenizer, template, session, chain, options, setup, messages };

    let mut input = Input::new(args);
    let mut unanswered = 0;
    while let Some(question) = input.next()? {
        chat.messages.push(Message::new("user", question));
        let prompt = match chat.prompt()? {
            Ok(prompt) => prompt,
            Err(too_long) if args.prompt.is_some() => bail!(too_long),
            Err(too_long) => {
                note(format_args!("not answered: {too_long}"));
                chat.messages.pop();
                unanswered += 1;
                continue;
            }
        };
        let answer = chat.answer(&prompt)?;
        let interrupted = answer.stop == StopReason::Interrupted;
        if interrupted && !input.is_terminal() {
            return Ok(Verdict::Interrupted); // nobody is there to ask another question
        }
        if interrupted && answer.text.is_empty() {
            chat.messages.pop(); // templates want an answer to every question
        } else {
            chat.messages.push(Message::new("assistant", answer.text));
        }
    }
    match unanswered {
        0 => Ok(Verdict::Positive),
        1 => bail!("a message was too long for the context: it was not answered"),
        n => bail!("{n} messages were too long for the context: they were not answered"),
    }
}

/// A conversation: what was said, and what the model has seen of it.
struct Chat<'a> {
    args: &'a ChatArgs,
    signals: &'a Signals,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    session: Session<'a>,
    chain: Chain,
    options: GenerateOptions,
    setup: Setup,
    messages: Vec<Message>,
}

impl Chat<'_> {
    /// The conversation as the model is to see it, with room for an answer behind it: where the context is full, the oldest
    /// questions are left out, each with its answer. The inner error says that the last question alone is too long.
    fn prompt(&mut self) -> Result<Result<Vec<u32>, String>> {
        let n_ctx = self.session.room() + self.session.tokens().len();
        // A quarter of the context, so that not every question leaves out another, or all that the answer may take.
        let wanted = self.options.max_tokens.unwrap_or(usize::MAX).min(n_ctx / 4).max(1);
        let mut left_out = 0;
        let tokens = loop {
            let tokens = self.encode()?;
            if tokens.len() + wanted <= n_ctx || !self.leave_out_oldest() {
                break tokens;
            }
            left_out += 1;
        };
        if left_out > 0 {
            let what = match left_out {
                1 => "the oldest question and its answer are".to_owned(),
                n => format!("the oldest {n} questions and their answers are"),
            };
            note(format_args!("the context of {n_ctx} tokens is full: {what} left out (-c makes it larger)"));
        }
        let n = tokens.len();
        Ok(if n <= n_ctx {
            Ok(tokens)
        } else {
            Err(format!(
                "this message makes a prompt of {n} tokens, and the context has {n_ctx}: shorten it or ask for a larger \
                 context with -c"
            ))
        })
    }

    /// Leaves out the oldest question and its answer, if there is one before the question that is to be answered. What the
    /// model was told before the conversation began stays.
    fn leave_out_oldest(&mut self) -> bool {
        let from = self.args.system.iter().count();
        let is_old = self.messages.len() > from + 2;
        if is_old {
            self.messages.drain(from..from + 2);
        }
        is_old
    }

    /// The tokens of the conversation, as the template writes it.
    fn encode(&self) -> Result<Vec<u32>> {
        let prompt =
            self.template.render(&self.messages, true).context("the model's chat template refused the conversation")?;
        let tokens = encode_prompt(&self.tokenizer, &prompt);
        if self.session.tokens().is_empty() {
            announce_doubled_bos(&self.tokenizer, &tokens);
        }
        if tokens.is_empty() {
            bail!("the model's chat template makes no text of this conversation");
        }
        Ok(tokens)
    }

    /// What the model says to this prompt.
    fn answer(&mut self, tokens: &[u32]) -> Result<Generated> {
        if self.args.show_prompt {
            note(
                self.template
                    .render(&self.messages, true)
                    .context("the model's chat template refused the conversation")?,
            );
        }
        // What the model has already seen need not be processed again; at least one token must be, for its logits.
        let seen = self.session.tokens().iter().zip(tokens).take_while(|(a, b)| a == b).count().min(tokens.len() - 1);
        self.session.truncate(seen);

        let streaming = self.args.format == Format::Text;
        let mut out = std::io::stdout().lock();
        let (mut written, mut shown) = (Ok(()), false);
        let each = |text: &str| {
            if streaming {
                shown |= !text.is_empty();
                written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            }
            written.is_ok() && !self.signals.interrupted()
        };
        let Self { session, tokenizer, chain, options, .. } = self;
        let answer =
            self.signals.listen(|| generate(session, tokenizer, chain, &tokens[seen..], options, &mut Off, each));
        written?;
        if streaming && (answer.is_ok() || shown) {
            writeln!(out)?;
        }
        drop(out);
        let answer = answer?;
        self.finish(&answer, tokens)?;
        Ok(answer)
    }

    fn finish(&self, answer: &Generated, prompt_tokens: &[u32]) -> Result<()> {
        if self.args.format == Format::Json {
            print_json(&View {
                role: "assistant",
                content: &answer.text,
                prompt_tokens,
                tokens: &answer.tokens,
                stop_reason: stop_name(&answer.stop),
                timings: TimingsView::new(&answer.timings, self.setup),
            })?;
        }
        if answer.stop == StopReason::ContextFull {
            note("the context is full: the answer ends here; before the next one the oldest questions are left out");
        }
        Ok(())
    }
}

/// A rendered template writes its own BOS where it wants one, and its control tokens are meant as such.
fn encode_prompt(tokenizer: &Tokenizer, prompt: &str) -> Vec<u32> {
    let as_written = tokenizer.encode(prompt, EncodeOptions { add_bos: false, ..EncodeOptions::PROMPT });
    if tokenizer.bos().is_some() && as_written.first().copied() == tokenizer.bos() {
        return as_written;
    }
    tokenizer.encode(prompt, EncodeOptions::PROMPT)
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
            ask("> ");
        }
        let mut line = Vec::new();
        if std::io::stdin().lock().read_until(b'\n', &mut line).context("cannot read from standard input")? == 0 {
            if terminal {
                ask("\n"); // what the shell says next gets a line of its own
            }
            return Ok(None);
        }
        let line = text::decode(line, "a line of standard input");
        let line = line.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
        if !line.trim().is_empty() {
            return Ok(Some(line.to_owned()));
        }
    }
}
