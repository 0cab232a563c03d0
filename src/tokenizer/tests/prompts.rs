//! BOS, EOS and special tokens around a text.

use super::*;

/// SPM with `<s>` 1, `</s>` 2, `<|end|>` 3, and a user-defined `[x]` 4; BOS and EOS as the file asks for them.
fn asking_for(add_bos: Option<bool>, add_eos: Option<bool>) -> Tokenizer {
    let parts = VocabParts {
        model: "llama",
        model_name: Some("phi-3".into()),
        tokens: VocabParts::bytes_of(&["<unk>", "<s>", "</s>", "<|end|>", "[x]", "▁", "a"]),
        token_types: Some(vec![2, 3, 3, 3, 4, 1, 1]),
        add_bos,
        add_eos,
        add_space_prefix: Some(false),
        ..Default::default()
    };
    Tokenizer::from_parts(&parts).unwrap()
}

/// The file decides about BOS and EOS, the caller decides too, and about each alone.
#[test]
fn bos_and_eos_are_separate_decisions() {
    for file in [(false, false), (false, true), (true, false), (true, true)] {
        let tokenizer = asking_for(Some(file.0), Some(file.1));
        for caller in [(false, false), (false, true), (true, false), (true, true)] {
            let options = EncodeOptions { add_bos: caller.0, add_eos: caller.1, parse_special: true };
            let ids = tokenizer.encode("aa", options);
            assert_eq!(ids.first() == Some(&1), file.0 && caller.0, "{file:?} {caller:?}");
            assert_eq!(ids.last() == Some(&2), file.1 && caller.1, "{file:?} {caller:?}");
            assert_eq!(ids.iter().filter(|&&id| id == 6).count(), 2);
        }
        assert_eq!(tokenizer.encode("", EncodeOptions::PROMPT).len(), usize::from(file.0));
    }
}

#[test]
fn text_to_be_continued_does_not_end() {
    for add_eos in [None, Some(false), Some(true)] {
        let tokenizer = asking_for(None, add_eos);
        assert_eq!(tokenizer.encode("a", EncodeOptions::PROMPT), [1, 6]);
        let n = 2 + usize::from(add_eos == Some(true));
        assert_eq!(tokenizer.encode("a", EncodeOptions::COMPLETE).len(), n);
    }
}

#[test]
fn a_doubled_bos_is_noticed() {
    let doubled = |add_bos, text| {
        let tokenizer = asking_for(Some(add_bos), None);
        tokenizer.has_doubled_bos(&tokenizer.encode(text, EncodeOptions::PROMPT))
    };
    assert!(doubled(true, "<s>a") && doubled(true, "<s>") && doubled(false, "<s><s>a"));
    assert!(!doubled(true, "a") && !doubled(true, "a<s><s>") && !doubled(false, "<s>a") && !doubled(true, ""));
    let mut nothing_begins = tiny_bpe();
    Arc::get_mut(&mut nothing_begins.vocab).unwrap().special[Role::Bos as usize] = None;
    assert!(!nothing_begins.has_doubled_bos(&[261, 261]));
}

#[test]
fn a_text_that_is_one_special_token() {
    let tokenizer = asking_for(None, None);
    let special = |text| tokenizer.special_token(text);
    assert_eq!((special("<|end|>"), special("</s>"), special("[x]")), (Some(3), Some(2), Some(4)));
    // In Phi-3 the white space that follows belongs to the token.
    assert_eq!(special("<|end|>\n"), Some(3));
    for text in ["", "a", "<|end|", "<|end|>a", " <|end|>", "<|end|><|end|>"] {
        assert_eq!(special(text), None, "{text:?}");
    }
}
