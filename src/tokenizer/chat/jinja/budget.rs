//! What a template may use up: steps, memory, output, depth.
//!
//! A template comes out of a stranger's file and is a program. Every step of the interpreter asks the one [`Budget`] of
//! its run first, and memory is paid for *before* it is taken. So a run ends in bounded time and memory, whatever the
//! template, and no recursion here (evaluating, printing, comparing, dropping) is deeper than the constants below.
//!
//! | limit | holds for |
//! |---|---|
//! | [`MAX_SOURCE`] bytes | the source, and so the parser's time and memory |
//! | [`MAX_SOURCE_DEPTH`] | brackets and blocks inside each other: the depth of the syntax tree |
//! | [`MAX_DEPTH`] | expressions, blocks and macro calls that wait for each other |
//! | [`MAX_VALUE_DEPTH`] | lists in lists: a value knows its depth when it is built |
//! | [`Limits`] | steps, bytes of values ever made, bytes of output |
//!
//! Bytes count what was ever made, not what is alive: that needs no bookkeeping when a value is dropped.

use super::error::{Fault, Run};

/// Bytes of source. The longest template of a known model has 20 KB.
pub(super) const MAX_SOURCE: usize = 1 << 20;
/// Brackets, blocks and signs inside each other.
pub(super) const MAX_SOURCE_DEPTH: usize = 64;
/// Steps of evaluation inside each other. A macro that calls itself takes about four to eight of them a call.
pub(super) const MAX_DEPTH: usize = 320;
/// Containers inside each other.
pub(super) const MAX_VALUE_DEPTH: u16 = 100;
/// Named arguments of one call in the source: each is looked for among the others.
pub(super) const MAX_NAMED: usize = 256;
/// Items of one `range`, as in Jinja's sandbox.
pub(super) const MAX_RANGE: u64 = 100_000;

/// Bytes of text that one step looks through.
const BYTES_PER_STEP: usize = 32;

/// How much one run may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Steps of evaluation; looking through 32 bytes of text counts as one too.
    pub(super) steps: u64,
    /// Bytes of all values made.
    pub(super) bytes: u64,
    /// Bytes of the text that comes out.
    pub(super) output: u64,
}

impl Limits {
    /// The limits for a conversation of so many bytes: a fixed amount, and some for each byte.
    pub(super) fn for_input(bytes: usize) -> Self {
        let bytes = bytes as u64;
        Self { steps: 4_000_000 + 16 * bytes, bytes: (64 << 20) + 64 * bytes, output: (16 << 20) + 16 * bytes }
    }
}

/// What is left of the limits of one run.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    left: Limits,
    depth: usize,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, left: limits, depth: 0 }
    }

    /// Pays for `n` steps.
    pub(super) fn steps(&mut self, n: usize) -> Run<()> {
        match self.left.steps.checked_sub(n as u64) {
            Some(left) => self.left.steps = left,
            None => {
                return Err(Fault::over_budget(format!(
                    "the template takes more than {} steps for this conversation",
                    self.limits.steps
                )));
            }
        }
        Ok(())
    }

    /// Pays for looking through `bytes` of text.
    pub(super) fn scan(&mut self, bytes: usize) -> Run<()> {
        self.steps(1 + bytes / BYTES_PER_STEP)
    }

    /// Pays for `bytes` of a value about to be made.
    pub(super) fn allocate(&mut self, bytes: usize) -> Run<()> {
        match self.left.bytes.checked_sub(bytes as u64) {
            Some(left) => self.left.bytes = left,
            None => {
                let mib = self.limits.bytes >> 20;
                return Err(Fault::over_budget(format!(
                    "the template makes values of more than {mib} MiB for this conversation"
                )));
            }
        }
        self.scan(bytes)
    }

    /// Pays for `count` things of `size` bytes each.
    pub(super) fn allocate_many(&mut self, count: usize, size: usize) -> Run<()> {
        self.allocate(count.saturating_mul(size))
    }

    /// Pays for output.
    pub(super) fn output(&mut self, bytes: usize) -> Run<()> {
        match self.left.output.checked_sub(bytes as u64) {
            Some(left) => self.left.output = left,
            None => {
                let mib = self.limits.output >> 20;
                return Err(Fault::over_budget(format!(
                    "the template writes more than {mib} MiB for this conversation"
                )));
            }
        }
        self.scan(bytes)
    }

    /// One step deeper; every `enter` that succeeds is followed by a [`leave`](Self::leave).
    pub(super) fn enter(&mut self) -> Run<()> {
        self.steps(1)?;
        if self.depth == MAX_DEPTH {
            return Err(Fault::over_budget(format!(
                "the template nests calls and blocks more than {MAX_DEPTH} deep (an endless recursion?)"
            )));
        }
        self.depth += 1;
        Ok(())
    }

    /// One step back.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }
}

/// A text that is paid for as it grows.
#[derive(Debug, Default)]
pub(super) struct Text {
    text: String,
}

impl Text {
    pub(super) fn push(&mut self, text: &str, budget: &mut Budget) -> Run<()> {
        budget.allocate(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    pub(super) fn push_char(&mut self, c: char, budget: &mut Budget) -> Run<()> {
        budget.allocate(c.len_utf8())?;
        self.text.push(c);
        Ok(())
    }

    /// `c`, `n` times over.
    pub(super) fn pad(&mut self, c: char, n: usize, budget: &mut Budget) -> Run<()> {
        budget.allocate_many(n, c.len_utf8())?;
        self.text.extend(std::iter::repeat_n(c, n));
        Ok(())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn into_string(self) -> String {
        self.text
    }
}
