//! The vocabulary: what each token id stands for, and which ids mean something beyond text.
//!
//! Look first at [`Vocab`] and [`Token`]. How the file's metadata becomes a vocabulary stands in
//! [`load`](super::load); finding the tokens that end a generation in [`eog`](super::eog). No text is encoded here.
//!
//! Source: llama.cpp `llama_vocab::impl` (`src/llama-vocab.cpp`).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::sentence::SPACE;
use super::{TokenId, bytes};

/// The two tokenizing algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SentencePiece-style: characters merge by score, with byte tokens for what is left (llama 2, gemma).
    Spm,
    /// Byte-pair encoding: text is cut into words, then ranked rules merge inside each (GPT-2 and most others).
    Bpe,
}

/// A set of token attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attrs(pub(super) u16);

impl Attrs {
    /// `<unk>`: stands for what the vocabulary cannot express.
    pub const UNKNOWN: Self = Self(1);
    /// Reserved, never produced.
    pub const UNUSED: Self = Self(1 << 1);
    /// Ordinary text.
    pub const NORMAL: Self = Self(1 << 2);
    /// Steers the model (`<s>`, `<|im_end|>`); hidden from the reader unless asked for.
    pub const CONTROL: Self = Self(1 << 3);
    /// Added by the model's makers as one indivisible piece of text.
    pub const USER_DEFINED: Self = Self(1 << 4);
    /// `<0xXX>`: one raw byte.
    pub const BYTE: Self = Self(1 << 5);
    /// Swallows whitespace before it when parsed from text.
    pub const LSTRIP: Self = Self(1 << 6);
    /// Swallows whitespace after it when parsed from text.
    pub const RSTRIP: Self = Self(1 << 7);

    /// The attribute for a value of `tokenizer.ggml.token_type`; undefined types have none.
    pub fn from_token_type(token_type: i32) -> Self {
        match token_type {
            1 => Self::NORMAL,
            2 => Self::UNKNOWN,
            3 => Self::CONTROL,
            4 => Self::USER_DEFINED,
            5 => Self::UNUSED,
            6 => Self::BYTE,
            _ => Self(0),
        }
    }

    /// Is any attribute of `of` set?
    pub fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    /// Adds the attributes of `other`.
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl std::ops::BitOr for Attrs {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One entry of the vocabulary.
#[derive(Clone, Debug)]
pub struct Token {
    /// The text as the file stores it: in GPT-2's byte alphabet for BPE, with ▁ for space in SPM. Where the file's bytes
    /// are no UTF-8, U+FFFD stands for them: such a token never comes out of encoding, and
    /// [`Vocab::piece`] has its bytes.
    pub text: Arc<str>,
    /// SPM: the pair whose joined text scores highest merges first. Unused by BPE.
    pub score: f32,
    /// What kind of token it is.
    pub attrs: Attrs,
}

/// The special ids a file may name. The discriminant indexes [`Vocab::special`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the metadata keys say it better
pub enum Role {
    Bos,
    Eos,
    Eot,
    Eom,
    Unk,
    Sep,
    Pad,
    Mask,
    FimPre,
    FimSuf,
    FimMid,
    FimPad,
    FimRep,
    FimSep,
}

impl Role {
    /// Number of roles.
    pub(super) const COUNT: usize = 14;
}

/// Tokens, special ids and the switches that belong to them.
#[derive(Debug)]
pub struct Vocab {
    pub(super) algorithm: Algorithm,
    pub(super) pre: String,
    pub(super) tokens: Vec<Token>,
    /// Tokens by their texts, those whose bytes are no UTF-8 left out.
    pub(super) by_text: HashMap<Arc<str>, TokenId>,
    /// The bytes of tokens that are no UTF-8.
    pub(super) not_utf8: HashMap<TokenId, Box<[u8]>>,
    pub(super) special: [Option<TokenId>; Role::COUNT],
    pub(super) end_of_generation: BTreeSet<TokenId>,
    /// Encoding starts with BOS / ends with EOS where the caller asks for special tokens.
    pub(super) add_bos: bool,
    pub(super) add_eos: bool,
    /// SPM: a space is put before text at the start and after special tokens, and taken away when decoding.
    pub(super) add_space_prefix: bool,
    /// Detokenising drops spaces before punctuation.
    pub(super) clean_spaces: bool,
    /// Token texts hold ▁ for space (SPM, and BPE of Gemma 4), not GPT-2's byte alphabet.
    pub(super) sentence_pieces: bool,
}

impl Vocab {
    /// Which algorithm the vocabulary was made for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The pre-tokenizer's name (`tokenizer.ggml.pre`); "default" if the file has none.
    pub fn pre_tokenizer(&self) -> &str {
        &self.pre
    }

    /// All tokens; the index is the id.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The token with this id.
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.get(id as usize)
    }

    /// The id of the token with exactly this stored text (`Ġhello`, `▁hello`, `<|im_end|>`).
    pub fn id(&self, text: &str) -> Option<TokenId> {
        self.by_text.get(text).copied()
    }

    /// The tokens that a text may contain, all but those whose bytes are no UTF-8: their texts, in the order of their ids.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, TokenId)> {
        let tokens = self.tokens.iter().zip(0..);
        tokens.filter(|(_, id)| !self.not_utf8.contains_key(id)).map(|(token, id)| (&*token.text, id))
    }

