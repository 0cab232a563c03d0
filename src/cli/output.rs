//! Writing: results to standard output, notes and errors to standard error.
//!
//! Look first at [`note`]. A note that cannot be written (`2>/dev/full`) is lost, and nothing else changes: the answer and
//! the exit code stay what they are. `eprintln!` panics there, so the program does not use it.
//!
//! Notes and errors quote names and metadata that strangers wrote. [`visible`] escapes their control characters, so that
//! no terminal obeys them.

use crate::escape;
use anyhow::{Error, Result};
use serde::Serialize;
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Prints one value as a line of JSON.
///
/// # Errors
/// If standard output cannot be written.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, NoOrders))?;
    writeln!(out)?;
    Ok(())
}

/// Compact JSON in which no string has an order to a terminal. (JSON itself escapes those below U+0020 only.)
struct NoOrders;

impl serde_json::ser::Formatter for NoOrders {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, text: &str) -> std::io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| escape::is_unsafe(*c)) {
            write!(out, "{}\\u{:04x}", &rest[..at], u32::from(c))?; // all of them are below U+10000
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

/// Writes a line for people to standard error.
pub fn note(text: impl Display) {
    write_to_stderr(&format!("{}\n", visible(&text.to_string())));
}

/// Writes the beginning of a line to standard error: a question, whose answer comes behind it.
pub(super) fn ask(text: impl Display) {
    write_to_stderr(&visible(&text.to_string()));
}

/// Writes an error to standard error, in one line.
pub fn note_error(error: &Error) {
    // Every other use of a file says which file it was.
    let first = error.chain().next();
    let is_output = first.is_some_and(|error| error.is::<std::io::Error>() || error.is::<serde_json::Error>());
    let what = if is_output { "cannot write to standard output: " } else { "" };
    note(format_args!("error: {what}{}", explain(error).replace('\n', "\\n")));
}

fn write_to_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes()); // there is nobody left to tell
}

/// An error with its causes, each once: many errors quote their cause, and the chain has it again.
pub(super) fn explain(error: &Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        match line.as_str() {
            "" => line = cause,
            said if said.contains(&cause) => {}
            _ => line = format!("{line}: {cause}"),
        }
    }
    line
}

/// Text without orders to a terminal: control characters (but line ends and tabs), and those that change the direction of
/// what follows, are shown as Rust source writes them.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_order(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Whether [`visible`] escapes a character.
pub(super) fn is_order(c: char) -> bool {
    escape::is_unsafe(c) && !matches!(c, '\n' | '\t')
}

/// Whether the reader of our output went away, as `head` does: a reason to stop, not to complain.
pub fn is_broken_pipe(error: &Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn each_cause_is_said_once() {
        let error = anyhow!("no such file").context("cannot open x: no such file").context("cannot load the model");
        assert_eq!(explain(&error), "cannot load the model: cannot open x: no such file");
        let error = anyhow!("no such file").context("cannot open x (no such file); try y").context("no model");
        assert_eq!(explain(&error), "no model: cannot open x (no such file); try y");
        assert_eq!(explain(&anyhow!("c").context("b").context("a")), "a: b: c");
    }

    #[test]
    fn a_terminal_gets_no_orders() {
        assert_eq!(visible("a\u{1b}[31mb\r\u{7f}\u{9b}2J\u{202e}c"), "a\\u{1b}[31mb\\r\\u{7f}\\u{9b}2J\\u{202e}c");
        assert_eq!(visible("one\n\ttwo, é, 語 \\ \"x\""), "one\n\ttwo, é, 語 \\ \"x\"");
    }
}
