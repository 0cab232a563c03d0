//! What both algorithms leave behind while they encode: ids, and on request their places and merges. And a cache
//! of words, because text repeats itself.

use std::collections::HashMap;
use std::ops::Range;

use super::TokenId;
use super::merge::Merger;

/// Most words that one call remembers. Words follow Zipf's law: the first few thousand different ones are nearly
/// all of any text, and the rest would only fill memory.
const CACHED_WORDS: usize = 1 << 16;
/// Longer words hardly ever come back.
const CACHED_LEN: usize = 64;

/// One step of the merge loop, for people to read.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeStep {
    /// Where the word lies in the source.
    pub word: Range<usize>,
    /// The symbols of the word before the step, as the vocabulary writes them.
    pub symbols: Vec<String>,
    /// Which symbol is joined with the one after it.
    pub at: usize,
    /// BPE: the rank of the rule, lowest first. SPM: the score of the joined token, highest first.
    pub reason: Reason,
}

/// Why a pair was merged before all others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// The line of its rule in the list of merges.
    Rank(u32),
    /// The score of the joined token.
    Score(f32),
}

/// What an encoding leaves behind.
#[derive(Default)]
pub(super) struct Output {
    pub(super) ids: Vec<TokenId>,
    /// For each id, the bytes of the source it came from.
    pub(super) spans: Option<Vec<Range<usize>>>,
    pub(super) merges: Option<Vec<MergeStep>>,
}

impl Output {
    pub(super) fn push(&mut self, id: TokenId, span: Range<usize>) {
        self.ids.push(id);
        if let Some(spans) = &mut self.spans {
            spans.push(span);
        }
    }
}

/// Working memory of one call to encode a text.
pub(super) struct Session<'a> {
    pub(super) source: &'a str,
    pub(super) out: Output,
    pub(super) merger: Merger,
    /// Words met before, and where in `out.ids` their tokens stand.
    seen: HashMap<&'a str, (usize, usize)>,
}

impl<'a> Session<'a> {
    pub(super) fn new(source: &'a str, out: Output) -> Self {
        Self { source, out, merger: Merger::default(), seen: HashMap::new() }
    }

    /// Encodes the word at `span` with `encode`, or repeats what was done with the same word before.
    pub(super) fn word(&mut self, span: Range<usize>, encode: impl FnOnce(&mut Self, Range<usize>)) {
        let word = &self.source[span.clone()];
        if self.out.spans.is_some() || self.out.merges.is_some() || word.len() > CACHED_LEN {
            return encode(self, span);
        }
        if let Some(&(first, n)) = self.seen.get(word) {
            return self.out.ids.extend_from_within(first..first + n);
        }
        let first = self.out.ids.len();
        encode(self, span);
        if self.seen.len() < CACHED_WORDS {
            self.seen.insert(word, (first, self.out.ids.len() - first));
        }
    }
}
