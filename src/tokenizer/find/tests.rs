//! The automaton against looking at every pattern at every place, and the law of its running time.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn finder(patterns: &[String]) -> Finder {
    Finder::new(patterns.iter().zip(0..).map(|(text, id)| (text.as_str(), id)))
}

/// The texts of `found` and of all shorter patterns that end with it.
fn chain<'a>(finder: &Finder, patterns: &'a [String], mut found: Match) -> Vec<&'a str> {
    let mut chain = Vec::new();
    while found != NOTHING {
        chain.push(patterns[finder.id(found) as usize].as_str());
        found = finder.shorter(found);
    }
    chain
}

proptest! {
    #[test]
    fn every_pattern_is_found_where_it_ends(
        patterns in prop::collection::btree_set("[abé]{1,6}", 0..20),
        text in "[abcé]{0,40}",
        limit in 0usize..8,
    ) {
        let patterns: Vec<String> = patterns.into_iter().collect();
        let finder = finder(&patterns);
        prop_assert_eq!(finder.is_empty(), patterns.is_empty());
        for (at, found) in finder.ends(text.as_bytes()).enumerate() {
            let before = &text.as_bytes()[..=at];
            let mut expected: Vec<&str> =
                patterns.iter().map(String::as_str).filter(|pattern| before.ends_with(pattern.as_bytes())).collect();
            expected.sort_by_key(|pattern| std::cmp::Reverse(pattern.len()));
            prop_assert_eq!(&chain(&finder, &patterns, found), &expected);
            expected.retain(|pattern| pattern.len() <= limit);
            prop_assert_eq!(chain(&finder, &patterns, finder.within(found, limit)), expected);
        }
    }

    #[test]
    fn patterns_come_behind_their_suffixes(patterns in prop::collection::btree_set("[ab]{1,6}", 0..20)) {
        let patterns: Vec<String> = patterns.into_iter().collect();
        let finder = finder(&patterns);
        let mut seen = BTreeSet::from([NOTHING]);
        for found in finder.by_length() {
            prop_assert!(seen.contains(&finder.shorter(found)));
            seen.insert(found);
        }
        prop_assert_eq!(seen.len(), patterns.len() + 1);
    }
}

/// Patterns that are all suffixes of each other, and a text full of them: a chain of jumps is logarithmic.
#[test]
fn long_chains_take_few_steps() {
    let patterns: Vec<String> = (1..=2000).map(|n| "a".repeat(n)).collect();
    let finder = finder(&patterns);
    let longest = finder.ends("a".repeat(5000).as_bytes()).last().unwrap();
    assert_eq!(finder.len(longest), 2000);
    for limit in 0..=2000 {
        let (steps, found) = steps::of(|| finder.within(longest, limit));
        assert_eq!(finder.len(found), limit);
        assert!(steps <= 3 * 11, "{steps} steps to {limit}");
    }
}

/// Building and searching take a few steps for each byte, also where nothing fits until the last byte.
#[test]
fn steps_are_linear_in_patterns_and_text() {
    for n in [1_000, 16_000] {
        let periodic = |end: &str| "ab".repeat(n / 2) + end;
        for patterns in [
            vec!["a".repeat(n) + "b"],
            vec![periodic("c"), periodic("d"), "b".repeat(n) + "a"],
            (0..200).map(|i| "a".repeat(n / 200) + &i.to_string()).collect(),
        ] {
            let bytes: usize = patterns.iter().map(String::len).sum();
            let (building, finder) = steps::of(|| finder(&patterns));
            assert!(building <= 4 * bytes as u64, "{building} steps for {bytes} bytes");
            for text in ["a".repeat(n), "ab".repeat(n), "aab".repeat(n)] {
                let (searching, _) = steps::of(|| finder.ends(text.as_bytes()).count());
                assert!(searching <= 2 * text.len() as u64, "{searching} steps for {} bytes", text.len());
            }
        }
    }
}

/// Nine bytes a node, and no node for a byte that two patterns share.
#[test]
fn memory_is_proportional_to_the_patterns() {
    let shared = "a".repeat(10_000);
    let patterns: Vec<String> = ["b", "c", "d", "e"].iter().map(|end| format!("{shared}{end}")).collect();
    let finder = finder(&patterns);
    assert!(finder.labels.len() <= 10_020, "{} nodes", finder.labels.len());
    assert_eq!((finder.fails.len(), finder.found.len()), (finder.labels.len(), finder.labels.len()));
    assert_eq!(finder.branches.len(), 3);
}
