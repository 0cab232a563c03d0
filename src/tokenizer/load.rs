//! From a file's metadata to a checked vocabulary.
//!
//! [`VocabParts`] holds the metadata as plain Rust values, so that a vocabulary can also be built by hand (tests and
//! lessons do). [`Vocab::new`] checks them: after that, encoding cannot fail. Where llama.cpp warns there is a warning,
//! where it aborts there is an error.
//!
//! Texts of tokens and rules are bytes: GGUF asks for UTF-8, but llama.cpp does not check it. A token that is no UTF-8
//! is loaded; no text can contain it.
//!
//! Source: llama.cpp `llama_vocab::impl::load` (`src/llama-vocab.cpp`), keys in `src/llama-arch.cpp`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::error::excerpt;
use super::pretokenize::PreTokenizer;
use super::vocab::{Algorithm, Attrs, Role, Token, Vocab, byte_value};
use super::{TokenId, TokenizerError, eog};
use crate::gguf::{Metadata, Value, ValueType};

const MODEL: &str = "tokenizer.ggml.model";
const TOKENS: &str = "tokenizer.ggml.tokens";
const SCORES: &str = "tokenizer.ggml.scores";
const TOKEN_TYPE: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";

/// The keys that assign special roles. A later key wins; the last three are deprecated names.
const ROLE_KEYS: &[(&str, Role)] = &[
    ("tokenizer.ggml.bos_token_id", Role::Bos),
    ("tokenizer.ggml.eos_token_id", Role::Eos),
    ("tokenizer.ggml.eot_token_id", Role::Eot),
    ("tokenizer.ggml.eom_token_id", Role::Eom),
    ("tokenizer.ggml.unknown_token_id", Role::Unk),
    ("tokenizer.ggml.seperator_token_id", Role::Sep), // sic
    ("tokenizer.ggml.padding_token_id", Role::Pad),
    ("tokenizer.ggml.mask_token_id", Role::Mask),
    ("tokenizer.ggml.fim_pre_token_id", Role::FimPre),
    ("tokenizer.ggml.fim_suf_token_id", Role::FimSuf),
    ("tokenizer.ggml.fim_mid_token_id", Role::FimMid),
    ("tokenizer.ggml.fim_pad_token_id", Role::FimPad),
    ("tokenizer.ggml.fim_rep_token_id", Role::FimRep),
    ("tokenizer.ggml.fim_sep_token_id", Role::FimSep),
    ("tokenizer.ggml.prefix_token_id", Role::FimPre),
    ("tokenizer.ggml.suffix_token_id", Role::FimSuf),
    ("tokenizer.ggml.middle_token_id", Role::FimMid),
];

/// Everything a file says about its tokenizer. Only `model` and `tokens` (and `merges` for BPE) must be filled.
#[derive(Clone, Debug, Default)]
pub struct VocabParts<'a> {
    /// `tokenizer.ggml.model`: "llama" is SPM, "gpt2" and "gemma4" are BPE.
    pub model: &'a str,
    /// `tokenizer.ggml.pre`: how BPE cuts text into words.
    pub pre: Option<&'a str>,
    /// `general.name`; llama.cpp recognises Phi-3 by it.
    pub model_name: Option<Cow<'a, str>>,
    /// The text of every token; see [`bytes_of`](Self::bytes_of).
    pub tokens: Vec<&'a [u8]>,
    /// The score of every token.
    pub scores: Option<Vec<f32>>,
    /// The type of every token: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    pub token_types: Option<Vec<i32>>,
    /// BPE's rules, most important first: two symbols separated by a space.
    pub merges: Option<Vec<&'a [u8]>>,
    /// Special ids named by the file.
    pub special: Vec<(Role, TokenId)>,
    /// `tokenizer.ggml.add_bos_token`.
    pub add_bos: Option<bool>,
    /// `tokenizer.ggml.add_eos_token`.
    pub add_eos: Option<bool>,
    /// `tokenizer.ggml.add_space_prefix`.
    pub add_space_prefix: Option<bool>,
}

