//! Text ↔ token ids.
//!
//! A model does not read text, it reads numbers that name pieces of text. The vocabulary of a model says which pieces
//! there are, and a tokenizer must cut text *exactly* as it was cut when the model was trained: with other tokens for the
//! same text the model answers worse, and no error tells so. This module does what llama.cpp does, id for id.
//!
//! The steps from text to ids and back, and where to read about each:
//!
//! | step | file |
//! |---|---|
//! | special tokens such as `<\|im_start\|>` are cut out | [`special`] |
//! | BPE: the rest is cut into words | [`pretokenize`] |
//! | neighbouring symbols merge, best pair first | **[`merge`]**, the loop; then [`bpe`] and [`spm`], what *best* means |
//! | ids become text again, never half a character | [`stream`], [`detokenize`] |
//! | a conversation becomes one text | [`chat`] |
//!
//! The vocabulary is in [`vocab`], reading and checking it in [`load`] and [`eog`], details in [`bytes`] (GPT-2's byte
//! alphabet) and [`sentence`] (▁ for space). [`find`] and [`queue`] are the data structures that keep the running time
//! near-linear, [`words`] and [`trace`] what encoding produces. Look first at [`Tokenizer::encode`].
//!
//! Neither a text nor a vocabulary can make encoding slow: the time is O(n log n) for n bytes of text, the memory is
//! proportional to text and vocabulary.
//!
//! Not here: WordPiece (BERT), Unigram (T5), RWKV; training a vocabulary.
//!
//! Unicode normalisation is not here either, and there we differ from Hugging Face on purpose: its tokenizers of Qwen 2
//! (and later) and of Cohere's Command R bring text into the form NFC first, so that `e` and a combining accent become
//! `é`. llama.cpp does not, and neither do we: text that is not in NFC gets the tokens that llama.cpp gives it.
//!
//! Source: llama.cpp `src/llama-vocab.cpp` and `src/unicode.cpp`, checked against its vocabularies with expected ids.

mod bpe;
mod bytes;
mod chat;
mod detokenize;
mod eog;
mod error;
mod find;
mod load;
mod merge;
mod pretokenize;
mod queue;
mod sentence;
mod special;
mod spm;
mod steps;
mod stream;
mod template_error;
mod trace;
mod vocab;
mod words;

use std::ops::Range;
use std::sync::Arc;

pub use chat::{ChatTemplate, Message};
pub use detokenize::DetokenizeOptions;
pub use error::TokenizerError;
pub use load::VocabParts;
pub use stream::StreamDecoder;
pub use template_error::{Place, TemplateError};
pub use trace::{MergeStep, MergeView, MergedWord, Reason};
pub use vocab::{Algorithm, Attrs, Role, Token, Vocab};

use crate::gguf::Metadata;
use bpe::Bpe;
use find::Finder;
use special::{Fragment, SpecialTokens};
use spm::Spm;
use words::{Output, Session};

/// The number of a token in its vocabulary.
pub type TokenId = u32;

/// What to do about special tokens when encoding. The default adds none and reads them as ordinary text.
///
/// BOS and EOS are separate decisions, and the model file has a say in both: it may ask for BOS (most do) and for EOS.
/// EOS says that the text is over, so text that a model shall continue must not get it. (llama.cpp's `add_special` is
/// both at once.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Begin with BOS if the model asks for it.
    pub add_bos: bool,
    /// End with EOS if the model asks for it: only for text that is complete.
    pub add_eos: bool,
    /// Read the text of control tokens (`<|im_end|>`) as these tokens. Leave it off for text from strangers: with it
    /// on, they can end their turn and speak for the model.
    pub parse_special: bool,
}

impl EncodeOptions {
    /// For text that a model shall continue: BOS if the model asks for it, never EOS, special tokens as such.
    pub const PROMPT: Self = Self { add_bos: true, add_eos: false, parse_special: true };
    /// For a text that is complete: BOS and EOS if the model asks for them, special tokens as such.
    pub const COMPLETE: Self = Self { add_bos: true, add_eos: true, parse_special: true };
}

/// A text as tokens, with where each came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoding {
    /// The tokens.
    pub ids: Vec<TokenId>,
    /// For each token the bytes of the source it stands for; empty for BOS and EOS. A span may end inside a character.
    pub spans: Vec<Range<usize>>,
    /// Every merge in the order it was made, word after word; empty unless asked for. See [`replay`](Self::replay).
    pub merges: Vec<MergeStep>,
    /// The words that the merges belong to.
    pub words: Vec<MergedWord>,
}

/// Encodes text and decodes ids, for one vocabulary. Cheap to share: everything takes `&self`.
pub struct Tokenizer {
    vocab: Arc<Vocab>,
    special: SpecialTokens,
    algorithm: Merging,
    warnings: Vec<String>,
}

enum Merging {
    Bpe(Box<Bpe>),
    Spm(Box<Spm>),
}

