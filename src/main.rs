//! The process boundary: flags in, text and an exit code out. Everything else is the library's.
//!
//! This file alone knows that it is a process: it reads the command line, listens for Ctrl-C, and turns the outcome of
//! a command into an exit code — 0 success, 1 a negative verdict, 2 bad usage or bad input, 130 interrupted.

use cutaway::cli::{self, Signals, Verdict};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    let signals = Signals::default();
    let on_interrupt = signals.clone();
    let handler = ctrlc::set_handler(move || {
        if on_interrupt.interrupt() {
            std::process::exit(INTERRUPTED); // no work has anything to keep, or it was asked to end before
        }
    });
    if let Err(error) = handler {
        cli::note(format_args!("warning: Ctrl-C will end the program at once: {error}"));
    }

    match cli::run(cli, &signals) {
        Ok(Verdict::Positive) => ExitCode::SUCCESS,
        Ok(Verdict::Negative) => ExitCode::from(1),
        Ok(Verdict::Interrupted) => ExitCode::from(INTERRUPTED as u8),
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS, // the reader has seen enough (`| head`)
        Err(error) => {
            cli::note_error(&error);
            ExitCode::from(2)
        }
    }
}

/// As a shell counts: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;
