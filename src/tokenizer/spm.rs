//! SentencePiece: neighbours merge when their joined text is a token, the highest score first.
//!
//! Look first at [`Spm::word`]. There are no rules beside the vocabulary: the score of a token says how urgently its
//! parts want to become one. A character that is no token and never merged falls back to byte tokens `<0xXX>`.
//!
//! By definition the loop runs over a whole fragment of text, not over words. But a merge across the beginning of a word
//! makes a token with ▁ in the middle, and vocabularies have very few of these (llama's none, gemma's only `>▁</`). So
//! the text may be cut before a ▁ where no token has the character on its left before a ▁. Words are encoded one by
//! one, and each different word only once.
//!
//! Whether two neighbours are a token is a look-up of their joined text, which takes time in proportion to its length.
//! For texts longer than [`HASHED`] bytes a [`Finder`] knows the answer for every place of the word beforehand;
//! otherwise a vocabulary of long tokens could make the loop quadratic.
//!
//! Source: Kudo & Richardson 2018; llama.cpp `llm_tokenizer_spm_session` (`src/llama-vocab.cpp`). Its `resegment`
//! can re-split merged pieces; as only texts that are tokens are ever merged, that never happens.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::find::{Finder, Match};
use super::merge::{MAX_WORD, Merger, Rule, UNKNOWN};
use super::sentence::{self, Places, SPACE};
use super::trace::Reason;
use super::vocab::{Role, Vocab, byte_token};
use super::words::{Output, Session};
use super::{TokenId, steps};

/// Texts up to this many bytes are looked up by their hash. Ordinary vocabularies have no longer tokens.
pub(super) const HASHED: usize = 128;

/// Tables of one SPM vocabulary.
pub(super) struct Spm {
    /// Tokens for single bytes. Where the vocabulary has none: the unknown token, or nothing if there is none either
    /// (llama.cpp throws).
    bytes: [Option<TokenId>; 256],
    /// Bytes of the longest token: longer texts need not be looked up.
    longest: usize,
    /// Finds the tokens longer than [`HASHED`], and perhaps others.
    finder: Arc<Finder>,
    /// The characters that stand before a ▁ in some token, ascending: no cut is made behind these.
    joiners: Vec<char>,
}

impl Spm {
    /// The tables of `vocab`, whose long tokens `finder` finds.
    pub(super) fn new(vocab: &Vocab, finder: Arc<Finder>) -> Self {
        let mut bytes = [None; 256];
        for byte in 0..=255u8 {
            let as_text = || byte.is_ascii().then(|| vocab.id((byte as char).encode_utf8(&mut [0; 4]))).flatten();
            bytes[byte as usize] = vocab.id(&byte_token(byte)).or_else(as_text).or_else(|| vocab.special(Role::Unk));
        }
        let mut joiners = BTreeSet::new();
        for (text, _) in vocab.texts() {
            let pairs = text.chars().zip(text.chars().skip(1));
            joiners.extend(pairs.filter(|&(c, next)| c != SPACE && next == SPACE).map(|(c, _)| c));
        }
        let longest = vocab.texts().map(|(text, _)| text.len()).max().unwrap_or(0);
        Self { bytes, longest, finder, joiners: joiners.into_iter().collect() }
    }

    #[cfg(test)]
    pub(super) fn finder(&self) -> &Finder {
        &self.finder
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
            start += self.word_len(&session.source[span.clone()]).min(MAX_WORD);
            start = session.source.floor_char_boundary(start);
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
                out.push(symbol.id, places.next(symbol.len()));
                continue;
            }
            for byte in word[symbol.start()..symbol.end()].bytes() {
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
        // The longest token of the finder that ends at each byte.
        let ends: Vec<Match> = match word.len().min(self.longest) > HASHED {
            true => self.finder.ends(word.as_bytes()).collect(),
            false => Vec::new(),
        };
        let token = |text: Range<usize>| match text.len() {
            len if len > self.longest => None,
            len if len > HASHED => {
                let found = self.finder.within(*ends.get(text.end - 1)?, len);
                (self.finder.len(found) == len).then(|| self.finder.id(found))
            }
            len => {
                steps::add(len);
                vocab.id(&word[text])
            }
        };
        let score = |id: TokenId| vocab.tokens()[id as usize].score;
        out.begin_word(span, || word.to_owned());
        merger.run(
            |left, right| token(left.start()..right.end()).map(|id| Rule { priority: descending(score(id)), id }),
            |merge| out.note(merge, || Reason::Score(score(merge.rule.id))),
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
