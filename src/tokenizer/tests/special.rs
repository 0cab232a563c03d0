//! Special tokens in text: the fast partition against llama.cpp's rule written down literally.

use super::super::special::{Fragment, SpecialTokens};
use super::*;

/// Control (3) and user-defined (4) tokens that overlap in every way.
const TOKENS: [(&str, i32); 10] = [
    ("x", 1),
    ("\n", 4),
    ("\n\n", 4),
    ("\n\n\n", 4),
    ("ab", 3),
    ("abc", 4),
    ("bcd", 3),
    ("cdab", 4),
    ("<|e|>", 3),
    ("b", 4),
];

fn vocab(model_name: Option<&str>) -> Vocab {
    let parts = VocabParts {
        model: "llama",
        model_name: model_name.map(Into::into),
        tokens: TOKENS.iter().map(|&(text, _)| text.as_bytes()).collect(),
        token_types: Some(TOKENS.iter().map(|&(_, kind)| kind).collect()),
        ..Default::default()
    };
    Vocab::new(&parts).unwrap().0
}

fn special(vocab: &Vocab) -> SpecialTokens {
    SpecialTokens::new(vocab, Arc::new(finder(vocab)))
}

/// The rule: for each token, longest first, from left to right through all text that is left.
fn partition_literally(vocab: &Vocab, text: &str, parse_special: bool) -> Vec<Fragment> {
    let mut order: Vec<TokenId> = (0..vocab.tokens().len() as TokenId).collect();
    order.sort_by_key(|&id| std::cmp::Reverse(vocab.tokens()[id as usize].text.len()));
    let mut fragments = vec![Fragment::Text(0..text.len())];
    for id in order {
        let Token { text: needle, attrs, .. } = &vocab.tokens()[id as usize];
        if attrs.any(Attrs::NORMAL) || (attrs.any(Attrs::CONTROL) && !parse_special) {
            continue;
        }
        let mut cut = Vec::new();
        for fragment in fragments {
            let Fragment::Text(span) = fragment else {
                cut.push(fragment);
                continue;
            };
            let mut rest = span;
            while let Some(found) = text[rest.clone()].find(&**needle) {
                let start = rest.start + found;
                cut.push(Fragment::Text(rest.start..start));
                cut.push(Fragment::Token(id, start..start + needle.len()));
                rest.start = start + needle.len();
                if attrs.any(Attrs::RSTRIP) {
                    let blank = |c: char| matches!(c, '\t'..='\r' | ' ');
                    rest.start = rest.end - text[rest.clone()].trim_start_matches(blank).len();
                }
            }
            cut.push(Fragment::Text(rest));
        }
        fragments = cut;
    }
    fragments.retain(|fragment| !matches!(fragment, Fragment::Text(span) if span.is_empty()));
    fragments
}

proptest! {
    #[test]
    fn the_trie_follows_the_rule(text in "[abcd\n x]{0,30}|((ab|cd|bcd|<\\|e\\|>|\n| ){0,20})", parse_special: bool) {
        for name in [None, Some("Phi-3 mini")] {
            let vocab = vocab(name);
            let fast = special(&vocab).partition(&text, parse_special);
            prop_assert_eq!(fast, partition_literally(&vocab, &text, parse_special));
        }
    }
}

#[test]
fn the_longest_wins_even_if_it_begins_later() {
    let fragments = special(&vocab(None)).partition("abcdab", true);
    // "cdab" (4) goes first; "ab" remains; not "abc" or "bcd".
    assert_eq!(fragments, [Fragment::Token(4, 0..2), Fragment::Token(7, 2..6)]);
}

#[test]
fn phi3_swallows_what_follows() {
    let fragments = special(&vocab(Some("phi3"))).partition("ab  \n x", true);
    // The newline is a token of its own, but a longer token has swallowed it.
    assert_eq!(fragments, [Fragment::Token(4, 0..2), Fragment::Text(6..7)]);
}
