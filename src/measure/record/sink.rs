//! [`Sink`]: where records go: into memory (a `Vec`), or into a file as lines of JSON ([`JsonLines`]). [`read`] reads them back.

use super::schema::{Record, VERSION};
use std::io::{self, BufRead, Write};

/// Takes records, one after the other.
pub trait Sink {
    /// Takes one.
    ///
    /// # Errors
    /// If it cannot be stored.
    fn record(&mut self, record: Record) -> io::Result<()>;
}

/// In memory.
impl Sink for Vec<Record> {
    fn record(&mut self, record: Record) -> io::Result<()> {
        self.push(record);
        Ok(())
    }
}

/// Lines of JSON, one record each.
#[derive(Debug)]
pub struct JsonLines<W>(pub W);

impl<W: Write> Sink for JsonLines<W> {
    fn record(&mut self, record: Record) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, &record)?;
        self.0.write_all(b"\n")
    }
}

/// Why a recorded run could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line that is no event.
    #[error("line {line}: {source}; expected an event of a recorded run, as `profile --jsonl` writes them")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The first line says what ran; without it nothing can be drawn.
    #[error("line 1 is no `run` event: this is not a recorded run, or its beginning is missing")]
    NoRun,
    /// Written by a later version.
    #[error("the events have version {found}, expected at most {VERSION}: use the version of Cutaway that wrote them")]
    Version {
        /// Version of the file.
        found: u32,
    },
}

/// Reads a recorded run. Events of an unknown kind are left out, as are empty lines; a last line that is cut off (the run was
/// interrupted while it was written) is left out too.
///
/// # Errors
/// If a line is no JSON object with a known form, if the first is no `run` event, or if the version is unknown.
pub fn read(lines: impl BufRead) -> Result<Vec<Record>, ReadError> {
    /// What every event has.
    #[derive(serde::Deserialize)]
    struct Kind {
        ev: String,
    }
    let mut records = Vec::new();
    let mut cut: Option<ReadError> = None;
    for (i, line) in lines.split(b'\n').enumerate() {
        let line = line?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if let Some(error) = cut.take() {
            return Err(error); // it was not the last line
        }
        match serde_json::from_slice::<Record>(&line) {
            Ok(record) => records.push(record),
            Err(source) => match serde_json::from_slice::<Kind>(&line) {
                Ok(kind) if !KNOWN.contains(&kind.ev.as_str()) => {}
                _ => cut = Some(ReadError::Line { line: i + 1, source }),
            },
        }
    }
    match (records.first(), cut) {
        (Some(Record::Run(run)), _) if run.schema > VERSION => Err(ReadError::Version { found: run.schema }),
        (Some(Record::Run(_)), None) => Ok(records),
        (Some(Record::Run(_)), Some(ReadError::Line { source, .. })) if source.is_eof() => Ok(records),
        (_, Some(error)) => Err(error),
        _ => Err(ReadError::NoRun),
    }
}

/// Every kind of event.
pub(super) const KNOWN: [&str; 18] = [
    "run",
    "step",
    "op",
    "span",
    "act",
    "attention",
    "kv",
    "sampler",
    "token",
    "bench",
    "ceiling",
    "diff",
    "cost",
    "tensor",
    "histogram",
    "tokenizer",
    "drop",
    "end",
];
