//! The command line: one file per command, each with a text view for people and a JSON view for programs.
//!
//! Look first at [`Command`], then at the file of the command you care about. A command is a clap `Args` struct and a
//! `run` function; what it computes is a result struct from a floor below, and the two views print that same struct.
//!
//! Text and JSON go to standard output; progress, notes and timings go to standard error, so that output can be piped.
//!
//! What it deliberately does not do: exit the process or set signal handlers (`main.rs`), or compute.

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

mod bench;
mod cache_args;
mod chat;
pub mod fetch;
mod generate;
mod help;
mod human;
mod inspect;
mod logits;
mod model_args;
mod named_model;
mod optimized_args;
mod output;
mod path;
mod profile;
mod progress;
mod prompt;
mod pull;
mod replace;
mod report;
mod run_record;
mod sampler_args;
mod spelling;
mod text;
mod tokenize;
mod verify;

pub use output::{is_broken_pipe, note, note_error};

/// An LLM inference engine with its casing off.
#[derive(Debug, Parser)]
#[command(name = "cutaway", version, max_term_width = 110, arg_required_else_help = true)]
#[command(
    about = "An LLM inference engine with its casing off: run any GGUF model and watch how it works",
    after_help = "Examples:\n  \
        cutaway pull smollm2-135m\n  \
        cutaway generate -m smollm2-135m -p \"The capital of France is\" --temp 0 -n 32\n  \
        cutaway inspect model.gguf\n\n\
        `cutaway COMMAND --help` shows the flags and examples of a command."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Continue a prompt.
    Generate(generate::GenerateArgs),
    /// Talk with a model through its own chat template.
    Chat(chat::ChatArgs),
    /// Split text into tokens.
    Tokenize(tokenize::TokenizeArgs),
    /// Show the scores of the next token.
    Logits(logits::LogitsArgs),
    /// Say what a model file is: features, parameters by part, bytes by format.
    Inspect(inspect::InspectArgs),
    /// Measure tokens per second, as llama-bench does.
    Bench(bench::BenchArgs),
    /// Prove the optimized path right, operation by operation and kernel by kernel.
    Verify(verify::VerifyArgs),
    /// Show a recorded run as a page, or compare two.
    Report(report::ReportArgs),
    /// Show where the time goes: run a prompt under an observer.
    Profile(profile::ProfileArgs),
    /// Fetch a known model, verified by its SHA-256.
    Pull(pull::PullArgs),
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: stable keys, raw SI numbers.
    Json,
}

/// What a command found, and so the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done, or passed: exit code 0.
    Positive,
    /// The answer is no (verification failed, text rejected): exit code 1.
    Negative,
    /// The user ended it with Ctrl-C; what there was has been printed or kept: exit code 130.
    Interrupted,
}

/// What the process has been told from outside.
///
/// An interrupt (Ctrl-C) ends the program at once, as it does everywhere, except while some work listens for it because
/// there is something to keep: the text of an answer, the part of a download.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    listening: Arc<AtomicBool>,
    interrupted: Arc<AtomicBool>,
}

impl Signals {
    /// Notes that the user wants to stop. Returns whether the program should end at once: nobody listens, or it was
    /// asked before and the work has not ended yet.
    pub fn interrupt(&self) -> bool {
        let before = self.interrupted.swap(true, Ordering::SeqCst);
        before || !self.listening.load(Ordering::SeqCst)
    }

    /// Whether the user wants to stop.
    pub fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    /// Does some work that asks [`Signals::interrupted`] now and then and ends by itself.
    pub(crate) fn listen<T>(&self, work: impl FnOnce() -> T) -> T {
        self.interrupted.store(false, Ordering::SeqCst);
        self.listening.store(true, Ordering::SeqCst);
        let result = work();
        self.listening.store(false, Ordering::SeqCst);
        result
    }
}

/// Reads the command line. Prints the help that was asked for, or what is wrong with the flags, and returns the exit code
/// then.
///
/// # Errors
/// The exit code: 0 behind help, 2 behind a complaint.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, u8> {
    let args = spelling::spell_out(args);
    Cli::try_parse_from(&args).map_err(|error| {
        // A complaint quotes an argument: one with control characters is read once more as it is shown.
        let shown = |arg: &OsString| output::visible(&arg.to_string_lossy());
        let has_orders = args.iter().any(|arg| arg.to_string_lossy().contains(output::is_order));
        let error = if has_orders { Cli::try_parse_from(args.iter().map(shown)).err().unwrap_or(error) } else { error };
        let _ = error.print(); // where it cannot be written, nobody reads it
        if error.use_stderr() { 2 } else { 0 }
    })
}

/// Runs a command.
///
/// # Errors
/// Bad input or a failure outside (a missing file, a full disk): exit code 2.
pub fn run(cli: Cli, signals: &Signals) -> Result<Verdict> {
    match cli.command {
        Command::Generate(args) => generate::run(&args, signals),
        Command::Chat(args) => chat::run(&args, signals),
        Command::Tokenize(args) => tokenize::run(&args),
        Command::Logits(args) => logits::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Report(args) => report::run(&args, signals),
        Command::Profile(args) => profile::run(&args, signals),
        Command::Pull(args) => pull::run(&args, signals),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_ends_the_program_unless_somebody_listens() {
        let signals = Signals::default();
        signals.listen(|| {
            assert!(!signals.interrupted());
            assert!(!signals.interrupt(), "the work ends by itself");
            assert!(signals.interrupted());
            assert!(signals.interrupt(), "asked twice");
        });
        assert!(signals.interrupt(), "nobody listens any more");
        signals.listen(|| assert!(!signals.interrupted(), "what was asked before does not concern new work"));
    }
}
