//! Finding the tokens that end a generation, when the file does not say.
//!
//! A file names its EOS token, but chat models end their turns with others, and many files do not name those. So
//! llama.cpp recognises them by text; the same lists stand here. What is recognised becomes a control token.
//!
//! One deliberate difference: where several candidates could play one role, llama.cpp takes whichever its hash map
//! yields first; here the first in the list wins. The set of ending tokens is the same.
//!
//! Source: llama.cpp `llama_vocab::impl::load`, "auto-detect special tokens by text" (`src/llama-vocab.cpp`).

use super::TokenId;
use super::vocab::{Attrs, Role, Vocab};

/// Texts by which a role is recognised that the file does not assign.
const ROLES: &[(Role, &[&str])] = &[
    (
        Role::Eot,
        &[
            "<|eot_id|>",
            "<|im_end|>",
            "<|end|>",
            "<end_of_turn>",
            "<|endoftext|>",
            "<|end_of_text|>",
            "<EOT>",
            "_<EOT>",
            "[EOT]",
            "<｜end▁of▁sentence｜>",
            "<end_of_utterance>",
        ],
    ),
    (Role::Eom, &["<|eom_id|>"]),
    (
        Role::FimPre,
        &[
            "<|fim_prefix|>",
            "<fim-prefix>",
            "<fim_prefix>",
            "<｜fim▁begin｜>",
            "<PRE>",
            "▁<PRE>",
            "<|code_prefix|>",
            "<|prefix|>",
        ],
    ),
    (
        Role::FimSuf,
        &[
            "<|fim_suffix|>",
            "<fim-suffix>",
            "<fim_suffix>",
            "<｜fim▁hole｜>",
            "<SUF>",
            "▁<SUF>",
            "<|code_suffix|>",
            "<|suffix|>",
        ],
    ),
    (
        Role::FimMid,
        &[
            "<|fim_middle|>",
            "<fim-middle>",
            "<fim_middle>",
            "<｜fim▁end｜>",
            "<MID>",
            "▁<MID>",
            "<|code_middle|>",
            "<|middle|>",
        ],
    ),
    (Role::FimPad, &["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]),
    (Role::FimRep, &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]),
    (Role::FimSep, &["<|file_sep|>"]),
];

/// Texts that end a generation wherever they occur.
const ENDINGS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

/// gpt-oss writes its channels with these: they are shown to the user.
const ALWAYS_VISIBLE: &[&str] = &["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

/// Completes the special roles of `vocab` and collects its ending tokens.
pub(super) fn detect(vocab: &mut Vocab) {
    for &(role, texts) in ROLES {
        if vocab.special(role).is_none()
            && let Some(id) = texts.iter().find_map(|text| vocab.id(text))
        {
            vocab.special[role as usize] = Some(id);
            mark(vocab, id, Attrs::CONTROL);
        }
    }

    let mut endings: Vec<TokenId> = ENDINGS.iter().filter_map(|text| vocab.id(text)).collect();
    for &id in &endings {
        mark(vocab, id, Attrs::CONTROL);
    }
    endings.extend(
        [Role::FimPad, Role::FimRep, Role::FimSep, Role::Eos, Role::Eot, Role::Eom]
            .into_iter()
            .filter_map(|role| vocab.special(role)),
    );
    vocab.end_of_generation = endings.into_iter().collect();

    for text in ALWAYS_VISIBLE {
        become_only(vocab, text, Attrs::USER_DEFINED);
    }
    // In gpt-oss and solar-open `<|end|>` closes a message, and the turn goes on.
    let ends = |vocab: &Vocab, text: &str| vocab.id(text).is_some_and(|id| vocab.end_of_generation.contains(&id));
    let calls = ends(vocab, "<|call|>") || ends(vocab, "<|calls|>");
    if calls && (ends(vocab, "<|return|>") || ends(vocab, "<|flush|>")) && ends(vocab, "<|end|>") {
        become_only(vocab, "<|end|>", Attrs::USER_DEFINED);
        vocab.end_of_generation.remove(&vocab.by_text["<|end|>"]);
    }
    // In gemma 4 and plamo `</s>` is HTML.
    if (ends(vocab, "<|tool_response>") || ends(vocab, "<|plamo:eos|>")) && ends(vocab, "</s>") {
        become_only(vocab, "</s>", Attrs::NORMAL);
        vocab.end_of_generation.remove(&vocab.by_text["</s>"]);
    }
}

fn mark(vocab: &mut Vocab, id: TokenId, attrs: Attrs) {
    vocab.tokens[id as usize].attrs.insert(attrs);
}

fn become_only(vocab: &mut Vocab, text: &str, attrs: Attrs) {
    if let Some(id) = vocab.id(text) {
        vocab.tokens[id as usize].attrs = attrs;
    }
}
