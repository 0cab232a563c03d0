//! Vocabularies that are wrong: each mistake has its error, or is tolerated as documented.

use super::*;
use crate::gguf::{GgufError, Metadata};

fn texts<'a>(texts: &[&'a str]) -> Vec<&'a [u8]> {
    VocabParts::bytes_of(texts)
}

fn bpe<'a>() -> VocabParts<'a> {
    VocabParts { model: "gpt2", tokens: texts(&["a", "b", "ab"]), merges: Some(texts(&["a b"])), ..Default::default() }
}

fn spm<'a>() -> VocabParts<'a> {
    VocabParts { model: "llama", tokens: texts(&["<unk>", "a", "b", "ab"]), ..Default::default() }
}

fn refused(parts: &VocabParts<'_>) -> TokenizerError {
    Tokenizer::from_parts(parts).expect_err("this vocabulary should be refused")
}

#[test]
fn each_mistake_has_its_error() {
    use TokenizerError as E;
    let unknown = refused(&VocabParts { model: "bert", ..bpe() });
    assert!(matches!(&unknown, E::UnknownModel { found, .. } if found == "bert"), "{unknown}");
    let unknown = refused(&VocabParts { pre: Some("gpt-9"), ..bpe() });
    assert!(matches!(&unknown, E::UnknownPreTokenizer { found, .. } if found == "gpt-9"), "{unknown}");
    assert!(matches!(refused(&VocabParts { tokens: vec![], ..spm() }), E::VocabSize { found: 0, .. }));
    assert!(matches!(refused(&VocabParts { merges: None, ..bpe() }), E::MissingKey { .. }));
    let short = refused(&VocabParts { scores: Some(vec![0.0]), ..spm() });
    assert!(matches!(short, E::ArrayTooShort { found: 1, expected: 4, .. }), "{short}");
    let short = refused(&VocabParts { token_types: Some(vec![1; 3]), ..spm() });
    assert!(matches!(short, E::ArrayTooShort { found: 3, expected: 4, .. }), "{short}");
    let nan = refused(&VocabParts { scores: Some(vec![0.0, 0.0, f32::NAN, 0.0]), ..spm() });
    assert!(matches!(nan, E::ScoreNotANumber { id: 2 }), "{nan}");
    let double = refused(&VocabParts { tokens: texts(&["a", "b", "a"]), ..spm() });
    assert!(matches!(double, E::DuplicateToken { first: 0, second: 2, .. }), "{double}");
    for merge in ["", "a", " ", "ab", " a"] {
        let malformed = refused(&VocabParts { merges: Some(texts(&["a b", merge])), ..bpe() });
        assert!(matches!(malformed, E::MalformedMerge { index: 1, .. }), "{malformed}");
    }
    for text in ["<0x4>", "0x41", "<0xG0>", "<0x+1>", "é"] {
        let byte = refused(&VocabParts { tokens: texts(&["a", text]), token_types: Some(vec![1, 6]), ..spm() });
        assert!(matches!(byte, E::BadByteToken { id: 1, .. }), "{byte}");
    }
}

#[test]
fn what_is_odd_but_not_wrong_is_a_warning() {
    let parts = VocabParts { special: vec![(Role::Bos, 99), (Role::Eos, u32::MAX)], add_bos: Some(true), ..bpe() };
    let tokenizer = Tokenizer::from_parts(&parts).unwrap();
    // No pre-tokenizer named, two ids out of range, no BOS to add.
    assert_eq!(tokenizer.warnings().len(), 4, "{:?}", tokenizer.warnings());
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (None, None));
    assert_eq!(tokenizer.encode("ab", SPECIAL), [2]);
}

#[test]
fn empty_tokens_get_a_name_and_missing_bytes_are_left_out() {
    let tokenizer = Tokenizer::from_parts(&VocabParts { tokens: texts(&["a", ""]), ..spm() }).unwrap();
    assert_eq!(&*tokenizer.vocab().token(1).unwrap().text, "[EMPTY_1]");
    let parts = VocabParts { add_space_prefix: Some(false), ..spm() };
    assert_eq!(Tokenizer::from_parts(&parts).unwrap().encode("aZb", PLAIN), [1, 0, 2]); // Z is <unk>
    assert_eq!(Tokenizer::from_parts(&bpe()).unwrap().encode("aZb", PLAIN), [0, 1]); // Z is dropped
}

/// Rules may join what is no token: the result falls apart into its bytes again.
#[test]
fn rules_beyond_the_vocabulary() {
    let parts = VocabParts { tokens: texts(&["a", "b", "c"]), merges: Some(texts(&["a b", "ab c"])), ..bpe() };
    assert_eq!(Tokenizer::from_parts(&parts).unwrap().encode("abcab", PLAIN), [0, 1, 2, 0, 1]);
}

