//! What can be wrong with a chat template, and where in it.

/// Why a chat template cannot be used. Each sentence is one line: text from the template is cut and its control
/// characters are escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The source is not valid Jinja.
    #[error("syntax error: {what} ({at})")]
    Syntax {
        /// What was found, what was expected.
        what: String,
        /// Where.
        at: Place,
    },

    /// Valid Jinja that this interpreter does not run.
    #[error("{what} ({at})")]
    Unsupported {
        /// The construct.
        what: String,
        /// Where.
        at: Place,
    },

    /// An operation that Python refuses too: an undefined value, a wrong type, a division by zero.
    #[error("{what} ({at})")]
    Evaluation {
        /// What happened.
        what: String,
        /// Where.
        at: Place,
    },

    /// The template takes more than it may: see `budget.rs` for the limits.
    #[error("{what} ({at})")]
    OverBudget {
        /// Which limit.
        what: String,
        /// Where.
        at: Place,
    },

    /// The template refused the conversation itself, with `raise_exception`.
    #[error("{message}")]
    Raised {
        /// What it said.
        message: String,
    },

    /// What the user says does not appear in the text that the template makes.
    #[error(
        "the template leaves out what the user says, given as text or as a list of parts: the model would not see it"
    )]
    Swallowed,
}

/// A place in the source of a template, both counted from 1; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}
