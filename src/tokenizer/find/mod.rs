//! [`Finder`]: of many patterns, the longest that ends at each place of a text.
//!
//! Look first at [`Finder::ends`]. It is an Aho–Corasick automaton: a trie of all patterns whose nodes also say where
//! to go on when the next byte does not fit (`fails`). The time is proportional to the length of the text, whatever the
//! patterns are.
//!
//! Shorter patterns that end at the same place are suffixes of the longest. They form a chain, `shorter`, which depends
//! on the patterns alone. A chain may be thousands of patterns long (`a`, `aa`, `aaa`, …), so each pattern also has a
//! `jump` far down its chain: [`Finder::within`] takes O(log n) steps.
//!
//! A node takes nine bytes, and there is at most one node for each byte of the patterns. That is why the usual map of
//! children is missing: the nodes of one pattern have consecutive numbers, so a child is the next number, and only where
//! patterns branch there is an entry in a map.
//!
//! Not here: what the patterns mean. [`special`](super::special) finds special tokens with it, [`spm`](super::spm) long
//! tokens.
//!
//! Source: Aho & Corasick 1975; the jumps are Myers 1983, "An applicative random-access stack".

mod build;

use std::collections::HashMap;

use super::{TokenId, steps};

/// A byte that never occurs in UTF-8: the label of places between the nodes of two patterns.
const NO_BYTE: u8 = 0xFF;

/// The root of the trie. No edge leads to it, so as a child it means "none".
const ROOT: u32 = 0;

/// A pattern found in a text; [`NOTHING`] is the pattern of no bytes, at the end of every chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Match(u32);

/// No pattern.
pub(super) const NOTHING: Match = Match(0);

/// Patterns, which are texts of tokens, ready to be found.
pub(super) struct Finder {
    /// Node → the byte that leads to it.
    labels: Vec<u8>,
    /// Node → the node of the longest proper suffix that is in the trie.
    fails: Vec<u32>,
    /// Node → the longest pattern that is a suffix of the node's text.
    found: Vec<Match>,
    /// Byte → child of the root.
    first: Vec<u32>,
    /// (Node, byte) → child, where it is not the node with the next number.
    branches: HashMap<(u32, u8), u32>,
    /// Pattern 0 is [`NOTHING`].
    patterns: Vec<Pattern>,
}

/// One pattern.
#[derive(Clone, Copy)]
struct Pattern {
    id: TokenId,
    /// Bytes.
    len: u32,
    /// The longest pattern that is a proper suffix of this one.
    shorter: Match,
    /// A pattern further down the same chain.
    jump: Match,
    /// Patterns below this one in its chain.
    depth: u32,
}

impl Finder {
    /// Whether there are no patterns.
    pub(super) fn is_empty(&self) -> bool {
        self.patterns.len() == 1
    }

    /// For each byte of `text` the longest pattern that ends behind it.
    pub(super) fn ends(&self, text: &[u8]) -> impl Iterator<Item = Match> {
        let mut node = ROOT;
        text.iter().map(move |&byte| {
            node = self.step(node, byte);
            self.found[node as usize]
        })
    }

    /// The longest of `found` and the patterns that are suffixes of it which has at most `limit` bytes.
    pub(super) fn within(&self, found: Match, limit: usize) -> Match {
        let mut at = found;
        while self.len(at) > limit {
            steps::add(1);
            let Pattern { shorter, jump, .. } = self.patterns[at.0 as usize];
            at = if self.len(jump) > limit { jump } else { shorter };
        }
        at
    }

    /// Bytes of a pattern.
    pub(super) fn len(&self, found: Match) -> usize {
        self.patterns[found.0 as usize].len as usize
    }

    /// The token of a pattern. (Of [`NOTHING`] it means nothing.)
    pub(super) fn id(&self, found: Match) -> TokenId {
        self.patterns[found.0 as usize].id
    }

    /// The longest pattern that is a proper suffix of this one.
    pub(super) fn shorter(&self, found: Match) -> Match {
        self.patterns[found.0 as usize].shorter
    }

    /// Every pattern, [`NOTHING`] first, each behind those that are suffixes of it.
    pub(super) fn by_length(&self) -> Vec<Match> {
        let mut order: Vec<Match> = (0..self.patterns.len() as u32).map(Match).collect();
        order.sort_by_key(|&found| self.len(found));
        order
    }

    /// Bytes of memory, those of the maps estimated.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let nodes = self.labels.capacity() + 4 * (self.fails.capacity() + self.found.capacity());
        nodes + 4 * self.first.capacity() + 16 * self.branches.capacity() + 20 * self.patterns.capacity()
    }

    /// From the node of some text to the node of the longest suffix of that text and `byte`.
    #[inline]
    fn step(&self, mut node: u32, byte: u8) -> u32 {
        steps::add(1);
        while node != ROOT {
            let child = self.child(node, byte);
            if child != ROOT {
                return child;
            }
            steps::add(1);
            node = self.fails[node as usize];
        }
        self.first[byte as usize]
    }

    /// The child of an inner node, or [`ROOT`] if there is none.
    #[inline]
    fn child(&self, node: u32, byte: u8) -> u32 {
        if self.labels[node as usize + 1] == byte {
            return node + 1;
        }
        self.branches.get(&(node, byte)).copied().unwrap_or(ROOT)
    }
}

impl Match {
    /// The place of the pattern in tables by pattern.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests;