/// A token whose bytes are no UTF-8 is a token like the others, but no text is encoded with it. Two of them may look
/// alike, and like a token that is U+FFFD.
#[test]
fn tokens_that_are_no_text() {
    let tokens = vec![&b"a"[..], b"b", b"\xff\xfe", b"\xff\xfe", "\u{FFFD}".as_bytes(), b"z \xe2\x96", b"\xa9"];
    for (model, merges) in [("llama", None), ("gpt2", Some(vec![&b"a b"[..], b"a \xff\xfe", b"\xff b"]))] {
        for kind in [1, 3, 4] {
            let mut token_types = vec![1, 1];
            token_types.extend([kind; 5]);
            let parts = VocabParts {
                model,
                tokens: tokens.clone(),
                token_types: Some(token_types),
                merges: merges.clone(),
                add_space_prefix: Some(false),
                ..Default::default()
            };
            let tokenizer = Tokenizer::from_parts(&parts).unwrap();
            for id in [2, 3, 5, 6] {
                assert_eq!(tokenizer.piece(id, true).unwrap(), tokens[id as usize]);
                assert!(tokenizer.vocab().token(id).unwrap().text.contains('\u{FFFD}'));
            }
            assert_eq!(tokenizer.decode(&[0, 2, 1], true), "a\u{FFFD}\u{FFFD}b");
            assert_eq!(tokenizer.vocab().id("\u{FFFD}"), Some(4));
            let ids = tokenizer.encode("aé\u{FFFD}b", SPECIAL);
            assert!(ids.iter().all(|id| [0, 1, 4].contains(id)), "{ids:?}");
        }
    }
}

/// Of the text in the metadata only what names an algorithm must be UTF-8.
#[test]
fn metadata_that_is_no_text() {
    let mut metadata = Metadata::new();
    metadata.insert("general.name", crate::gguf::Value::Str(b"Phi-3 \xff")).unwrap();
    metadata.insert("tokenizer.ggml.model", "llama").unwrap();
    metadata.insert("tokenizer.ggml.tokens", &["<unk>", "<s>", "<|end|>", "a"][..]).unwrap();
    metadata.insert("tokenizer.ggml.token_type", &[2, 3, 3, 1][..]).unwrap();
    let tokenizer = Tokenizer::from_metadata(&metadata).unwrap();
    assert!(tokenizer.vocab().token(2).unwrap().attrs.any(Attrs::RSTRIP), "phi-3 is recognised by its name");
    metadata.insert("tokenizer.ggml.model", crate::gguf::Value::Str(b"llama\xff")).unwrap();
    assert!(matches!(
        Tokenizer::from_metadata(&metadata),
        Err(TokenizerError::Metadata(GgufError::ValueNotUtf8 { .. }))
    ));
}

#[test]
fn metadata_of_the_wrong_kind() {
    let mut metadata = Metadata::new();
    let error = Tokenizer::from_metadata(&metadata).unwrap_err();
    assert!(matches!(error, TokenizerError::MissingKey { key: "tokenizer.ggml.model" }));
    metadata.insert("tokenizer.ggml.model", "llama").unwrap();
    let error = Tokenizer::from_metadata(&metadata).unwrap_err();
    assert!(matches!(error, TokenizerError::MissingKey { key: "tokenizer.ggml.tokens" }));
    metadata.insert("tokenizer.ggml.tokens", 7u32).unwrap();
    let error = Tokenizer::from_metadata(&metadata).unwrap_err();
    assert!(matches!(error, TokenizerError::Metadata(GgufError::KeyType { .. })), "{error}");
}

/// Text of this form, or now and then any bytes.
fn any_bytes(form: &'static str) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => form.prop_map(String::into_bytes), 1 => prop::collection::vec(any::<u8>(), 0..4)]
}

proptest! {
    /// Whatever the arrays hold: an error, or a tokenizer that takes any text.
    #[test]
    fn anything_is_refused_or_works(
        bpe: bool,
        pre in prop::sample::select(vec!["default", "gpt-2", "llama-bpe", "gemma4", "deepseek-v3", "glm4", "?"]),
        tokens in prop::collection::vec(any_bytes("[a-c▁ĠÃ<|>]{0,4}|<0x4[0-9]>|</s>|<\\|end\\|>"), 0..12),
        token_types in prop::option::of(prop::collection::vec(-1i32..8, 0..14)),
        scores in prop::option::of(prop::collection::vec(any::<f32>(), 0..14)),
        merges in prop::option::of(prop::collection::vec(any_bytes("[a-cĠ▁]{0,2} [a-c]{0,2}|[a-c ]{0,4}"), 0..8)),
        special in prop::collection::vec((prop::sample::select(vec![Role::Bos, Role::Eos, Role::Unk, Role::Eot]), 0u32..20), 0..4),
        flags in any::<[Option<bool>; 3]>(),
        text in "[a-c▁ <|>é\n]{0,20}|</s>|.{0,10}",
    ) {
        let parts = VocabParts {
            model: if bpe { "gpt2" } else { "llama" },
            pre: Some(pre),
            model_name: Some("phi-3".into()),
            tokens: tokens.iter().map(Vec::as_slice).collect(),
            scores,
            token_types,
            merges: merges.as_ref().map(|merges| merges.iter().map(Vec::as_slice).collect()),
            special,
            add_bos: flags[0],
            add_eos: flags[1],
            add_space_prefix: flags[2],
        };
        if let Ok(tokenizer) = Tokenizer::from_parts(&parts) {
            for options in [PLAIN, SPECIAL] {
                let encoding = tokenizer.encode_traced(&text, options);
                prop_assert_eq!(&encoding.ids, &tokenizer.encode(&text, options));
                prop_assert!(encoding.ids.iter().all(|&id| (id as usize) < tokenizer.n_vocab()));
                prop_assert!(encoding.spans.iter().all(|span| span.start <= span.end && span.end <= text.len()));
                tokenizer.decode(&encoding.ids, true);
                tokenizer.detokenize(&encoding.ids, DetokenizeOptions { remove_special: true, unparse_special: false });
            }
        }
    }
}
