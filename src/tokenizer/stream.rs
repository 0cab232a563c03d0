//! Decoding while tokens arrive, without ever showing half a character.
//!
//! A token is a run of bytes, and a character such as é, 語 or 🦀 may be spread over several of them. The decoder
//! holds back the bytes of a character until it is whole; bytes that can no longer become one turn into U+FFFD, in
//! exactly the places where decoding everything at once would put it.

use std::sync::Arc;

use super::TokenId;
use super::vocab::Vocab;

/// RopeTable token ids into text, one at a time. Made by [`Tokenizer::stream`](super::Tokenizer::stream).
#[derive(Clone, Debug)]
pub struct StreamDecoder {
    vocab: Arc<Vocab>,
    /// Bytes of a character that is not whole yet; at most three.
    pending: Vec<u8>,
    special: bool,
    strip_space: bool,
}

impl StreamDecoder {
    pub(super) fn new(vocab: Arc<Vocab>) -> Self {
        Self { vocab, pending: Vec::new(), special: false, strip_space: false }
    }

    /// Whether control tokens are shown (by default they are not).
    pub fn show_special(mut self, show: bool) -> Self {
        self.special = show;
        self
    }

    /// The text begins here, it is not continued: the space that SPM puts before a text is taken away again.
    pub fn from_start(mut self) -> Self {
        self.strip_space = self.vocab.adds_space_prefix();
        self
    }

    /// The characters that `id` completes; often none, sometimes several. Unknown ids have no text.
    pub fn push(&mut self, id: TokenId) -> String {
        let piece = self.vocab.piece(id, self.special).unwrap_or_default();
        let strip = std::mem::take(&mut self.strip_space);
        self.push_bytes(piece.strip_prefix(b" ").filter(|_| strip).unwrap_or(&piece))
    }

    /// What remains when no more tokens come: a character that was never finished is U+FFFD.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let whole = self.pending.len() - unfinished(&self.pending);
        let text = String::from_utf8_lossy(&self.pending[..whole]).into_owned();
        self.pending.drain(..whole);
        text
    }
}

/// How many bytes at the end are the beginning of a character that more bytes may complete.
fn unfinished(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        // An invalid tail of a chunk is either invalid for good or cut off. Only a tail that is cut off becomes
        // valid by appending continuation bytes; the first byte of those decides (E0 A0.., ED 80.., F0 90.., F4 80..).
        Some(chunk) if may_be_completed(chunk.invalid()) => chunk.invalid().len(),
        _ => 0,
    }
}

fn may_be_completed(tail: &[u8]) -> bool {
    // `from_utf8` distinguishes "unexpected end" (no error length) from "never valid".
    !tail.is_empty() && std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn decode_in_pieces(pieces: &[Vec<u8>]) -> (Vec<String>, String) {
        let vocab = crate::tokenizer::tests::tiny_bpe();
        let mut stream = vocab.stream();
        let shown = pieces.iter().map(|piece| stream.push_bytes(piece)).collect();
        (shown, stream.finish())
    }

    proptest! {
        /// Whatever the bytes and however they are split: the parts add up to decoding all at once.
        #[test]
        fn any_split_is_the_whole(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..12)) {
            let (shown, rest) = decode_in_pieces(&pieces);
            let whole = pieces.concat();
            prop_assert_eq!(shown.concat() + &rest, String::from_utf8_lossy(&whole));
        }

        /// Valid text split anywhere never shows a replacement character.
        #[test]
        fn whole_characters_only(text in "[a-zé語🦀👩‍🚀]{0,12}", size in 1usize..4) {
            let pieces: Vec<_> = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
            let (shown, rest) = decode_in_pieces(&pieces);
            prop_assert!(!shown.concat().contains(char::REPLACEMENT_CHARACTER));
            prop_assert_eq!(rest, "");
            prop_assert_eq!(shown.concat(), text);
        }
    }
}
