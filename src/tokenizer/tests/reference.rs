//! Both algorithms as one would explain them, in a few lines that are quadratic, against the fast ones: on small random
//! vocabularies and texts.

use super::*;
use std::collections::BTreeSet;

/// SPM: the pair whose joined text scores highest merges, of equal ones the leftmost, until no joined text is a token.
/// Characters that are no token become bytes.
fn spm_slowly(vocab: &Vocab, text: &str, prefix: bool) -> Vec<TokenId> {
    let mut symbols: Vec<String> = sentence::escape(text, prefix).chars().map(String::from).collect();
    loop {
        let mut best: Option<(f32, usize)> = None;
        for at in 1..symbols.len() {
            if let Some(id) = vocab.id(&format!("{}{}", symbols[at - 1], symbols[at])) {
                let score = vocab.tokens()[id as usize].score;
                if best.is_none_or(|(highest, _)| score > highest) {
                    best = Some((score, at));
                }
            }
        }
        let Some((_, at)) = best else { break };
        let right = symbols.remove(at);
        symbols[at - 1] += &right;
    }
    let bytes = |symbol: String| -> Vec<TokenId> {
        symbol.bytes().filter_map(|byte| vocab.id(&vocab::byte_token(byte)).or(vocab.special(Role::Unk))).collect()
    };
    symbols.into_iter().flat_map(|symbol| vocab.id(&symbol).map_or_else(|| bytes(symbol), |id| vec![id])).collect()
}

/// BPE inside one word: the rule with the lowest rank is applied, at its leftmost place, until no rule applies.
fn bpe_slowly(vocab: &Vocab, rules: &[(String, String)], word: &str) -> Vec<TokenId> {
    let mut symbols: Vec<String> = word.bytes().map(|byte| bytes::stand_in(byte).to_string()).collect();
    let place = |symbols: &[String]| {
        rules.iter().find_map(|(l, r)| symbols.windows(2).position(|pair| pair[0] == *l && pair[1] == *r))
    };
    while let Some(at) = place(&symbols) {
        let right = symbols.remove(at + 1);
        symbols[at] += &right;
    }
    // A symbol that is no token falls apart into its bytes.
    let letters = |symbol: &str| symbol.chars().filter_map(|c| vocab.id(&c.to_string())).collect();
    symbols.iter().flat_map(|symbol| vocab.id(symbol).map_or_else(|| letters(symbol), |id| vec![id])).collect()
}

/// `n` times `a` for a token or a text in which lengths matter.
fn repeated() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{1,4}", ("[ab]{1,2}", 1usize..140).prop_map(|(unit, n)| unit.repeat(n))]
}

proptest! {
    /// Also with tokens so long that they are not looked up by their hash.
    #[test]
    fn spm_is_its_definition(
        tokens in prop::collection::btree_map(prop_oneof![repeated(), Just("▁".to_owned()), "[ab▁é]{1,5}"], -4i8..4, 0..24),
        text in prop::collection::vec(prop_oneof![repeated(), "[ab é▁c]{0,6}"], 0..6),
        prefix: bool,
    ) {
        let scores = [0.0, 0.0, 0.0].into_iter().chain(tokens.values().map(|&score| f32::from(score)));
        let texts: Vec<&str> = ["<unk>", "<s>", "</s>"].into_iter().chain(tokens.keys().map(String::as_str)).collect();
        let parts = VocabParts {
            model: "llama",
            scores: Some(scores.collect()),
            tokens: VocabParts::bytes_of(&texts),
            add_space_prefix: Some(prefix),
            ..Default::default()
        };
        let tokenizer = Tokenizer::from_parts(&parts).unwrap();
        let text = text.concat();
        prop_assume!(!text.is_empty()); // nothing is put before no text
        prop_assert_eq!(tokenizer.encode(&text, PLAIN), spm_slowly(&tokenizer.vocab, &text, prefix));
    }

    #[test]
    fn bpe_is_its_definition(
        rules in prop::collection::vec(("[ab]{1,4}", "[ab]{1,4}"), 0..16),
        tokens in prop::collection::btree_set("[ab]{2,8}", 0..10),
        word in "[ab]{1,60}",
    ) {
        let tokens: BTreeSet<String> = tokens.into_iter().chain(["a".to_owned(), "b".to_owned()]).collect();
        let texts: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let merges: Vec<String> = rules.iter().map(|(left, right)| format!("{left} {right}")).collect();
        let merges: Vec<&str> = merges.iter().map(String::as_str).collect();
        let parts = VocabParts {
            model: "gpt2",
            pre: Some("gpt-2"),
            tokens: VocabParts::bytes_of(&texts),
            merges: Some(VocabParts::bytes_of(&merges)),
            ..Default::default()
        };
        let tokenizer = Tokenizer::from_parts(&parts).unwrap();
        prop_assert_eq!(tokenizer.encode(&word, PLAIN), bpe_slowly(&tokenizer.vocab, &rules, &word));
    }

    /// A trace, replayed, shows the merges in order; its last line joins what the tokens are.
    #[test]
    fn a_replay_is_what_happened(text in "[ab >é<]{0,30}|(hello|hell|he| ){0,8}", width in 0usize..6) {
        for tokenizer in [tiny_bpe(), tiny_spm(true)] {
            let encoding = tokenizer.encode_traced(&text, PLAIN);
            let mut words: Vec<Vec<String>> =
                encoding.words.iter().map(|word| word.text.chars().map(String::from).collect()).collect();
            prop_assert_eq!(encoding.replay(width).count(), encoding.merges.len());
            for (view, step) in encoding.replay(width).zip(&encoding.merges) {
                let word = &mut words[step.word];
                let left = word.iter().scan(0, |end, symbol| { *end += symbol.chars().count(); Some(*end) });
                let at = left.take_while(|&end| end <= step.left).count();
                let (first, last) = (at.saturating_sub(width), (at + 2 + width).min(word.len()));
                prop_assert_eq!(&view.symbols, &word[first..last].iter().map(String::as_str).collect::<Vec<_>>());
                prop_assert_eq!((view.at, view.more_before, view.more_behind), (at - first, first > 0, last < word.len()));
                let right = word.remove(at + 1);
                word[at] += &right;
            }
            let written: Vec<String> = words.concat();
            prop_assert!(pieces(&tokenizer, &encoding.ids).iter().all(|p| p.starts_with("<0x") || written.contains(p)));
        }
    }
}
