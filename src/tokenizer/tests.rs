//! Laws and small vocabularies: nothing here needs a file.

use super::*;

/// Four merges over bytes; `<|end|>` is a control token.
pub(super) fn tiny_bpe() -> Tokenizer {
    let alphabet: Vec<String> = (0..=255).map(|byte| bytes::stand_in(byte).to_string()).collect();
    let mut tokens: Vec<&str> = alphabet.iter().map(String::as_str).collect();
    tokens.extend(["he", "ll", "hell", "hello", "Ġhello", "<|end|>"]);
    let mut token_types = vec![1; tokens.len()];
    token_types[261] = 3;
    let parts = VocabParts {
        model: "gpt2",
        pre: Some("gpt-2"),
        tokens,
        token_types: Some(token_types),
        merges: Some(vec!["h e", "l l", "he ll", "hell o", "Ġ hello"]),
        special: vec![(Role::Bos, 261), (Role::Eos, 261)],
        ..Default::default()
    };
    Tokenizer::from_parts(&parts).unwrap()
}

#[test]
fn hello() {
    let tokenizer = tiny_bpe();
    assert_eq!(tokenizer.encode("hello hello", EncodeOptions::default()), [259, 260]);
    assert_eq!(tokenizer.decode(&[259, 260], false), "hello hello");
}
