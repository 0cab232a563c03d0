//! Laws of running time and memory, counted in steps: whatever the text and the vocabulary, sixteen times as much takes
//! about sixteen times as many steps. (No clock: a test machine may be slow. Steps are comparisons, transitions and
//! hashed bytes; see `steps`.)

use super::*;

/// Sixteen times the input takes at most a little more than sixteen times the steps: n log n does.
fn assert_near_linear(what: &str, steps: impl Fn(usize) -> u64) {
    let (small, large) = (steps(1), steps(16));
    assert!(small > 0, "{what}: nothing was counted");
    let growth = large as f64 / small as f64;
    assert!(growth < 16.0 * 1.8, "{what}: sixteen times as much takes {growth:.1} times the steps ({small}, {large})");
}

fn encoding(tokenizer: &Tokenizer, text: &str) -> u64 {
    steps::of(|| tokenizer.encode(text, EncodeOptions::PROMPT)).0
}

/// An SPM vocabulary of these tokens, with scores and types.
fn spm(tokens: Vec<(String, f32, i32)>) -> Tokenizer {
    let texts: Vec<&str> = tokens.iter().map(|(text, ..)| text.as_str()).collect();
    let parts = VocabParts {
        model: "llama",
        tokens: VocabParts::bytes_of(&texts),
        scores: Some(tokens.iter().map(|&(_, score, _)| score).collect()),
        token_types: Some(tokens.iter().map(|&(_, _, kind)| kind).collect()),
        add_bos: Some(false),
        ..Default::default()
    };
    Tokenizer::from_parts(&parts).unwrap()
}

/// `a`, `aa`, … up to `n` letters.
fn nested(n: usize, score: impl Fn(usize) -> f32, kind: i32) -> Vec<(String, f32, i32)> {
    (1..=n).map(|len| ("a".repeat(len), score(len), kind)).collect()
}

#[test]
fn repetitive_text() {
    for tokenizer in [tiny_bpe(), tiny_spm(true)] {
        for unit in ["a", "ab", "ba ", " ", "l", "hel", "\n", "語", "> <", "</s>", "hello"] {
            let text = |n: usize| unit.repeat(n * 1000 / unit.len());
            assert_near_linear(unit, |n| encoding(&tokenizer, &text(n)));
            let text = text(16);
            assert_eq!(tokenizer.decode(&tokenizer.encode(&text, PLAIN), true), text);
        }
    }
}

/// The case that made it quadratic: a special token that nearly fits everywhere.
#[test]
fn one_long_special_token() {
    for kind in [3, 4] {
        let tokenizer = |n: usize| {
            let tokens = [("a".repeat(n * 1000) + "b", kind), ("a".to_owned(), 1), ("c".to_owned(), 1)];
            spm(tokens.into_iter().map(|(text, kind)| (text, 0.0, kind)).collect())
        };
        assert_near_linear("building", |n| steps::of(|| tokenizer(n)).0);
        assert_near_linear("text without it", |n| encoding(&tokenizer(n), &"a".repeat(n * 1000)));
        assert_near_linear("text with it", |n| encoding(&tokenizer(n), &("a".repeat(n * 1000) + "b").repeat(2)));
        // The same with a text that does not grow, and with a vocabulary that does not.
        assert_near_linear("text alone", |n| encoding(&tokenizer(16), &"a".repeat(n * 1000)));
    }
}

/// Special tokens that are beginnings and ends of each other, and texts in which longer ones take the beginnings of
/// shorter ones. The vocabulary has n² / 2 bytes, so it grows by four where the text grows by sixteen.
#[test]
fn nested_special_tokens() {
    let tokenizer = |n: usize| {
        let k = 100 * n.isqrt();
        let long = ("a".repeat(k / 2) + &"b".repeat(k), 0.0, 3);
        let late = ("b".repeat(k) + &"a".repeat(k / 2), 0.0, 4);
        spm([nested(k, |_| 0.0, 4), vec![long, late]].concat())
    };
    assert_near_linear("building", |n| steps::of(|| tokenizer(n)).0);
    for unit in ["a", "aab", "b"] {
        assert_near_linear(unit, |n| encoding(&tokenizer(n), &unit.repeat(n * 3000)));
    }
    let blocks = |n: usize| {
        let k = 100 * n.isqrt();
        let block = "a".repeat(k) + &"b".repeat(k) + &"a".repeat(k);
        block.repeat(30 * n.isqrt())
    };
    assert_near_linear("blocks", |n| encoding(&tokenizer(n), &blocks(n)));
}