impl<'a> VocabParts<'a> {
    /// Texts as [`tokens`](Self::tokens) and [`merges`](Self::merges) hold them.
    pub fn bytes_of(texts: &[&'a str]) -> Vec<&'a [u8]> {
        texts.iter().map(|text| text.as_bytes()).collect()
    }

    /// Reads the tokenizer keys of a file. Errors: a missing or ill-typed key, the name of an algorithm that is not
    /// UTF-8.
    pub fn from_metadata(metadata: &'a Metadata) -> Result<Self, TokenizerError> {
        let mut special = Vec::new();
        for &(key, role) in ROLE_KEYS {
            special.extend(metadata.u32(key)?.map(|id| (role, id)));
        }
        // Some converters stored scores as integers.
        let scores = match metadata.i32s(SCORES) {
            Ok(integers) => integers.map(|scores| scores.into_iter().map(|score| score as f32).collect()),
            Err(_) => metadata.f32s(SCORES)?,
        };
        Ok(Self {
            model: metadata.str(MODEL)?.ok_or(TokenizerError::MissingKey { key: MODEL })?,
            pre: metadata.str("tokenizer.ggml.pre")?,
            model_name: match metadata.get("general.name") {
                Some(Value::Str(name)) => Some(String::from_utf8_lossy(name)),
                _ => metadata.str("general.name")?.map(Cow::Borrowed), // absent, or an error that names both types
            },
            tokens: strings(metadata, TOKENS)?.ok_or(TokenizerError::MissingKey { key: TOKENS })?,
            scores,
            token_types: metadata.i32s(TOKEN_TYPE)?,
            merges: strings(metadata, MERGES)?,
            special,
            add_bos: metadata.bool("tokenizer.ggml.add_bos_token")?,
            add_eos: metadata.bool("tokenizer.ggml.add_eos_token")?,
            add_space_prefix: metadata.bool("tokenizer.ggml.add_space_prefix")?,
        })
    }

    /// The pre-tokenizer of a BPE vocabulary.
    pub(super) fn pre_tokenizer(&self) -> Result<&'static PreTokenizer, TokenizerError> {
        let name = match self.pre {
            _ if self.model == "gemma4" => "gemma4",
            None | Some("") => "default",
            Some(name) => name,
        };
        PreTokenizer::named(name)
    }
}

/// The strings of a key, if it is there, as the bytes that the file has.
fn strings<'a>(metadata: &'a Metadata, key: &str) -> Result<Option<Vec<&'a [u8]>>, TokenizerError> {
    match metadata.get(key) {
        Some(Value::Array(array)) if array.elem_type() == ValueType::Str => {
            let bytes = |value| if let Value::Str(bytes) = value { Some(bytes) } else { None };
            Ok(Some(array.iter().filter_map(bytes).collect()))
        }
        // No such key, or one of another type: that is an error which names both types.
        _ => Ok(metadata.strs(key)?.map(|texts| VocabParts::bytes_of(&texts))),
    }
}

impl Vocab {
    /// Checks `parts` and completes them as llama.cpp does; also returns what is odd but not wrong.
    pub(super) fn new(parts: &VocabParts<'_>) -> Result<(Self, Vec<String>), TokenizerError> {
        let algorithm = match parts.model {
            "llama" => Algorithm::Spm,
            "gpt2" | "gemma4" => Algorithm::Bpe,
            other => {
                return Err(TokenizerError::UnknownModel {
                    found: excerpt(other.as_bytes()),
                    expected: "llama, gpt2, gemma4",
                });
            }
        };
        let pre = (algorithm == Algorithm::Bpe).then(|| parts.pre_tokenizer()).transpose()?;
        let Tokens { tokens, by_text, not_utf8 } = Tokens::of(parts)?;
        let mut warnings = Vec::new();
        if pre.is_some() && parts.pre.is_none_or(str::is_empty) && parts.model == "gpt2" {
            warnings.push(
                "the file does not name its pre-tokenizer (`tokenizer.ggml.pre`): 'default' is used, and the \
                           model may be fed words it was not trained on"
                    .to_owned(),
            );
        }

        let mut vocab = Self {
            algorithm,
            pre: parts.pre.filter(|name| !name.is_empty()).unwrap_or("default").to_owned(),
            special: special_ids(parts, pre, tokens.len(), &mut warnings),
            tokens,
            by_text,
            not_utf8,
            end_of_generation: Default::default(),
            add_bos: parts.add_bos.unwrap_or(pre.is_none_or(|pre| pre.add_bos)) || pre.is_some_and(|pre| pre.gemma4),
            add_eos: parts.add_eos.unwrap_or(false),
            add_space_prefix: parts.add_space_prefix.unwrap_or(algorithm == Algorithm::Spm),
            clean_spaces: pre.is_some_and(|pre| pre.clean_spaces),
            sentence_pieces: pre.is_none_or(|pre| pre.sentence_pieces),
        };
        for (adds, role, name) in [(&mut vocab.add_bos, Role::Bos, "BOS"), (&mut vocab.add_eos, Role::Eos, "EOS")] {
            if *adds && vocab.special[role as usize].is_none() {
                warnings.push(format!("the file asks for {name} to be added, but has no such token: none is added"));
                *adds = false;
            }
        }
        eog::detect(&mut vocab);
        strip_whitespace(&mut vocab, parts.model_name.as_deref().unwrap_or_default());
        Ok((vocab, warnings))
    }
}

/// Most bytes of all texts together: the nodes of a search structure have numbers of 32 bits.
const MAX_BYTES: u64 = 1 << 31;

