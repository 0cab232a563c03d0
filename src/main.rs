//! The process boundary: flags in, text and an exit code out. Everything else is the library's.
//!
//! This file alone knows that it is a process: it reads the command line, listens for Ctrl-C, and turns the outcome of
//! a command into an exit code — 0 success, 1 a negative verdict, 2 bad usage or bad input.

use clap::Parser;
use cutaway::cli::{self, Cli, Signals, Verdict};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse_from(cli::spell_out(std::env::args_os())); // a usage error ends here, with exit code 2
    let signals = Signals::default();
    let on_interrupt = signals.clone();
    let handler = ctrlc::set_handler(move || {
        if on_interrupt.interrupt() {
            std::process::exit(130); // nothing is there to be wound up, or asked twice: stop at once
        }
    });
    if let Err(error) = handler {
        eprintln!("warning: Ctrl-C will end the program at once: {error}");
    }

    match cli::run(cli, &signals) {
        Ok(Verdict::Positive) => ExitCode::SUCCESS,
        Ok(Verdict::Negative) => ExitCode::from(1),
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS, // the reader has seen enough (`| head`)
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
