//! Ids → text, all at once.
//!
//! [`Tokenizer::decode`] gives back what was encoded. [`Tokenizer::detokenize`] is llama.cpp's function of that name,
//! which also tidies up: it can leave BOS and EOS out, and for many BPE vocabularies it drops spaces before
//! punctuation. That comes from old English models, and it loses information.
//!
//! Source: llama.cpp `llama_vocab::impl::detokenize` (`src/llama-vocab.cpp`).

use super::{TokenId, Tokenizer};

/// How [`Tokenizer::detokenize`] treats special tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DetokenizeOptions {
    /// Leave out a leading BOS and a trailing EOS, where the model adds these.
    pub remove_special: bool,
    /// Write control tokens as text instead of hiding them.
    pub unparse_special: bool,
}

impl Tokenizer {
    /// The text of `ids`. For text that was encoded without adding special tokens this is the text again; where bytes
    /// are no UTF-8 there is U+FFFD, and ids outside the vocabulary have no text. `special` shows control tokens.
    ///
    /// SPM puts a space before the text, so one is removed from the first token (with BOS in front it remains, as in
    /// llama.cpp).
    pub fn decode(&self, ids: &[TokenId], special: bool) -> String {
        into_text(self.decode_bytes(ids, special, self.vocab.adds_space_prefix()))
    }

    /// The text of `ids` as llama.cpp's `llama_detokenize` gives it.
    pub fn detokenize(&self, ids: &[TokenId], options: DetokenizeOptions) -> String {
        let mut ids = ids;
        let mut strip_space = self.vocab.adds_space_prefix();
        if options.remove_special {
            if let ([first, rest @ ..], true) = (ids, self.vocab.adds_bos())
                && Some(*first) == self.bos()
            {
                ids = rest;
                strip_space = false;
            }
            if let ([rest @ .., last], true) = (ids, self.vocab.adds_eos())
                && Some(*last) == self.eos()
            {
                ids = rest;
            }
        }
        let mut bytes = self.decode_bytes(ids, options.unparse_special, strip_space);
        if self.vocab.clean_spaces {
            bytes = clean_spaces(&bytes);
        }
        into_text(bytes)
    }

    fn decode_bytes(&self, ids: &[TokenId], special: bool, mut strip_space: bool) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 * ids.len());
        for &id in ids {
            let piece = self.piece(id, special).unwrap_or_default();
            let strip = std::mem::take(&mut strip_space);
            bytes.extend_from_slice(piece.strip_prefix(b" ").filter(|_| strip).unwrap_or(&piece));
        }
        bytes
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Three passes, each over the result of the one before: no space before `? ! . ,`; `'` without the spaces on both
/// sides; no space before `'s 'm 're 've`. (Not before `'t 'd 'll`: so it is in llama.cpp.)
fn clean_spaces(text: &[u8]) -> Vec<u8> {
    let without = |text: &[u8], drop: &dyn Fn(&[u8], usize) -> bool| -> Vec<u8> {
        (0..text.len()).filter(|&i| !drop(text, i)).map(|i| text[i]).collect()
    };
    let text = without(text, &|text, i| text[i] == b' ' && matches!(text.get(i + 1), Some(b'?' | b'!' | b'.' | b',')));
    let text = clean_quotes(&text);
    without(&text, &|text, i| {
        text[i] == b' '
            && text.get(i + 1) == Some(&b'\'')
            && matches!((text.get(i + 2), text.get(i + 3)), (Some(b's' | b'm'), _) | (Some(b'r' | b'v'), Some(b'e')))
    })
}

/// ` ' ` → `'`, from left to right; a space that one quote has taken is not there for the next.
fn clean_quotes(text: &[u8]) -> Vec<u8> {
    let mut cleaned: Vec<u8> = Vec::with_capacity(text.len());
    let mut i = 0;
    let mut space_before = false;
    while i < text.len() {
        let quoted = text[i] == b'\'' && space_before && text.get(i + 1) == Some(&b' ');
        if quoted {
            cleaned.pop();
        }
        cleaned.push(text[i]);
        space_before = text[i] == b' ';
        i += if quoted { 2 } else { 1 };
    }
    cleaned
}
