//! Laws of the vocabulary, through the tokenizer that models are run with.

use cutaway::tokenizer::EncodeOptions;
use cutaway_train::language::{Corpus, Split};
use cutaway_train::vocabulary::{BOS, EOS, IM_END, IM_START, SIZE, Vocabulary, train};
use proptest::prelude::*;

#[test]
fn training_again_gives_the_committed_file() {
    assert_eq!(train::vocabulary().to_text(), include_str!("../vocabulary.txt"));
    assert_eq!(train::vocabulary(), Vocabulary::committed());
}

#[test]
fn ids_are_as_documented() {
    let tokenizer = Vocabulary::committed().tokenizer().unwrap();
    assert_eq!(tokenizer.n_vocab(), SIZE);
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(BOS), Some(EOS)));
    assert!(tokenizer.is_eog(EOS) && tokenizer.is_eog(IM_END) && !tokenizer.is_eog(IM_START));
    assert_eq!(tokenizer.warnings(), [""; 0]);
    let options = EncodeOptions::COMPLETE;
    let ids = tokenizer.encode("<|im_start|>a<|im_end|>", options);
    assert_eq!((ids[0], ids[1], ids[3]), (BOS, IM_START, IM_END));
}

#[test]
fn the_corpus_is_cut_into_few_tokens_and_comes_back() {
    let tokenizer = Vocabulary::committed().tokenizer().unwrap();
    let options = EncodeOptions { add_bos: false, ..EncodeOptions::PROMPT };
    let (mut bytes, mut tokens) = (0, 0);
    for document in Corpus::new(3, Split::HeldOut).take(2000) {
        let ids = tokenizer.encode(&document.text, options);
        assert_eq!(tokenizer.decode(&ids, true), document.text);
        bytes += document.text.len();
        tokens += ids.len();
    }
    let rate = bytes as f64 / tokens as f64;
    // One token a word would be 4.2: with 1,024 pieces, a rare word takes two or three.
    assert!(rate > 2.7, "{rate} bytes a token");
}

proptest! {
    #[test]
    fn any_text_comes_back(text in "\\PC*|[a-z ▁\n\t]*|.*") {
        prop_assume!(!text.contains('▁')); // stands for a space in every SentencePiece vocabulary
        let tokenizer = Vocabulary::committed().tokenizer().unwrap();
        let ids = tokenizer.encode(&text, EncodeOptions::default());
        prop_assert_eq!(tokenizer.decode(&ids, true), text);
    }
}
