//! Byte-pair encoding: begin with characters, and again and again make the most frequent pair of neighbours a piece.
//!
//! Pairs are counted inside chunks only: a word with the space before it, a run of punctuation, a single digit. So
//! no piece holds two words, or two digits, and a model sees numbers digit by digit. Look first at [`train`].
//!
//! Source: Sennrich et al. 2016; scores as in SentencePiece's BPE: minus the rank of the merge.

use std::collections::{BTreeMap, BTreeSet};

use super::{SIZE, Vocabulary};
use crate::language::{Corpus, Split};

/// How many bytes of the corpus are counted.
pub const BYTES: usize = 8_000_000;
/// The seed of that corpus.
pub const SEED: u64 = 768;

/// The vocabulary of the training corpus.
pub fn vocabulary() -> Vocabulary {
    let mut total = 0;
    let documents = Corpus::new(SEED, Split::Train).map(|document| document.text).take_while(|text| {
        total += text.len();
        total < BYTES
    });
    train(documents)
}

/// A vocabulary of [`SIZE`] pieces for these texts.
pub fn train(texts: impl Iterator<Item = String>) -> Vocabulary {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for text in texts {
        let text = text.replace("<|im_start|>", "\n").replace("<|im_end|>", "\n");
        for chunk in chunks(&text) {
            *counts.entry(chunk.replace(' ', "▁")).or_default() += 1;
        }
    }
    let characters: BTreeSet<char> = counts.keys().flat_map(|chunk| chunk.chars()).filter(|&c| c != '\n').collect();
    let mut chunks: Vec<(Vec<String>, u64)> = counts
        .into_iter()
        .filter(|(chunk, _)| !chunk.contains('\n'))
        .map(|(chunk, count)| (chunk.chars().map(String::from).collect(), count))
        .collect();

    let n_merged = SIZE - Vocabulary::new(&[], &[]).pieces.len() - characters.len();
    let mut merged: Vec<String> = Vec::new();
    while merged.len() < n_merged {
        let Some((left, right)) = most_frequent(&chunks) else { break };
        let joined = format!("{left}{right}");
        chunks.iter_mut().for_each(|(symbols, _)| merge(symbols, &left, &right, &joined));
        merged.push(joined);
    }
    Vocabulary::new(&merged, &characters.into_iter().collect::<Vec<_>>())
}

/// The pair of neighbours seen most often; of several, the first in the order of text.
fn most_frequent(chunks: &[(Vec<String>, u64)]) -> Option<(String, String)> {
    let mut pairs: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (symbols, count) in chunks {
        for pair in symbols.windows(2) {
            *pairs.entry((&pair[0], &pair[1])).or_default() += count;
        }
    }
    let best = pairs.into_iter().reduce(|best, pair| if pair.1 > best.1 { pair } else { best })?;
    Some((best.0.0.to_owned(), best.0.1.to_owned()))
}

fn merge(symbols: &mut Vec<String>, left: &str, right: &str, joined: &str) {
    let mut at = 0;
    while at + 1 < symbols.len() {
        if symbols[at] == left && symbols[at + 1] == right {
            symbols[at] = joined.to_owned();
            symbols.remove(at + 1);
        }
        at += 1;
    }
}

/// What may become one piece: letters, a single digit, or punctuation, with the space before it.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut characters = rest.char_indices();
        let (_, first) = characters.next()?;
        let mut class = Class::of(first);
        let mut end = rest.len();
        for (at, c) in characters {
            let here = Class::of(c);
            let after_space = class == Class::Space && !matches!(here, Class::Space | Class::Digit | Class::Line);
            if after_space {
                class = here;
            } else if here != class || matches!(here, Class::Digit | Class::Line | Class::Space) {
                end = at;
                break;
            }
        }
        let (chunk, after) = rest.split_at(end);
        rest = after;
        Some(chunk)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Space,
    Line,
    Mark,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            ' ' => Self::Space,
            '\n' => Self::Line,
            _ if c.is_ascii_digit() => Self::Digit,
            _ if c.is_alphabetic() => Self::Letter,
            _ => Self::Mark,
        }
    }
}
