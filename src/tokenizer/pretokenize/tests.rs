//! The scanners against the regular expressions they stand for.

use super::*;
use proptest::prelude::*;

/// llama.cpp lets no pattern see whitespace beyond ASCII: it becomes a vertical tab.
fn folded(text: &str) -> String {
    text.chars().map(|c| if !c.is_ascii() && c.is_whitespace() { '\u{B}' } else { c }).collect()
}

/// Cuts `pieces` (of folded text) with the regex: matches, and what lies between them.
fn split_by_regex(regex: &fancy_regex::Regex, pieces: Vec<String>) -> Vec<String> {
    let mut cut = Vec::new();
    for piece in pieces {
        let mut at = 0;
        for found in regex.find_iter(&piece).map(Result::unwrap) {
            cut.extend([&piece[at..found.start()], found.as_str()].map(str::to_owned));
            at = found.end();
        }
        cut.push(piece[at..].to_owned());
    }
    cut.retain(|piece| !piece.is_empty());
    cut
}

fn compare(pre: &PreTokenizer, regexes: &[fancy_regex::Regex], text: &str) -> Result<(), TestCaseError> {
    let mut expected = vec![folded(text)];
    for regex in regexes {
        expected = split_by_regex(regex, expected);
    }
    let mut rest = text;
    let mut scanned = Vec::new();
    for len in pre.split(text) {
        let (piece, after) = rest.split_at(len);
        scanned.push(folded(piece));
        rest = after;
    }
    prop_assert_eq!(rest, "");
    scanned.retain(|piece| !piece.is_empty());
    prop_assert_eq!(scanned, expected, "{:?} with {:?}", text, pre.names);
    Ok(())
}

/// Text in which the patterns have something to decide: their own characters, some of every class and script.
fn awkward_text() -> impl Strategy<Value = String> {
    let awkward = prop::sample::select(
        "  \n\n\r\t\u{B}\u{85}\u{A0}\u{2003}\u{3000}'''sStTrRvVeEmMlLdDabXYZ019²٣Ⅷ½äÉßıſЖяπ語ひカ한ªʰदि्ा\u{301}\u{20DD}\
         .,!?…。、;:-_()[]{}<>/\\|@#$%^&*+=~`\"“”₿€🦀👩\u{200D}🚀\u{FE0F}\u{0}\u{7F}\u{AD}\u{378}\u{E000}\u{10FFFF}"
            .chars()
            .collect::<Vec<_>>(),
    );
    let words =
        prop::sample::select(vec!["Hello", "WORLD", "don't", "I'LL", "ÀB", "123456", "   ", "\r\n", "//", "'re"]);
    let part = prop_oneof![6 => awkward.prop_map(String::from), 2 => words.prop_map(String::from)];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

#[test]
fn scanners_are_their_regexes() {
    for pre in KNOWN {
        let regexes: Vec<_> =
            pre.patterns.iter().map(|pattern| fancy_regex::Regex::new(pattern.regex).unwrap()).collect();
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(400));
        runner.run(&awkward_text(), |text| compare(pre, &regexes, &text)).unwrap();
    }
}

/// Every character is looked at a few times, however long the run it stands in: sixteen times the text takes sixteen times
/// the steps.
#[test]
fn a_long_run_takes_one_look() {
    for pre in KNOWN {
        for unit in [
            " ", "\n", "a", "A", "É", "1", "'", "!", " \n", "\n  ", "É1", "  x", "Aé", "AÉA", "'a", "\u{301}", "語",
            "。 ",
        ] {
            for end in ["", "x", "\n"] {
                let looks = |n: usize| {
                    let text = unit.repeat(n) + end;
                    let (steps, words) = steps::of(|| pre.split(&text));
                    assert_eq!(words.iter().sum::<usize>(), text.len());
                    steps
                };
                let (short, long) = (looks(100), looks(1600));
                assert!(short > 0 && long <= 17 * short, "{:?}, {unit:?}, {end:?}: {short}, {long}", pre.names);
            }
        }
    }
}

#[test]
fn unknown_names_are_told_the_known_ones() {
    let message = PreTokenizer::named("gpt-9").err().unwrap().to_string();
    assert!(message.contains("'gpt-9'") && message.contains("smollm") && message.contains("deepseek-v3"), "{message}");
}

#[test]
fn no_name_is_listed_twice() {
    let mut names: Vec<_> = KNOWN.iter().flat_map(|pre| pre.names).collect();
    let n = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), n);
}

#[test]
fn words_as_people_expect_them() {
    let split = |name: &str, text: &'static str| -> Vec<&str> {
        let mut rest = text;
        let cut = |len| {
            let (piece, after) = rest.split_at(len);
            rest = after;
            piece
        };
        PreTokenizer::named(name).unwrap().split(text).into_iter().map(cut).collect()
    };
    assert_eq!(split("gpt-2", "I'll  be 2049!\n"), ["I", "'ll", " ", " be", " 2049", "!", "\n"]);
    assert_eq!(split("llama-bpe", "I'LL be\n\n  2049!\n"), ["I", "'LL", " be", "\n\n", " ", " ", "204", "9", "!\n"]);
    assert_eq!(split("smollm", "x=42"), ["x", "=", "4", "2"]);
    assert_eq!(split("gpt-4o", "HelloWorld's"), ["Hello", "World's"]);
    assert_eq!(split("tekken", "ABCdef"), ["ABCdef"]);
}