    /// The id that plays a special role, if there is one.
    pub fn special(&self, role: Role) -> Option<TokenId> {
        self.special[role as usize]
    }

    /// Ids that end a generation, ascending: end of sequence, of turn, of message, and their like.
    pub fn end_of_generation(&self) -> &BTreeSet<TokenId> {
        &self.end_of_generation
    }

    /// Does encoding with special tokens begin with BOS?
    pub fn adds_bos(&self) -> bool {
        self.add_bos
    }

    /// Does encoding with special tokens end with EOS?
    pub fn adds_eos(&self) -> bool {
        self.add_eos
    }

    /// Is a space put before text, and taken away when decoding? (SPM only.)
    pub fn adds_space_prefix(&self) -> bool {
        self.add_space_prefix
    }

    /// The bytes a token stands for; `None` for an id outside the vocabulary.
    ///
    /// Control and unknown tokens are empty unless `special` is set, unused and undefined ones always. The bytes of
    /// one token need not be whole UTF-8 characters. A character outside GPT-2's alphabet in a BPE token stands for
    /// itself (llama.cpp writes `[UNK_BYTE_0x…]`), and so does a byte that is no UTF-8.
    pub fn piece(&self, id: TokenId, special: bool) -> Option<Vec<u8>> {
        let token = self.token(id)?;
        let (text, attrs) = (&*token.text, token.attrs);
        let bytes = self.not_utf8.get(&id).map_or(text.as_bytes(), |bytes| bytes);
        let hidden = attrs.any(Attrs::CONTROL | Attrs::UNKNOWN);
        Some(if hidden && !special {
            Vec::new()
        } else if hidden || attrs.any(Attrs::USER_DEFINED) {
            bytes.into()
        } else if attrs.any(Attrs::NORMAL) {
            self.written(bytes)
        } else if attrs.any(Attrs::BYTE) {
            byte_value(text).into_iter().collect()
        } else {
            Vec::new()
        })
    }

    /// The bytes that the stored bytes of an ordinary token are written for.
    fn written(&self, bytes: &[u8]) -> Vec<u8> {
        let mut piece = Vec::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                match bytes::byte_of(c).filter(|_| !self.sentence_pieces) {
                    Some(byte) => piece.push(byte),
                    None if self.sentence_pieces && c == SPACE => piece.push(b' '),
                    None => piece.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            piece.extend_from_slice(chunk.invalid());
        }
        piece
    }
}

/// The byte that `<0xXX>` names.
pub(super) fn byte_value(text: &str) -> Option<u8> {
    let hex = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (hex.len() == 2 && hex.bytes().all(|b| b.is_ascii_hexdigit())).then(|| u8::from_str_radix(hex, 16).ok())?
}

/// `<0xXX>` for a byte.
pub(super) fn byte_token(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}