/// The tokens, and how to find them.
struct Tokens {
    tokens: Vec<Token>,
    by_text: HashMap<Arc<str>, TokenId>,
    not_utf8: HashMap<TokenId, Box<[u8]>>,
}

impl Tokens {
    /// Zips texts, scores and types; every text must be unique, every score comparable.
    fn of(parts: &VocabParts<'_>) -> Result<Self, TokenizerError> {
        check_sizes(parts)?;
        let n = parts.tokens.len();
        let mut all =
            Self { tokens: Vec::with_capacity(n), by_text: HashMap::with_capacity(n), not_utf8: HashMap::new() };
        for (i, &bytes) in parts.tokens.iter().enumerate() {
            let id = i as TokenId;
            let text: Arc<str> = match String::from_utf8_lossy(bytes) {
                Cow::Borrowed("") => format!("[EMPTY_{i}]").into(),
                text => text.into(),
            };
            let score = parts.scores.as_ref().map_or(0.0, |scores| scores[i]);
            let attrs = Attrs::from_token_type(parts.token_types.as_ref().map_or(1, |types| types[i]));
            if score.is_nan() {
                return Err(TokenizerError::ScoreNotANumber { id });
            }
            if attrs.any(Attrs::BYTE) && byte_value(&text).is_none() {
                return Err(TokenizerError::BadByteToken { id, text: excerpt(bytes) });
            }
            if !bytes.is_empty() && *bytes != *text.as_bytes() {
                all.not_utf8.insert(id, bytes.into()); // two of these may be equal: no text is encoded with them
            } else if let Some(first) = all.by_text.insert(Arc::clone(&text), id) {
                return Err(TokenizerError::DuplicateToken { text: excerpt(text.as_bytes()), first, second: id });
            }
            all.tokens.push(Token { text, score, attrs });
        }
        Ok(all)
    }
}

/// As many scores and types as tokens, and neither more tokens nor more bytes than numbers can name.
fn check_sizes(parts: &VocabParts<'_>) -> Result<(), TokenizerError> {
    let n = parts.tokens.len();
    let max = i32::MAX as usize; // llama.cpp's ids are i32
    if n == 0 || n > max {
        return Err(TokenizerError::VocabSize { found: n, max });
    }
    let found = parts.tokens.iter().map(|text| text.len() as u64).sum();
    if found > MAX_BYTES {
        return Err(TokenizerError::VocabBytes { found, max: MAX_BYTES });
    }
    let enough = |key, found: Option<usize>| match found {
        Some(found) if found < n => Err(TokenizerError::ArrayTooShort { key, found, expected: n }),
        _ => Ok(()),
    };
    enough(SCORES, parts.scores.as_ref().map(Vec::len))?;
    enough(TOKEN_TYPE, parts.token_types.as_ref().map(Vec::len))
}

/// The special ids: llama.cpp's defaults, then what the file says. An id outside the vocabulary is only reported.
fn special_ids(
    parts: &VocabParts<'_>,
    pre: Option<&PreTokenizer>,
    n_vocab: usize,
    warnings: &mut Vec<String>,
) -> [Option<TokenId>; Role::COUNT] {
    let mut special = [None; Role::COUNT];
    let defaults: &[(Role, TokenId)] = match pre {
        None => &[(Role::Unk, 0), (Role::Bos, 1), (Role::Eos, 2)],
        Some(_) if parts.model == "gemma4" => &[],
        Some(pre) if pre.no_bos => &[(Role::Eos, 11)],
        Some(_) => &[(Role::Bos, 11), (Role::Eos, 11)], // Falcon's, for files from before the keys existed
    };
    for &(role, id) in defaults {
        special[role as usize] = Some(id).filter(|&id| (id as usize) < n_vocab);
    }
    for &(role, id) in &parts.special {
        if (id as usize) < n_vocab {
            special[role as usize] = Some(id);
        } else {
            warnings.push(format!(
                "the file gives {role:?} the id {id}, but there are only {n_vocab} tokens: it is ignored"
            ));
        }
    }
    special
}

/// Phi-3's special tokens swallow the whitespace that follows them; llama.cpp knows the model by its name.
fn strip_whitespace(vocab: &mut Vocab, model_name: &str) {
    let name = model_name.to_ascii_lowercase();
    if !(name.contains("phi-3") || name.contains("phi3")) {
        return;
    }
    for token in &mut vocab.tokens {
        let special = token.attrs.any(Attrs::CONTROL | Attrs::USER_DEFINED | Attrs::UNKNOWN);
        let keeps = matches!(&*token.text, "<unk>" | "<s>" | "<|endoftext|>");
        if (special && !keeps) || &*token.text == "</s>" {
            token.attrs.insert(Attrs::RSTRIP);
        }
    }
}
