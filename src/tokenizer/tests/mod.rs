//! Laws and examples on small vocabularies made here: nothing needs a file.

mod growth;
mod hostile;
mod prompts;
mod reference;
mod special;

use super::*;
use proptest::prelude::*;

const PLAIN: EncodeOptions = EncodeOptions { add_bos: false, add_eos: false, parse_special: false };
const SPECIAL: EncodeOptions = EncodeOptions::COMPLETE;

fn alphabet() -> Vec<String> {
    (0..=255).map(|byte| bytes::stand_in(byte).to_string()).collect()
}

/// Byte-level BPE: 256 bytes (0–255), five merges (256–260) and `<|end|>` (261), which is BOS and EOS.
pub(super) fn tiny_bpe() -> Tokenizer {
    let alphabet = alphabet();
    let words = ["he", "ll", "hell", "hello", "Ġhello", "<|end|>"];
    let tokens: Vec<&str> = alphabet.iter().map(String::as_str).chain(words).collect();
    let parts = VocabParts {
        model: "gpt2",
        pre: Some("gpt-2"),
        tokens: VocabParts::bytes_of(&tokens),
        token_types: Some([vec![1; 261], vec![3]].concat()),
        merges: Some(VocabParts::bytes_of(&["h e", "l l", "he ll", "hell o", "Ġ hello"])),
        special: vec![(Role::Bos, 261), (Role::Eos, 261)],
        ..Default::default()
    };
    Tokenizer::from_parts(&parts).unwrap()
}

/// SPM: `<unk>`, `<s>`, `</s>` (0–2), bytes (3–258), then letters and words; `>▁<` crosses the beginning of a word.
fn tiny_spm(add_space_prefix: bool) -> Tokenizer {
    let bytes: Vec<String> = (0..=255).map(vocab::byte_token).collect();
    let words = ["▁", "a", "b", "ab", "▁a", "▁ab", "ba", "▁▁", "▁▁▁▁", ">", "<", ">▁", ">▁<", "é", "aa"];
    let scores = [-5.0, -5.0, -5.0, -2.0, -1.0, -0.5, -3.0, -1.5, -1.2, -9.0, -9.0, -0.3, -0.1, -4.0, -2.5];
    let tokens: Vec<&str> =
        ["<unk>", "<s>", "</s>"].into_iter().chain(bytes.iter().map(String::as_str)).chain(words).collect();
    let parts = VocabParts {
        model: "llama",
        tokens: VocabParts::bytes_of(&tokens),
        scores: Some([vec![0.0; 259], scores.to_vec()].concat()),
        token_types: Some([vec![2, 3, 3], vec![6; 256], vec![1; words.len()]].concat()),
        add_space_prefix: Some(add_space_prefix),
        ..Default::default()
    };
    Tokenizer::from_parts(&parts).unwrap()
}

fn pieces(tokenizer: &Tokenizer, ids: &[TokenId]) -> Vec<String> {
    ids.iter().map(|&id| tokenizer.vocab().token(id).unwrap().text.to_string()).collect()
}

#[test]
fn bpe_merges_by_rank_inside_words() {
    let tokenizer = tiny_bpe();
    let ids = tokenizer.encode("hello hello hellhe", PLAIN);
    assert_eq!(pieces(&tokenizer, &ids), ["hello", "Ġhello", "Ġ", "hell", "he"]);
    assert_eq!(tokenizer.decode(&ids, false), "hello hello hellhe");
}

#[test]
fn spm_merges_by_score() {
    let tokenizer = tiny_spm(true);
    // "▁ab": ▁a scores higher than ab, then ▁ab.
    assert_eq!(pieces(&tokenizer, &tokenizer.encode("ab", PLAIN)), ["▁ab"]);
    assert_eq!(pieces(&tokenizer, &tokenizer.encode("bab", PLAIN)), ["▁", "b", "ab"]);
    assert_eq!(pieces(&tokenizer, &tokenizer.encode("é語", PLAIN)), ["▁", "é", "<0xE8>", "<0xAA>", "<0x9E>"]);
    // A word whose beginning can be joined with what it follows is not cut off.
    assert_eq!(pieces(&tokenizer, &tokenizer.encode("a> <a", PLAIN)), ["▁a", ">▁<", "a"]);
}

#[test]
fn special_tokens_on_request() {
    let tokenizer = tiny_spm(true);
    assert_eq!(pieces(&tokenizer, &tokenizer.encode("a</s>a", SPECIAL)), ["<s>", "▁a", "</s>", "▁a"]);
    assert!(!tokenizer.encode("a</s>a", PLAIN).contains(&2));
    assert_eq!(tokenizer.encode("", SPECIAL), [1]);
    assert!(tokenizer.encode("", PLAIN).is_empty());
    assert!(tokenizer.is_eog(2) && !tokenizer.is_eog(1));
    assert_eq!(tokenizer.decode(&[1, 260, 2], true), "<s>a</s>");
    assert_eq!(tokenizer.decode(&[1, 260, 2], false), "a");
}

