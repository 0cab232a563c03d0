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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

mod activation_args;
mod bench;
mod cache_args;
mod chat;
pub mod fetch;
mod generate;
mod human;
mod inspect;
mod logits;
mod model_args;
mod output;
mod pull;
mod sampler_args;
mod short_flags;
mod tokenize;
mod verify;

pub use output::is_broken_pipe;
pub use short_flags::spell_out;

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
        Command::Pull(args) => signals.listen(|| pull::run(&args, signals)),
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