/// Many special tokens with one beginning.
#[test]
fn many_special_tokens() {
    let tokenizer = |n: usize| {
        let beginning = "<|reserved_special_token_";
        spm((0..n * 100).map(|i| (format!("{beginning}{i}|>"), 0.0, 3)).collect())
    };
    assert_near_linear("building", |n| steps::of(|| tokenizer(n)).0);
    assert_near_linear("encoding", |n| encoding(&tokenizer(n), &"<|reserved_special_token_1<|".repeat(n * 40)));
}

/// Long tokens that grow letter by letter: every look-up by text would take as long as the token.
#[test]
fn spm_merges_into_long_tokens() {
    let orders: [fn(usize) -> f32; 3] = [|len| len as f32, |len| -(len as f32), |_| 0.0];
    for score in orders {
        // 1,600 and 400 letters: both beyond the length up to which texts are hashed.
        let tokenizer = |n: usize| {
            let tail = ("a".repeat(100 * n) + "c", 9.0, 1);
            spm([nested(400 * n.isqrt(), score, 1), vec![tail, ("b".to_owned(), 0.0, 1)]].concat())
        };
        for unit in ["a", "aaaab"] {
            assert_near_linear(unit, |n| encoding(&tokenizer(n), &unit.repeat(n * 4000 / unit.len())));
        }
    }
}

/// BPE rules that build one long symbol, from the left, from the right, and by doubling.
#[test]
fn bpe_merges_into_long_symbols() {
    let by_one = |k: usize| (1..k).map(|n| ("a".repeat(n), "a".to_owned())).collect::<Vec<_>>();
    let from_right = |k: usize| (1..k).map(|n| ("a".to_owned(), "a".repeat(n))).collect::<Vec<_>>();
    let doubling = |k: usize| (0..k.ilog2()).map(|n| ("a".repeat(1 << n), "a".repeat(1 << n))).collect::<Vec<_>>();
    let families: [&dyn Fn(usize) -> Vec<(String, String)>; 3] = [&by_one, &from_right, &doubling];
    for family in families {
        for backwards in [false, true] {
            let tokenizer = |n: usize| {
                let mut rules = family(100 * n.isqrt());
                if backwards {
                    rules.reverse();
                }
                let rules: Vec<String> = rules.into_iter().map(|(left, right)| format!("{left} {right}")).collect();
                let parts = VocabParts {
                    model: "gpt2",
                    pre: Some("gpt-2"),
                    tokens: VocabParts::bytes_of(&["a", "b"]),
                    merges: Some(rules.iter().map(|rule| rule.as_bytes()).collect()),
                    ..Default::default()
                };
                Tokenizer::from_parts(&parts).unwrap()
            };
            for unit in ["a", "ab", "aaab"] {
                assert_near_linear(unit, |n| encoding(&tokenizer(n), &unit.repeat(n * 1000 / unit.len())));
            }
        }
    }
}

/// A trace takes memory in proportion to the text, and showing it too: no line is longer than its width allows.
#[test]
fn traces() {
    for tokenizer in [tiny_bpe(), tiny_spm(true)] {
        for unit in ["a", "ab", "hello", "l"] {
            let encoding = tokenizer.encode_traced(&unit.repeat(20_000), PLAIN);
            assert!(encoding.merges.len() < 20_000 * unit.len());
            let written: usize = encoding.words.iter().map(|word| word.text.len()).sum();
            assert!(written <= 3 + 20_000 * unit.len());
            assert!(encoding.replay(3).all(|view| view.symbols.len() <= 8));
        }
    }
}

/// The search for special and for long tokens takes a few bytes for each byte of theirs.
#[test]
fn memory_of_long_tokens() {
    for kind in [1, 3, 4] {
        let tokenizer = spm(vec![("a".repeat(1_000_000), 0.0, kind), ("b".to_owned(), 0.0, 1)]);
        let Merging::Spm(spm) = &tokenizer.algorithm else { unreachable!() };
        assert!(spm.finder().memory() < 9_100_000, "{} bytes", spm.finder().memory());
        assert!(std::ptr::eq(spm.finder(), tokenizer.special.finder()), "both searches share their memory");
    }
}

/// A long ordinary token is no special token, also where it ends with one.
#[test]
fn long_tokens_are_not_special() {
    let long = "a".repeat(200) + "[x]";
    let tokenizer = spm(vec![(long.clone(), 0.0, 1), ("[x]".to_owned(), 0.0, 4), ("a".to_owned(), 0.0, 1)]);
    let ids = tokenizer.encode(&long, PLAIN);
    // The three bytes of ▁ have no tokens; then come the letters, and the special token at the end.
    assert_eq!((ids[3..].len(), &ids[3..5], ids.last()), (201, &[2, 2][..], Some(&1)));
}
