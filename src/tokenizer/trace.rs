//! Merges to look at: what the merge loop did, step by step.
//!
//! A [`MergeStep`] says which symbols were joined, by number: a trace takes memory in proportion to the text.
//! [`Encoding::replay`] does the merges again, on symbols only, and shows the neighbourhood of each.

use std::ops::Range;

use super::Encoding;

/// A word in which symbols were merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedWord {
    /// Where it lies in the source.
    pub span: Range<usize>,
    /// The word as the vocabulary writes it (`Ġhello`, `▁hello`). Each character was a symbol at the beginning.
    pub text: String,
}

/// One step of the merge loop: the characters `left..right` of the word are joined with the characters `right..end`.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeStep {
    /// Index into [`Encoding::words`].
    pub word: usize,
    /// The first character of the left symbol.
    pub left: usize,
    /// The first character of the right symbol.
    pub right: usize,
    /// The character behind the right symbol.
    pub end: usize,
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

/// A pair of symbols before it is merged, and its neighbours.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeView<'a> {
    /// The symbols from left to right, as the vocabulary writes them.
    pub symbols: Vec<&'a str>,
    /// The pair is `symbols[at]` and the one after it.
    pub at: usize,
    /// Whether the word has more symbols on the left than are shown.
    pub more_before: bool,
    /// Whether the word has more symbols on the right.
    pub more_behind: bool,
    /// Why this pair came before all others.
    pub reason: Reason,
}

impl Encoding {
    /// Every merge of [`merges`](Self::merges) with at most `width` symbols on either side of the pair. A step takes time
    /// in proportion to `width`.
    pub fn replay(&self, width: usize) -> impl Iterator<Item = MergeView<'_>> {
        let mut current: Option<(usize, Symbols<'_>)> = None;
        self.merges.iter().map(move |step| {
            let symbols = match &mut current {
                Some((word, symbols)) if *word == step.word => symbols,
                place => &mut place.insert((step.word, Symbols::of(&self.words[step.word].text))).1,
            };
            let view = symbols.around(step, width);
            symbols.merge(step);
            view
        })
    }
}

/// The symbols of a word, by the number of their first character.
struct Symbols<'a> {
    text: &'a str,
    /// Character → its first byte; one more for the end.
    starts: Vec<usize>,
    /// First character of a symbol → the first character of the one before it.
    before: Vec<usize>,
    /// First character of a symbol → the character behind it.
    behind: Vec<usize>,
}

impl<'a> Symbols<'a> {
    fn of(text: &'a str) -> Self {
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let n = starts.len() - 1;
        Self { text, starts, before: (0..n).map(|i| i.saturating_sub(1)).collect(), behind: (1..=n).collect() }
    }

    fn around(&self, step: &MergeStep, width: usize) -> MergeView<'a> {
        let (mut first, mut at) = (step.left, 0);
        while at < width && first > 0 {
            first = self.before[first];
            at += 1;
        }
        let n = self.behind.len();
        let mut symbols = Vec::new();
        let mut next = first;
        while next < n && symbols.len() < at + 2 + width {
            let end = self.behind[next];
            symbols.push(&self.text[self.starts[next]..self.starts[end]]);
            next = end;
        }
        MergeView { symbols, at, more_before: first > 0, more_behind: next < n, reason: step.reason }
    }

    fn merge(&mut self, step: &MergeStep) {
        self.behind[step.left] = step.end;
        if let Some(before) = self.before.get_mut(step.end) {
            *before = step.left;
        }
    }
}
