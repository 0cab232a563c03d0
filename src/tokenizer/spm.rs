//! SentencePiece: neighbours merge when their joined text is a token, the highest score first.
//!
//! Look first at [`Spm::word`]. There are no rules beside the vocabulary: the score of a token says how urgently its
//! parts want to become one. A character that is no token and never merged falls back to byte tokens `<0xXX>`.
//!
//! The loop runs over a whole fragment of text, not over words. But what merges across the beginning of a word must
//! become a token with ▁ in the middle, and vocabularies have next to none of these (llama's none, gemma's only
//! `>▁</`). So the text may be cut before each ▁ whose left neighbour stands before a ▁ in no token; words are
//! encoded one by one, and each different word only once.
//!
//! Source: Kudo & Richardson 2018; llama.cpp `llm_tokenizer_spm_session` (`src/llama-vocab.cpp`). Its `resegment`
//! can re-split merged pieces; as only texts that are tokens are ever merged, that never happens.

use std::ops::Range;

use super::TokenId;
use super::merge::{Merger, Rule, Symbol, UNKNOWN};
use super::sentence::{self, Places, SPACE};
use super::vocab::{Role, Vocab, byte_token};
use super::words::{MergeStep, Output, Reason, Session};

/// Tables of one SPM vocabulary.
pub(super) struct Spm {
    /// Tokens for single bytes. Where the vocabulary has none: the unknown token, or nothing if there is none either
    /// (llama.cpp throws).
    bytes: [Option<TokenId>; 256],
    /// Bytes of the longest token: longer texts need not be looked up.
    longest: usize,
    /// The characters that stand before a ▁ in some token, ascending: no cut is made behind these.
    joiners: Vec<char>,
}

impl Spm {
    pub(super) fn new(vocab: &Vocab) -> Self {
        let mut bytes = [None; 256];
        for byte in 0..=255u8 {
            let as_text = || byte.is_ascii().then(|| vocab.id((byte as char).encode_utf8(&mut [0; 4]))).flatten();
            bytes[byte as usize] = vocab.id(&byte_token(byte)).or_else(as_text).or_else(|| vocab.special(Role::Unk));
        }
        let mut joiners: Vec<char> = Vec::new();
        for token in vocab.tokens() {
            let pairs = token.text.chars().zip(token.text.chars().skip(1));
            joiners.extend(pairs.filter(|&(c, next)| c != SPACE && next == SPACE).map(|(c, _)| c));
        }
        joiners.sort_unstable();
        joiners.dedup();
        Self { bytes, longest: vocab.tokens().iter().map(|token| token.text.len()).max().unwrap_or(0), joiners }
    }

    /// Makes every character a joiner, so that the loop runs over whole fragments: the oracle of cutting.
    #[cfg(test)]
    pub(super) fn never_cut(&mut self) {
        self.joiners = (char::MIN..=char::MAX).collect();
    }

    /// Encodes a stretch of text that holds no special tokens, with a space before it where `prefix` asks for it.
    pub(super) fn encode(&self, vocab: &Vocab, session: &mut Session<'_>, span: Range<usize>, prefix: bool) {
        let mut start = span.start;
        if prefix {
            start += self.word_len(&session.source[span.clone()]);
            self.word(vocab, session, span.start..start, true);
        }
        while start < span.end {
            let end = start + self.word_len(&session.source[start..span.end]);
            session.word(start..end, |session, span| self.word(vocab, session, span, false));
            start = end;
        }
    }

    /// Bytes until the next word begins, which is before a space (real or ▁) that nothing can join with what it
    /// follows.
    fn word_len(&self, text: &str) -> usize {
        let is_space = |c| c == ' ' || c == SPACE;
        let mut before = SPACE;
        for (at, c) in text.char_indices() {
            if is_space(c) && !is_space(before) && self.joiners.binary_search(&before).is_err() {
                return at;
            }
            before = c;
        }
        text.len()
    }

    fn word(&self, vocab: &Vocab, session: &mut Session<'_>, span: Range<usize>, prefix: bool) {
        let Session { source, out, merger, .. } = session;
        let source = &source[span.clone()];
        let word = &*sentence::escape(source, prefix);
        self.merge(vocab, word, &span, merger, out);

        let mut places = Places::new(source, span.start, prefix);
        for symbol in merger.symbols() {
            if symbol.id != UNKNOWN {
                out.push(symbol.id, places.next(symbol.len));
                continue;
            }
            for byte in word[symbol.start..symbol.start + symbol.len].bytes() {
                let place = places.next(1);
                if let Some(id) = self.bytes[byte as usize] {
                    out.push(id, place);
                }
            }
        }
    }

    fn merge(&self, vocab: &Vocab, word: &str, span: &Range<usize>, merger: &mut Merger, out: &mut Output) {
        merger.clear();
        for (at, c) in word.char_indices() {
            let text = &word[at..at + c.len_utf8()];
            merger.push(text.len(), vocab.id(text).unwrap_or(UNKNOWN));
        }
        let text = |symbol: &Symbol| &word[symbol.start..symbol.start + symbol.len];
        merger.run(
            |left, right| {
                let end = right.start + right.len;
                if end - left.start > self.longest {
                    return None;
                }
                let id = vocab.id(&word[left.start..end])?;
                Some(Rule { priority: descending(vocab.tokens()[id as usize].score), id })
            },
            |symbols, left, _, rule| {
                let Some(merges) = &mut out.merges else { return };
                let alive = || symbols.iter().filter(|symbol| symbol.len > 0);
                merges.push(MergeStep {
                    word: span.clone(),
                    symbols: alive().map(|symbol| text(symbol).to_owned()).collect(),
                    at: alive().take_while(|symbol| symbol.start < left.start).count(),
                    reason: Reason::Score(vocab.tokens()[rule.id as usize].score),
                });
            },
        );
    }
}

/// Numbers the scores so that the highest comes first: the bits of a float, read as an integer, are in order once
/// negative ones are flipped. `+ 0.0` makes −0 and 0 equal.
fn descending(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    let ascending = if score.is_sign_negative() && bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    !ascending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_scores_is_kept() {
        let scores = [f32::INFINITY, 3.5, 1e-30, 0.0, -1e-30, -1.0, -1e9, f32::NEG_INFINITY];
        assert!(scores.map(descending).windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(descending(0.0), descending(-0.0));
    }
}
