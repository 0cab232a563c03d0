//! Special tokens are cut out of the text before anything else looks at it.
//!
//! `<|im_start|>` is one token, not twelve characters to merge; likewise gemma's runs of newlines and HTML tags.
//! llama.cpp's rule: the token with the **longest text first**, each from left to right over whatever text the
//! longer ones have left. This is not the usual left-to-right scan: a longer token that begins later wins over a
//! shorter one that begins earlier.
//!
//! llama.cpp scans the whole text once for each special token; gemma has thousands of them. Look first at
//! [`SpecialTokens::settle`]: a [`Finder`] names the longest token that ends at every place, and these candidates are
//! then settled in the order of the rule. A candidate whose beginning was taken by a longer token is replaced by the
//! longest one that still fits. Each time that happens to a place, less than half of the free text before it is left, so
//! the whole takes O(n log n) steps for a text of n bytes.
//!
//! A token that is no UTF-8 is never found: text is UTF-8.
//!
//! Source: llama.cpp `tokenizer_st_partition` (`src/llama-vocab.cpp`). Tokens of equal length are taken in the
//! order of their ids (there the order is left to `std::sort`; it matters only when two of them overlap).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;
use std::sync::Arc;

use super::find::{Finder, Match, NOTHING};
use super::vocab::{Attrs, Vocab};
use super::{TokenId, steps};

/// A stretch of the source: text still to be encoded, or a special token that was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fragment {
    /// Ordinary text.
    Text(Range<usize>),
    /// A special token and the bytes it stood in.
    Token(TokenId, Range<usize>),
}

/// All special tokens of a vocabulary, by their texts.
pub(super) struct SpecialTokens {
    /// Finds special tokens, and perhaps others.
    finder: Arc<Finder>,
    /// Pattern → attributes of its token.
    attrs: Vec<Attrs>,
    /// Pattern → the longest special token among it and the shorter patterns that are suffixes of it.
    special: Vec<Match>,
    /// Pattern → the longest user-defined token among them.
    user_defined: Vec<Match>,
}

/// Control, unknown and user-defined tokens are special.
pub(super) const SPECIAL: Attrs = Attrs(Attrs::CONTROL.0 | Attrs::UNKNOWN.0 | Attrs::USER_DEFINED.0);

/// The longest token that might end at `start + len`. The order is the order of the rule: the longest is the greatest;
/// of those the lowest id, then the leftmost.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    len: usize,
    id: Reverse<TokenId>,
    start: Reverse<usize>,
    token: Match,
}

/// A special token that was found.
struct Found {
    id: TokenId,
    /// The bytes of the token.
    token: Range<usize>,
    /// Where the bytes that it takes from the text end: behind the token, or behind whitespace that it swallows.
    end: usize,
}

impl SpecialTokens {
    /// The special tokens of `vocab`, all of which `finder` finds.
    pub(super) fn new(vocab: &Vocab, finder: Arc<Finder>) -> Self {
        let order = finder.by_length();
        let mut attrs = vec![Attrs::default(); order.len()];
        let mut special = vec![NOTHING; order.len()];
        let mut user_defined = vec![NOTHING; order.len()];
        for token in order.into_iter().filter(|&token| token != NOTHING) {
            let its = vocab.tokens()[finder.id(token) as usize].attrs;
            attrs[token.index()] = its;
            let shorter = finder.shorter(token).index();
            special[token.index()] = if its.any(SPECIAL) { token } else { special[shorter] };
            let is_user_defined = its.any(SPECIAL) && !its.any(Attrs::CONTROL | Attrs::UNKNOWN);
            user_defined[token.index()] = if is_user_defined { token } else { user_defined[shorter] };
        }
        Self { finder, attrs, special, user_defined }
    }

    #[cfg(test)]
    pub(super) fn finder(&self) -> &Finder {
        &self.finder
    }

    /// Cuts `text` into special tokens and the text between them. Control and unknown tokens count only where
    /// `parse_special` says so; user-defined ones always do.
    pub(super) fn partition(&self, text: &str, parse_special: bool) -> Vec<Fragment> {
        let found = if self.finder.is_empty() { BTreeMap::new() } else { self.settle(text.as_bytes(), parse_special) };
        let mut fragments = Vec::with_capacity(2 * found.len() + 1);
        let mut at = 0;
        for (start, Found { id, token, end }) in found {
            if at < start {
                fragments.push(Fragment::Text(at..start));
            }
            fragments.push(Fragment::Token(id, token));
            at = end;
        }
        if at < text.len() {
            fragments.push(Fragment::Text(at..text.len()));
        }
        fragments
    }

    /// The tokens in `text`, by the place where the bytes that they take begin.
    fn settle(&self, text: &[u8], parse_special: bool) -> BTreeMap<usize, Found> {
        let candidate = |token: Match, end: usize| {
            let token = if parse_special { &self.special } else { &self.user_defined }[token.index()];
            let len = self.finder.len(token);
            let id = Reverse(self.finder.id(token));
            (token != NOTHING).then(|| Candidate { len, id, start: Reverse(end - len), token })
        };
        let ends = self.finder.ends(text).zip(1..);
        let mut candidates: BinaryHeap<Candidate> = ends.filter_map(|(token, end)| candidate(token, end)).collect();

        let mut found: BTreeMap<usize, Found> = BTreeMap::new();
        while let Some(Candidate { len, id: Reverse(id), start: Reverse(start), token }) = candidates.pop() {
            steps::add(1);
            let end = start + len;
            // What is taken already is at least as long as this token, so it cannot lie between its ends.
            let free = found.range(..end).next_back().map_or(0, |(_, before)| before.end);
            if free >= end {
                continue; // its last byte is taken
            }
            if free > start {
                candidates.extend(candidate(self.finder.within(token, end - free), end));
                continue;
            }
            let attrs = self.attrs[token.index()];
            let mut taken = start..end;
            if attrs.any(Attrs::LSTRIP) {
                taken.start -= text[free..start].iter().rev().take_while(|&&byte| is_space(byte)).count();
            }
            if attrs.any(Attrs::RSTRIP) {
                let next = found.range(end..).next().map_or(text.len(), |(&next, _)| next);
                taken.end += text[end..next].iter().take_while(|&&byte| is_space(byte)).count();
            }
            found.insert(taken.start, Found { id, token: start..end, end: taken.end });
        }
        found
    }
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}
