//! The vocabulary: 1,024 pieces that text is cut into, in the style of SentencePiece.
//!
//! | ids | pieces |
//! |---|---|
//! | 0, 1, 2 | `<unk>`, `<s>` (BOS), `</s>` (EOS) |
//! | 3, 4 | `<\|im_start\|>`, `<\|im_end\|>` (the end of a turn) |
//! | 5 … 260 | the bytes `<0x00>` … `<0xFF>`: any text can be written |
//! | 261 … | merged pieces, most important first, then single characters |
//!
//! Look first at [`Vocabulary`]; which pieces there are is found by [`train`]. Encoding is not done here: the
//! tokenizer of `cutaway` does it, from the same metadata that the model files carry ([`Vocabulary::metadata`]).

mod file;
mod metadata;
pub mod train;

pub use metadata::CHAT_TEMPLATE;

/// Number of pieces.
pub const SIZE: usize = 1024;
/// The ids with a meaning beyond text.
pub const UNK: u32 = 0;
/// The beginning of a document.
pub const BOS: u32 = 1;
/// The end of a document.
pub const EOS: u32 = 2;
/// Opens a turn of a chat.
pub const IM_START: u32 = 3;
/// Ends a turn of a chat.
pub const IM_END: u32 = 4;

/// The type of a token, with the numbers of `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// Text.
    Normal = 1,
    /// What cannot be expressed.
    Unknown = 2,
    /// Steers the model.
    Control = 3,
    /// One byte.
    Byte = 6,
}

/// Pieces with scores and types; the index is the token id.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// `("▁the", -3.0, Normal)`: the pair of neighbours whose joined text scores highest merges first.
    pub pieces: Vec<(String, f32, TokenType)>,
}

impl Vocabulary {
    /// Specials and bytes, then `merged` in the order in which they were merged, then `characters`.
    pub fn new(merged: &[String], characters: &[char]) -> Self {
        let mut pieces = vec![
            ("<unk>".to_owned(), 0.0, TokenType::Unknown),
            ("<s>".to_owned(), 0.0, TokenType::Control),
            ("</s>".to_owned(), 0.0, TokenType::Control),
            ("<|im_start|>".to_owned(), 0.0, TokenType::Control),
            ("<|im_end|>".to_owned(), 0.0, TokenType::Control),
        ];
        pieces.extend((0..=255_u8).map(|byte| (format!("<0x{byte:02X}>"), 0.0, TokenType::Byte)));
        let texts = merged.iter().cloned().chain(characters.iter().map(char::to_string));
        pieces.extend(texts.enumerate().map(|(rank, text)| (text, -(rank as f32), TokenType::Normal)));
        Self { pieces }
    }

    /// The vocabulary that is part of this repository, and of every embedded model.
    pub fn committed() -> Self {
        file::read(include_str!("../../vocabulary.txt"))
    }
}
