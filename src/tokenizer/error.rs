//! What can be wrong with a vocabulary or a chat template, said so that the reader knows where to look.

use super::TokenId;
use super::template_error::TemplateError;

/// Everything that this module can refuse. Encoding and decoding themselves cannot fail: all checks happen at load.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file's metadata has a tokenizer key of the wrong type.
    #[error(transparent)]
    Metadata(#[from] crate::gguf::GgufError),

    /// A key without which there is no tokenizer.
    #[error("the model file has no `{key}`, so there is no tokenizer to build")]
    MissingKey {
        /// The metadata key.
        key: &'static str,
    },

    /// `tokenizer.ggml.model` names an algorithm that is not built here.
    #[error("unknown tokenizer: `tokenizer.ggml.model` is '{found}', expected one of: {expected}")]
    UnknownModel {
        /// The value in the file, shortened.
        found: String,
        /// The values understood, comma separated.
        expected: &'static str,
    },

    /// `tokenizer.ggml.pre` names a way of cutting text into words that is not built here.
    #[error("unknown pre-tokenizer type: `tokenizer.ggml.pre` is '{found}', expected one of: {expected}")]
    UnknownPreTokenizer {
        /// The value in the file, shortened.
        found: String,
        /// The values understood, comma separated.
        expected: String,
    },

    /// A per-token array is shorter than the list of tokens.
    #[error("`{key}` has {found} entries for {expected} tokens")]
    ArrayTooShort {
        /// The metadata key.
        key: &'static str,
        /// Entries found.
        found: usize,
        /// Entries needed, one per token.
        expected: usize,
    },

    /// A vocabulary of no tokens, or of more than 32-bit ids can name.
    #[error("a vocabulary needs between 1 and {max} tokens, this one has {found}")]
    VocabSize {
        /// Tokens found.
        found: usize,
        /// The most that ids can name.
        max: usize,
    },

    /// More text than the numbers of the search structures can name.
    #[error("the texts of the vocabulary have {found} bytes together, at most {max} are supported")]
    VocabBytes {
        /// Bytes of all tokens.
        found: u64,
        /// The most that is supported.
        max: u64,
    },

    /// Two ids with one text: the text could not be encoded unambiguously.
    #[error("tokens {first} and {second} have the same text '{text}'")]
    DuplicateToken {
        /// The text, shortened.
        text: String,
        /// The lower id.
        first: TokenId,
        /// The higher id.
        second: TokenId,
    },

    /// SPM merges by score, and NaN is neither higher nor lower than any other.
    #[error("token {id} has a score that is not a number")]
    ScoreNotANumber {
        /// The token.
        id: TokenId,
    },

    /// A token of type "byte" whose text is not `<0xXX>`.
    #[error("token {id} is a byte token, but its text is '{text}' instead of '<0xXX>'")]
    BadByteToken {
        /// The token.
        id: TokenId,
        /// Its text, shortened.
        text: String,
    },

    /// A merge rule that does not name two symbols.
    #[error("merge rule {index} is '{text}', expected two symbols separated by a space")]
    MalformedMerge {
        /// Position in `tokenizer.ggml.merges`, which is also the rule's rank.
        index: usize,
        /// The rule, shortened.
        text: String,
    },

    /// The chat template is not valid Jinja, or it refused the conversation (`raise_exception`), or it takes more than
    /// it may. No `source`: the sentence is the cause's.
    #[error("chat template: {0}")]
    Template(TemplateError),
}

/// Text of a file as an error shows it: control characters escaped, bytes that are no UTF-8 replaced, and never longer
/// than a line.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const MAX: usize = 80;
    let shown = &bytes[..bytes.len().min(4 * MAX)]; // no character takes more than four bytes
    let text = String::from_utf8_lossy(shown);
    let mut excerpt: String = text.chars().take(MAX).flat_map(char::escape_debug).collect();
    if shown.len() < bytes.len() || text.chars().nth(MAX).is_some() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_harmless() {
        assert_eq!(excerpt(b"ab\x1b[31m\xff"), "ab\\u{1b}[31m\u{FFFD}");
        assert_eq!(excerpt("é".repeat(80).as_bytes()), "é".repeat(80));
        assert_eq!(excerpt("é".repeat(81).as_bytes()), "é".repeat(80) + "…");
        assert_eq!(excerpt("🦀".repeat(1_000_000).as_bytes()), "🦀".repeat(80) + "…");
    }
}