#[test]
fn detokenizing_tidies_up_as_llama_cpp_does() {
    let tokenizer = tiny_bpe(); // gpt-2 cleans spaces
    let tidy = |text: &str| tokenizer.detokenize(&tokenizer.encode(text, PLAIN), DetokenizeOptions::default());
    assert_eq!(tidy("Hi , you ! ?.  ."), "Hi, you!?. .");
    assert_eq!(tidy("a ' b ' c"), "a'b'c");
    assert_eq!(tidy("a ' ' b"), "a'' b");
    assert_eq!(tidy("it 's we 're I 'm they 've don 't he 'd she 'll"), "it's we're I'm they've don 't he 'd she 'll");
    let ids = [&[261], &*tokenizer.encode("hello", PLAIN), &[261]].concat();
    let unparse = DetokenizeOptions { unparse_special: true, ..Default::default() };
    assert_eq!(tokenizer.detokenize(&ids, unparse), "<|end|>hello<|end|>");
}

#[test]
fn traces_show_every_merge() {
    let encoding = tiny_bpe().encode_traced("x hello", PLAIN);
    let rows: Vec<_> = encoding.replay(9).map(|step| (step.symbols.join(" "), step.at, step.reason)).collect();
    let expected =
        [("Ġ h e l l o", 1, 0), ("Ġ he l l o", 2, 1), ("Ġ he ll o", 1, 2), ("Ġ hell o", 1, 3), ("Ġ hello", 0, 4)];
    assert_eq!(rows, expected.map(|(symbols, at, rank)| (symbols.to_owned(), at, Reason::Rank(rank))));
    assert!(encoding.merges.iter().all(|step| encoding.words[step.word].span == (1..7)));
    assert_eq!(encoding.spans, [0..1, 1..7]);

    let encoding = tiny_spm(true).encode_traced("ab", PLAIN);
    let first = encoding.replay(9).next().unwrap();
    assert_eq!(first.symbols, ["▁", "a", "b"]);
    assert_eq!((first.at, first.reason), (0, Reason::Score(-1.0)));
    assert_eq!((encoding.spans.len(), &encoding.spans[0]), (1, &(0..2)));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ab >< ▁é\n]{0,40}", "(hello|he|ll| hell|o|<\\|end\\|>|</s>|<s>| |\n){0,20}",]
}

proptest! {
    /// Byte-level BPE loses nothing, and its spans tile the text.
    #[test]
    fn bpe_round_trip(text in any_text()) {
        let tokenizer = tiny_bpe();
        let encoding = tokenizer.encode_with_spans(&text, PLAIN);
        prop_assert_eq!(tokenizer.decode(&encoding.ids, true), text.as_str());
        let mut at = 0;
        for (id, span) in encoding.ids.iter().zip(encoding.spans) {
            prop_assert_eq!(span.start, at);
            prop_assert_eq!(&text.as_bytes()[span.clone()], &*tokenizer.piece(*id, true).unwrap());
            at = span.end;
        }
        prop_assert_eq!(at, text.len());
    }

    /// SPM with byte tokens loses nothing but the difference between ▁ and a space.
    #[test]
    fn spm_round_trip(text in any_text(), add_space_prefix: bool) {
        let tokenizer = tiny_spm(add_space_prefix);
        let encoding = tokenizer.encode_with_spans(&text, PLAIN);
        prop_assert_eq!(tokenizer.decode(&encoding.ids, true), text.replace('▁', " "));
        prop_assert!(encoding.spans.windows(2).all(|pair| pair[0].end == pair[1].start));
        prop_assert_eq!(encoding.spans.last().map_or(0, |span| span.end), text.len());
    }

    /// Cutting at words and the word cache change nothing: the trace runs without cache, `slow` without cutting.
    #[test]
    fn fast_paths_are_exact(text in any_text()) {
        for tokenizer in [tiny_bpe(), tiny_spm(true), tiny_spm(false)] {
            for options in [PLAIN, SPECIAL] {
                let twice = format!("{text} {text}");
                prop_assert_eq!(tokenizer.encode(&twice, options), tokenizer.encode_traced(&twice, options).ids);
            }
        }
        let mut slow = tiny_spm(true);
        let Merging::Spm(spm) = &mut slow.algorithm else { unreachable!() };
        spm.never_cut();
        prop_assert_eq!(tiny_spm(true).encode(&text, PLAIN), slow.encode(&text, PLAIN));
    }

    /// A stream of tokens is the whole text, and what it shows is never half a character of valid text.
    #[test]
    fn streaming_is_decoding(text in any_text()) {
        for tokenizer in [tiny_bpe(), tiny_spm(true)] {
            let ids = tokenizer.encode(&text, PLAIN);
            let mut stream = tokenizer.stream().show_special(true).from_start();
            let shown: Vec<String> = ids.iter().map(|&id| stream.push(id)).collect();
            let broken = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
            prop_assert!(broken(&text) || !broken(&shown.concat()));
            prop_assert_eq!(shown.concat() + &stream.finish(), tokenizer.decode(&ids, true));
        }
    }

    /// Any ids at all decode to something.
    #[test]
    fn any_ids_decode(ids in prop::collection::vec(prop_oneof![0u32..280, any::<u32>()], 0..20)) {
        for tokenizer in [tiny_bpe(), tiny_spm(true)] {
            let mut stream = tokenizer.stream().from_start();
            let streamed: String = ids.iter().map(|&id| stream.push(id)).collect();
            prop_assert_eq!(streamed + &stream.finish(), tokenizer.decode(&ids, false));
        }
    }
}