impl Tokenizer {
    /// The tokenizer a model file describes. Errors: see [`TokenizerError`]; afterwards nothing can fail.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, TokenizerError> {
        Self::from_parts(&VocabParts::from_metadata(metadata)?)
    }

    /// The tokenizer of a vocabulary built by hand.
    pub fn from_parts(parts: &VocabParts<'_>) -> Result<Self, TokenizerError> {
        let (vocab, warnings) = Vocab::new(parts)?;
        let finder = Arc::new(finder(&vocab));
        let algorithm = match vocab.algorithm() {
            Algorithm::Spm => Merging::Spm(Box::new(Spm::new(&vocab, Arc::clone(&finder)))),
            Algorithm::Bpe => {
                let key = "tokenizer.ggml.merges";
                let merges = parts.merges.as_ref().ok_or(TokenizerError::MissingKey { key })?;
                Merging::Bpe(Box::new(Bpe::new(&vocab, parts.pre_tokenizer()?, merges)?))
            }
        };
        Ok(Self { special: SpecialTokens::new(&vocab, finder), algorithm, warnings, vocab: Arc::new(vocab) })
    }

    /// The tokens of `text`. Takes time proportional to n log n of its length, whatever the text and the vocabulary.
    pub fn encode(&self, text: &str, options: EncodeOptions) -> Vec<TokenId> {
        self.run(text, options, Output::default()).ids
    }

    /// The tokens of `text`, and which bytes of it each stands for.
    pub fn encode_with_spans(&self, text: &str, options: EncodeOptions) -> Encoding {
        self.run(text, options, Output { spans: Some(Vec::new()), ..Output::default() }).into()
    }

    /// The same with every merge that led there.
    pub fn encode_traced(&self, text: &str, options: EncodeOptions) -> Encoding {
        let out = Output { spans: Some(Vec::new()), merges: Some(Default::default()), ..Output::default() };
        self.run(text, options, out).into()
    }

    fn run(&self, text: &str, options: EncodeOptions, out: Output) -> Output {
        let vocab = &*self.vocab;
        let mut session = Session::new(text, out);
        if let Some(bos) = self.bos().filter(|_| options.add_bos && vocab.adds_bos()) {
            session.out.push(bos, 0..0);
        }
        let mut after_special = true;
        for fragment in self.special.partition(text, options.parse_special) {
            after_special = match fragment {
                Fragment::Token(id, span) => {
                    session.out.push(id, span);
                    true
                }
                Fragment::Text(span) => {
                    match &self.algorithm {
                        Merging::Bpe(bpe) => bpe.encode(vocab, &mut session, span),
                        Merging::Spm(spm) => {
                            spm.encode(vocab, &mut session, span, vocab.adds_space_prefix() && after_special);
                        }
                    }
                    false
                }
            };
        }
        if let Some(eos) = self.eos().filter(|_| options.add_eos && vocab.adds_eos()) {
            session.out.push(eos, text.len()..text.len());
        }
        session.out
    }

    /// The bytes of one token, which need not be whole characters; `None` for an id outside the vocabulary. Control
    /// tokens are empty unless `special` is set.
    pub fn piece(&self, id: TokenId, special: bool) -> Option<Vec<u8>> {
        self.vocab.piece(id, special)
    }

    /// A decoder for tokens that arrive one by one.
    pub fn stream(&self) -> StreamDecoder {
        StreamDecoder::new(Arc::clone(&self.vocab))
    }

    /// The vocabulary.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// Number of tokens.
    pub fn n_vocab(&self) -> usize {
        self.vocab.tokens().len()
    }

    /// The token that begins a sequence.
    pub fn bos(&self) -> Option<TokenId> {
        self.vocab.special(Role::Bos)
    }

    /// The token that ends a sequence.
    pub fn eos(&self) -> Option<TokenId> {
        self.vocab.special(Role::Eos)
    }

    /// Does this token end a generation? (EOS, end of turn, end of message, …)
    pub fn is_eog(&self, id: TokenId) -> bool {
        self.vocab.end_of_generation().contains(&id)
    }

    /// The special token that `text` is, if with special tokens parsed it is exactly one token.
    pub fn special_token(&self, text: &str) -> Option<TokenId> {
        match *self.special.partition(text, true) {
            [Fragment::Token(id, _)] => Some(id),
            _ => None,
        }
    }

    /// Whether a sequence begins with BOS twice, as it happens when a text begins with the text of BOS and BOS is added
    /// too. Models are not trained on that, and most answer worse.
    pub fn has_doubled_bos(&self, ids: &[TokenId]) -> bool {
        matches!((ids, self.bos()), ([first, second, ..], Some(bos)) if [*first, *second] == [bos; 2])
    }

    /// What is odd about the vocabulary but not wrong, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// A search for the tokens that are looked for in whole texts: special ones, and long ones of SPM.
fn finder(vocab: &Vocab) -> Finder {
    let is_long = |text: &str| vocab.algorithm() == Algorithm::Spm && text.len() > spm::HASHED;
    let is_special = |id: TokenId| vocab.tokens()[id as usize].attrs.any(special::SPECIAL);
    Finder::new(vocab.texts().filter(|&(text, id)| is_special(id) || is_long(text)))
}

impl From<Output> for Encoding {
    fn from(out: Output) -> Self {
        let (merges, words) = out.merges.unwrap_or_default();
        Self { ids: out.ids, spans: out.spans.unwrap_or_default(), merges, words }
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("algorithm", &self.vocab.algorithm())
            .field("pre_tokenizer", &self.vocab.pre_tokenizer())
            .field("n_vocab", &self.n_vocab())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
