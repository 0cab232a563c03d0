//! The tokenizer as the metadata describe it. Read from the keys alone, so that it works for vocabularies that no
//! tokenizer here understands.

use serde::Serialize;

use crate::gguf::Metadata;

/// What the `tokenizer.*` keys say.
#[derive(Debug, Clone, Serialize)]
pub struct TokenizerReport {
    /// `tokenizer.ggml.model`: `llama` is SentencePiece, `gpt2` byte-level BPE.
    pub model: String,
    /// `tokenizer.ggml.pre`: how text is cut before merging.
    pub pre: Option<String>,
    /// Tokens in the vocabulary.
    pub n_tokens: usize,
    /// Tokens by kind: (`normal`, `control`, `byte`, …; how many). Empty if the file does not say.
    pub kinds: Vec<(&'static str, usize)>,
    /// Merge rules.
    pub n_merges: usize,
    /// Tokens with a role.
    pub specials: Vec<SpecialToken>,
    /// Whether a text begins with BOS. `None`: the file leaves it to the tokenizer's kind.
    pub add_bos: Option<bool>,
    /// Whether a text ends with EOS.
    pub add_eos: Option<bool>,
    /// Length of the chat template in characters, if there is one.
    pub chat_template_chars: Option<usize>,
}

/// A token with a role.
#[derive(Debug, Clone, Serialize)]
pub struct SpecialToken {
    /// `bos`, `eos`, …
    pub role: &'static str,
    /// The token.
    pub id: u32,
    /// Its text, if the id is in the vocabulary.
    pub text: Option<String>,
}

/// Names in `tokenizer.ggml.token_type`, from 1. Source: `enum llama_token_type`.
const KINDS: [&str; 6] = ["normal", "unknown", "control", "user-defined", "unused", "byte"];

/// (role, key).
const ROLES: [(&str, &str); 8] = [
    ("bos", "tokenizer.ggml.bos_token_id"),
    ("eos", "tokenizer.ggml.eos_token_id"),
    ("eot", "tokenizer.ggml.eot_token_id"),
    ("unk", "tokenizer.ggml.unknown_token_id"),
    ("pad", "tokenizer.ggml.padding_token_id"),
    ("sep", "tokenizer.ggml.seperator_token_id"), // sic: the key is spelt so
    ("mask", "tokenizer.ggml.mask_token_id"),
    ("eom", "tokenizer.ggml.eom_token_id"),
];

impl TokenizerReport {
    /// Reads the keys; `None` if the file has no tokenizer. A key of the wrong type counts as absent: this is a report.
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        let text = |key: &str| metadata.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let tokens = metadata.array("tokenizer.ggml.tokens").ok().flatten();
        let special = |(role, key): (&'static str, &str)| {
            let id = metadata.u32(key).ok().flatten()?;
            let text = tokens.as_ref().and_then(|tokens| Some(tokens.iter().nth(id as usize)?.to_string()));
            Some(SpecialToken { role, id, text })
        };
        Some(Self {
            model: text("tokenizer.ggml.model")?,
            pre: text("tokenizer.ggml.pre"),
            n_tokens: tokens.as_ref().map_or(0, |tokens| tokens.len()),
            kinds: kinds(metadata),
            n_merges: metadata.array("tokenizer.ggml.merges").ok().flatten().map_or(0, |merges| merges.len()),
            specials: ROLES.into_iter().filter_map(special).collect(),
            add_bos: metadata.bool("tokenizer.ggml.add_bos_token").ok().flatten(),
            add_eos: metadata.bool("tokenizer.ggml.add_eos_token").ok().flatten(),
            chat_template_chars: text("tokenizer.chat_template").map(|template| template.chars().count()),
        })
    }
}

fn kinds(metadata: &Metadata) -> Vec<(&'static str, usize)> {
    let Ok(Some(types)) = metadata.i32s("tokenizer.ggml.token_type") else { return Vec::new() };
    let count = |kind: usize| types.iter().filter(|&&ty| ty == kind as i32 + 1).count();
    KINDS.into_iter().enumerate().map(|(kind, name)| (name, count(kind))).filter(|&(_, n)| n > 0).collect()
}
