//! Special tokens are cut out of the text before anything else looks at it.
//!
//! `<|im_start|>` is one token, not twelve characters to merge; likewise gemma's runs of newlines and HTML tags.
//! llama.cpp's rule: the token with the **longest text first**, each from left to right over whatever text the
//! longer ones have left. This is not the usual left-to-right scan: a longer token that begins later wins over a
//! shorter one that begins earlier.
//!
//! Scanning the whole text once per special token would do (llama.cpp does), but gemma has thousands. Here one walk
//! over a trie finds the longest token at every position; these candidates are then settled in the order of the
//! rule. A candidate that turns out to be blocked by a longer token is replaced by the longest one that still fits.
//!
//! Source: llama.cpp `tokenizer_st_partition` (`src/llama-vocab.cpp`). Tokens of equal length are taken in the
//! order of their ids (there the order is left to `std::sort`; it matters only when two of them overlap).

use std::ops::Range;

use super::TokenId;
use super::vocab::{Attrs, Vocab};

/// A stretch of the source: text still to be encoded, or a special token that was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fragment {
    /// Ordinary text.
    Text(Range<usize>),
    /// A special token and the bytes it stood in.
    Token(TokenId, Range<usize>),
}

/// All special tokens of a vocabulary, by their bytes.
pub(super) struct SpecialTokens {
    /// Node 0 is the root.
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// Next byte → node; sorted by byte.
    children: Vec<(u8, u32)>,
    token: Option<Special>,
}

#[derive(Clone, Copy)]
struct Special {
    id: TokenId,
    attrs: Attrs,
}

/// The longest token that might begin at `start`.
struct Candidate {
    start: usize,
    token: Special,
}

impl SpecialTokens {
    /// Collects the control, unknown and user-defined tokens of `vocab`.
    pub(super) fn new(vocab: &Vocab) -> Self {
        let mut trie = Self { nodes: vec![Node::default()] };
        for (id, token) in vocab.tokens().iter().enumerate() {
            if token.attrs.any(Attrs::CONTROL | Attrs::UNKNOWN | Attrs::USER_DEFINED) {
                trie.insert(&token.text, Special { id: id as TokenId, attrs: token.attrs });
            }
        }
        trie
    }

    fn insert(&mut self, text: &str, token: Special) {
        let mut node = 0;
        for &byte in text.as_bytes() {
            node = match self.nodes[node].children.binary_search_by_key(&byte, |&(b, _)| b) {
                Ok(found) => self.nodes[node].children[found].1 as usize,
                Err(place) => {
                    let new = self.nodes.len();
                    self.nodes[node].children.insert(place, (byte, new as u32));
                    self.nodes.push(Node::default());
                    new
                }
            };
        }
        self.nodes[node].token = Some(token);
    }

    /// The longest token at the start of `text`, with its length. Control and unknown tokens count only where
    /// `parse_special` says so; user-defined ones always do.
    fn longest(&self, text: &[u8], parse_special: bool) -> Option<(usize, Special)> {
        let mut node = &self.nodes[0];
        let mut longest = None;
        for (depth, byte) in text.iter().enumerate() {
            let Ok(child) = node.children.binary_search_by_key(byte, |&(b, _)| b) else { break };
            node = &self.nodes[node.children[child].1 as usize];
            if let Some(token) = node.token
                && (parse_special || !token.attrs.any(Attrs::CONTROL | Attrs::UNKNOWN))
            {
                longest = Some((depth + 1, token));
            }
        }
        longest
    }

    /// Cuts `text` into special tokens and the text between them.
    pub(super) fn partition(&self, text: &str, parse_special: bool) -> Vec<Fragment> {
        let found = self.settle(text.as_bytes(), parse_special);

        let mut fragments = Vec::with_capacity(2 * found.len() + 1);
        let mut at = 0;
        for Found { token, taken, id } in found {
            if at < taken.start {
                fragments.push(Fragment::Text(at..taken.start));
            }
            at = taken.end;
            fragments.push(Fragment::Token(id, token));
        }
        if at < text.len() {
            fragments.push(Fragment::Text(at..text.len()));
        }
        fragments
    }

    fn settle(&self, text: &[u8], parse_special: bool) -> Vec<Found> {
        // Candidates by length: the longest are settled first, and what they block can only become shorter.
        let mut by_len: Vec<Vec<Candidate>> = Vec::new();
        let propose = |start: usize, limit: usize, by_len: &mut Vec<Vec<Candidate>>| {
            if let Some((len, token)) = self.longest(&text[start..limit], parse_special) {
                if by_len.len() <= len {
                    by_len.resize_with(len + 1, Vec::new);
                }
                by_len[len].push(Candidate { start, token });
            }
        };
        for start in 0..text.len() {
            propose(start, text.len(), &mut by_len);
        }
        if by_len.is_empty() {
            return Vec::new();
        }

        let mut found = Vec::new();
        let mut taken = vec![false; text.len()];
        for len in (1..by_len.len()).rev() {
            let mut candidates = std::mem::take(&mut by_len[len]);
            candidates.sort_by_key(|candidate| (candidate.token.id, candidate.start));
            for Candidate { start, token } in candidates {
                let end = start + len;
                // Whatever is taken already is at least as long as this token, so it cannot hide between its ends.
                if taken[start] {
                    continue;
                }
                if taken[end - 1] {
                    let free = (start..end).take_while(|&i| !taken[i]).count();
                    propose(start, start + free, &mut by_len);
                    continue;
                }
                let left = if token.attrs.any(Attrs::LSTRIP) {
                    (0..start).rev().take_while(|&i| !taken[i] && is_space(text[i])).count()
                } else {
                    0
                };
                let right = if token.attrs.any(Attrs::RSTRIP) {
                    (end..text.len()).take_while(|&i| !taken[i] && is_space(text[i])).count()
                } else {
                    0
                };
                taken[start - left..end + right].fill(true);
                found.push(Found { id: token.id, token: start..end, taken: start - left..end + right });
            }
        }
        found.sort_by_key(|found| found.token.start);
        found
    }
}

/// A special token that was found.
struct Found {
    id: TokenId,
    /// The bytes of the token.
    token: Range<usize>,
    /// The same with the whitespace it swallows.
    taken: Range<usize>,
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}
