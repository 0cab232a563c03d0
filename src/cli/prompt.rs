//! The text that a model continues, as tokens.

use super::output::note;
use crate::tokenizer::{EncodeOptions, TokenId, Tokenizer};

/// The tokens of a prompt: BOS first if the model asks for it, never EOS. A doubled BOS is announced.
pub(super) fn encode(tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    let ids = tokenizer.encode(text, EncodeOptions::PROMPT);
    announce_doubled_bos(tokenizer, &ids);
    ids
}

/// One line on standard error if `ids` begin with BOS twice.
pub(super) fn announce_doubled_bos(tokenizer: &Tokenizer, ids: &[TokenId]) {
    if !tokenizer.has_doubled_bos(ids) {
        return;
    }
    let bos = tokenizer.bos().and_then(|id| tokenizer.vocab().token(id)).map_or("", |token| &token.text);
    note(format_args!(
        "warning: the prompt begins with BOS twice ('{bos}'): models are not trained on that; leave one of them out of the text"
    ));
}
