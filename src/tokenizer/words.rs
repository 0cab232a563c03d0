//! What both algorithms produce while they encode: ids, and on request their places and merges. And a cache of words,
//! because text repeats itself.

use std::collections::HashMap;
use std::ops::Range;

use super::TokenId;
use super::merge::{MAX_WORD, Merge, Merger};
use super::trace::{MergeStep, MergedWord, Reason};

/// Most words that one call remembers. The frequencies of words follow Zipf's law: a few thousand different words are
/// nearly all of any text, and the rest would only fill memory.
const CACHED_WORDS: usize = 1 << 16;
/// Longer words seldom occur twice.
const CACHED_LEN: usize = 64;

/// What an encoding produces.
#[derive(Default)]
pub(super) struct Output {
    pub(super) ids: Vec<TokenId>,
    /// For each id, the bytes of the source it came from.
    pub(super) spans: Option<Vec<Range<usize>>>,
    /// Every merge, and the words in which merges were made.
    pub(super) merges: Option<(Vec<MergeStep>, Vec<MergedWord>)>,
}

impl Output {
    pub(super) fn push(&mut self, id: TokenId, span: Range<usize>) {
        self.ids.push(id);
        if let Some(spans) = &mut self.spans {
            spans.push(span);
        }
    }

    /// Begins a word, if merges are asked for. `text` is the word as the vocabulary writes it.
    pub(super) fn begin_word(&mut self, span: &Range<usize>, text: impl FnOnce() -> String) {
        if let Some((_, words)) = &mut self.merges {
            words.push(MergedWord { span: span.clone(), text: text() });
        }
    }

    /// Notes a merge in the word that was begun last.
    pub(super) fn note(&mut self, merge: Merge, reason: impl FnOnce() -> Reason) {
        if let Some((steps, words)) = &mut self.merges {
            let Merge { left, right, end, .. } = merge;
            steps.push(MergeStep { word: words.len() - 1, left, right, end, reason: reason() });
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

    /// Encodes the word at `span` with `encode`, or repeats what was done with the same word before. A word longer than
    /// [`MAX_WORD`] is cut.
    pub(super) fn word(&mut self, span: Range<usize>, mut encode: impl FnMut(&mut Self, Range<usize>)) {
        let word = &self.source[span.clone()];
        if self.out.spans.is_some() || self.out.merges.is_some() || word.len() > CACHED_LEN {
            return pieces(self.source, span, MAX_WORD).for_each(|piece| encode(self, piece));
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

/// `span` of `source` in pieces of at most `max` bytes, cut between characters. One piece if it is short enough.
fn pieces(source: &str, span: Range<usize>, max: usize) -> impl Iterator<Item = Range<usize>> {
    let mut start = span.start;
    std::iter::from_fn(move || {
        let end = source.floor_char_boundary(start.saturating_add(max).min(span.end));
        let piece = start..end;
        start = end;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_beyond_the_limit_are_cut_between_characters() {
        let source = "-abéé-";
        let cut = |max| pieces(source, 1..7, max).map(|piece| &source[piece]).collect::<Vec<_>>();
        assert_eq!(cut(6), ["abéé"]);
        assert_eq!(cut(5), ["abé", "é"]);
        assert_eq!(cut(3), ["ab", "é", "é"]);
        assert_eq!(pieces(source, 1..1, 3).count(), 0);
    }
}
