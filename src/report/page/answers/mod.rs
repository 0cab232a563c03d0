//! The sentences of the page: every section begins with one that answers its question with numbers of this run.
//!
//! | section | function |
//! |---|---|
//! | may these numbers be trusted? what was asked? | [`trust`], [`asked`] |
//! | does the optimized path compute what the naive one does? | [`equal`] |
//! | where does the time go, and what limits it? | [`time`], [`roofline`] |
//! | what does the context cost? | [`memory`] |
//! | what did the sampler do, who looked at whom, what is in the file? | [`sampling`], [`attention`], [`weights`] |
//! | does watching change what is watched? | [`measurement`] |
//! | what to try next? | [`next`] |
//!
//! Where a run has no data for a question, the answer says so. What it deliberately does not do: tables and pictures.

mod check;
mod inside;
mod memory;
mod next;
mod time;

pub use check::{equal, measurement, trust, worst_first};
pub use inside::{asked, attention, sampling, weights};
pub use memory::{cache_bytes_per_token, memory};
pub use next::next;
pub use time::{roofline, time};

/// The answer of a section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Sentences; the first one answers the question.
    pub sentences: Vec<String>,
    /// Whether the run has no data for it.
    pub is_missing: bool,
}

impl Answer {
    /// An answer with numbers.
    fn of(sentences: impl IntoIterator<Item = String>) -> Self {
        Self { sentences: sentences.into_iter().collect(), is_missing: false }
    }

    /// There is no data.
    fn missing(sentence: &str) -> Self {
        Self { sentences: vec![sentence.to_owned()], is_missing: true }
    }
}

/// `feed_forward` → `the feed-forward part`.
fn part_name(group: &str) -> String {
    match group {
        "feed_forward" => "feed-forward".to_owned(),
        other => other.replace('_', " "),
    }
}

#[cfg(test)]
#[path = "../answers_tests.rs"]
mod tests;
