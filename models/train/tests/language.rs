//! Laws of the language: the same bytes everywhere, well-formed records, articles and capitals, a split that is one,
//! hardly a sentence twice.

use std::collections::HashSet;

use cutaway::tokenizer::{ChatTemplate, Message};
use cutaway_train::language::chat::Chat;
use cutaway_train::language::evaluation::evaluation;
use cutaway_train::language::statistics::Repetition;
use cutaway_train::language::{Corpus, Kind, Split, words};
use cutaway_train::vocabulary::CHAT_TEMPLATE;
use sha2::{Digest, Sha256};

const KINDS: [Kind; 8] =
    [Kind::Story, Kind::Questions, Kind::Chat, Kind::Record, Kind::Tool, Kind::SmallTalk, Kind::Numbers, Kind::List];

/// Changes when the language does; then the vocabulary and the models must be trained again.
#[test]
fn the_first_megabyte_is_pinned() {
    let text: Vec<u8> =
        Corpus::new(1, Split::Train).flat_map(|document| document.text.into_bytes()).take(1 << 20).collect();
    let hash: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "ceb5754a4f74cdcb07cb2f46cc95a5a3c8e8b05ecb19b96f14645134772cbba4");
}

#[test]
fn every_kind_is_written_without_leftovers() {
    let mut corpus = Corpus::new(5, Split::Train);
    for kind in KINDS {
        for _ in 0..1500 {
            let text = corpus.document(kind).text;
            let json = matches!(kind, Kind::Record | Kind::Tool);
            assert!(json || !text.contains(['{', '}', '[', ']']), "{text}");
            for wrong in ["(n)", "  ", " .", " ,", "=>", "||", " a a", " a e", " a i", " a o", " an b", " an s", ".."] {
                assert!(!text.contains(wrong), "{wrong:?} in {text}");
            }
            assert_eq!(text.matches("<|im_start|>").count(), text.matches("<|im_end|>").count(), "{text}");
        }
    }
}

#[test]
fn sentences_of_stories_begin_with_capitals() {
    let mut corpus = Corpus::new(6, Split::Train);
    for _ in 0..1500 {
        let text = corpus.document(Kind::Story).text;
        for sentence in text.split(". ") {
            let first = sentence.trim_start_matches('"').chars().next();
            assert!(first.is_some_and(|c| c.is_uppercase()), "{sentence:?} in {text}");
        }
        assert!(text.ends_with(['.', '!', '"']), "{text}");
    }
}

#[test]
fn records_are_json() {
    let mut corpus = Corpus::new(7, Split::Train);
    for kind in [Kind::Record, Kind::Tool] {
        for _ in 0..1000 {
            let text = corpus.document(kind).text;
            let answer = text.split("<|im_start|>assistant\n").nth(1).unwrap().split("<|im_end|>").next().unwrap();
            let value: serde_json::Value = serde_json::from_str(answer).unwrap_or_else(|e| panic!("{e}: {answer}"));
            assert!(value.is_object());
        }
    }
}

#[test]
fn a_combination_is_in_one_split_and_one_of_twenty_is_held_out() {
    let held = (0..20_000).filter(|i| {
        let words = [&*i.to_string(), "forest"];
        assert_ne!(Split::Train.admits(&words), Split::HeldOut.admits(&words));
        Split::HeldOut.admits(&words)
    });
    let held = held.count();
    assert!((900..1100).contains(&held), "{held} of 20000"); // 1000 ± 3 standard deviations of 31
}

#[test]
fn no_held_out_story_is_in_training() {
    let stories = |split| {
        let mut corpus = Corpus::new(8, split);
        (0..5000).map(|_| corpus.document(Kind::Story).text).collect::<HashSet<_>>()
    };
    assert!(stories(Split::Train).is_disjoint(&stories(Split::HeldOut)));
}

/// Who learns ten megabytes by heart has learned little: 19 of 20 sentences are new when they come.
#[test]
fn ten_megabytes_hardly_repeat_a_sentence() {
    let mut bytes = 0;
    let repetition = Repetition::of(Corpus::new(1, Split::Train).take_while(|document| {
        bytes += document.text.len();
        bytes < 10_000_000
    }));
    assert!(repetition.sentences > 100_000 && repetition.share() < 0.05, "{repetition}");
}

#[test]
fn a_word_tells_whose_it_is() {
    let looks = [words::LOOKS, words::PLACE_LOOKS, words::TOOL_LOOKS].concat();
    let all = [words::HEROES.concat(), words::FRIENDS.concat(), looks].concat();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}

#[test]
fn sums_are_right_wherever_they_stand() {
    let mut corpus = Corpus::new(10, Split::Train);
    for _ in 0..1000 {
        let text = corpus.document(Kind::Numbers).text;
        let tokens: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == ',' || c == '<').collect();
        for sum in tokens.windows(5).filter(|words| words[3] == "=") {
            let [left, right, result] = [0, 2, 4].map(|at| sum[at].parse::<i32>().unwrap());
            assert_eq!(if sum[1] == "+" { left + right } else { left - right }, result, "{text}");
        }
    }
}

#[test]
fn answers_can_be_found_in_what_was_told() {
    let evaluation = evaluation(1);
    assert_eq!((evaluation.openings.len(), evaluation.records.len()), (20, 30));
    for it in &evaluation.questions {
        assert!(!it.key.is_empty() && it.prompt.to_lowercase().contains(&it.key.to_lowercase()), "{it:?}");
    }
}

#[test]
fn the_chat_template_writes_what_the_corpus_holds() {
    let template = ChatTemplate::new(CHAT_TEMPLATE, "<s>", "</s>").unwrap();
    let messages = [Message::new("user", "Hello!"), Message::new("assistant", "Hi."), Message::new("user", "Bye.")];
    let chat = messages.iter().fold(Chat::default(), |chat, it| chat.turn(&it.role, &it.content));
    assert_eq!(template.render(&messages, true).unwrap(), chat.prompt());
}
