//! Errors on their way to the user.
//!
//! Look first at [`Fault`]: while a template is parsed or run an error has a kind and a sentence, and gets its place in
//! the source from the first expression around it that knows one. At the end it becomes a [`TemplateError`].
//!
//! Not here: which limit is how large (`budget`).

use crate::tokenizer::{Place, TemplateError};
use std::fmt::Write as _;

/// What a step of lexing, parsing or running returns.
pub(super) type Run<T> = Result<T, Box<Fault>>;

/// An error on its way to the user.
#[derive(Debug)]
pub(super) struct Fault {
    kind: Kind,
    what: String,
    /// Byte offset into the source, once it is known.
    at: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Syntax,
    Unsupported,
    Evaluation,
    OverBudget,
    Raised,
}

impl Fault {
    pub(super) fn syntax(at: u32, what: impl Into<String>) -> Box<Self> {
        Box::new(Self { kind: Kind::Syntax, what: what.into(), at: Some(at) })
    }

    /// `what` names the construct; the sentence says that it is not supported.
    pub(super) fn unsupported(what: impl std::fmt::Display) -> Box<Self> {
        Box::new(Self { kind: Kind::Unsupported, what: format!("{what} is not supported in chat templates"), at: None })
    }

    /// A result that Python has and these values have not.
    pub(super) fn beyond(what: impl Into<String>) -> Box<Self> {
        Box::new(Self { kind: Kind::Unsupported, what: what.into(), at: None })
    }

    /// A whole number that Python would let grow.
    pub(super) fn overflow() -> Box<Self> {
        Self::beyond("the result is a whole number of more than 64 bits")
    }

    pub(super) fn evaluation(what: impl Into<String>) -> Box<Self> {
        Box::new(Self { kind: Kind::Evaluation, what: what.into(), at: None })
    }

    pub(super) fn over_budget(what: impl Into<String>) -> Box<Self> {
        Box::new(Self { kind: Kind::OverBudget, what: what.into(), at: None })
    }

    /// What the template itself says with `raise_exception`.
    pub(super) fn raised(message: &str) -> Box<Self> {
        Box::new(Self { kind: Kind::Raised, what: shown(message, 1000), at: None })
    }

    /// The same error with a place, if it has none yet.
    pub(super) fn at(mut self: Box<Self>, place: u32) -> Box<Self> {
        self.at.get_or_insert(place);
        self
    }

    /// The error that users see.
    pub(super) fn in_source(self, source: &str) -> TemplateError {
        let at = place(source, self.at.unwrap_or(0) as usize);
        let what = self.what;
        match self.kind {
            Kind::Syntax => TemplateError::Syntax { what, at },
            Kind::Unsupported => TemplateError::Unsupported { what, at },
            Kind::Evaluation => TemplateError::Evaluation { what, at },
            Kind::OverBudget => TemplateError::OverBudget { what, at },
            Kind::Raised => TemplateError::Raised { message: what },
        }
    }
}

/// Line and column of a byte offset.
fn place(source: &str, offset: usize) -> Place {
    let offset = (0..=offset.min(source.len())).rev().find(|&at| source.is_char_boundary(at)).unwrap_or(0);
    let before = &source[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

/// Text of the template for an error message: at most `most` characters, control characters escaped, so that a
/// terminal shows them and does not obey them.
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut chars = text.chars();
    for c in chars.by_ref().take(most) {
        match c {
            '\n' => line.push_str("\\n"),
            '\t' => line.push_str("\\t"),
            '\r' => line.push_str("\\r"),
            c if c.is_control() || changes_direction(c) => {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(c)); // writing to a string cannot fail
            }
            c => line.push(c),
        }
    }
    if chars.next().is_some() {
        line.push('…');
    }
    line
}

/// Marks that change the direction of the text around them, and line ends beyond ASCII.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name of the template for an error message.
pub(super) fn name(text: &str) -> String {
    format!("'{}'", shown(text, 60))
}
