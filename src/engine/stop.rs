//! Where a generation stops: [`StopMatcher`] cuts a stream of text at the first stop sequence, [`stop_tokens`]
//! finds the stop sequences that are special tokens.
//!
//! A stop sequence may arrive in pieces (`</`, `div>`), so text that could still become one is held back until the
//! next piece decides. What has been handed out is never taken back.
//!
//! Of several stop sequences the one that is complete first wins, as if the text came letter by letter: so it does not
//! matter into which pieces the tokens cut it.

use crate::tokenizer::{TokenId, Tokenizer};
use std::collections::HashMap;

/// Watches a stream of text for stop sequences. A byte of text takes amortised constant time for each of them (Knuth,
/// Morris and Pratt 1977).
#[derive(Debug, Clone)]
pub struct StopMatcher {
    stops: Vec<Stop>,
    held: String,
}

/// A stop sequence, and how much of it the text so far ends with.
#[derive(Debug, Clone)]
struct Stop {
    text: String,
    /// For each beginning of the text, by its length: the length of its longest proper end that is a beginning too.
    fails: Vec<usize>,
    /// Bytes of the longest end of the text so far that is a beginning of `text`.
    matched: usize,
}

/// What a piece of text led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Text that is certain not to belong to a stop sequence.
    pub text: String,
    /// The stop sequence that has been found, if any. Nothing may be pushed after that.
    pub stop: Option<String>,
}

impl StopMatcher {
    /// A matcher for these sequences; empty ones are ignored.
    pub fn new(stops: &[String]) -> Self {
        let stops = stops.iter().filter(|stop| !stop.is_empty());
        Self { stops: stops.map(|stop| Stop::new(stop)).collect(), held: String::new() }
    }

    /// Takes a piece of text and returns what can be shown now.
    pub fn push(&mut self, piece: &str) -> Step {
        let before = self.held.len();
        self.held.push_str(piece);
        for (at, byte) in piece.bytes().enumerate() {
            self.stops.iter_mut().for_each(|stop| stop.push(byte));
            // Of two that end together the longer one wins, of two equal ones the first.
            let complete = self.stops.iter().filter(|stop| stop.matched == stop.text.len());
            if let Some(stop) = complete.rev().max_by_key(|stop| stop.text.len()) {
                let (start, stop) = (before + at + 1 - stop.text.len(), stop.text.clone());
                self.held.truncate(start);
                return Step { text: std::mem::take(&mut self.held), stop: Some(stop) };
            }
        }
        let keep = self.stops.iter().map(|stop| stop.matched).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Step { text: std::mem::replace(&mut self.held, rest), stop: None }
    }

    /// The text that was still held back, when nothing more will come.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

impl Stop {
    fn new(text: &str) -> Self {
        // Searching the text in itself, one byte late, gives the table.
        let mut stop = Self { text: text.to_owned(), fails: vec![0, 0], matched: 0 };
        for &byte in &text.as_bytes()[1..] {
            stop.push(byte);
            stop.fails.push(stop.matched);
        }
        Self { matched: 0, ..stop }
    }

    fn push(&mut self, byte: u8) {
        let text = self.text.as_bytes();
        while text.get(self.matched) != Some(&byte) {
            match self.matched {
                0 => return,
                n => self.matched = self.fails[n],
            }
        }
        self.matched += 1;
    }
}

/// The stop sequences that are a single special token each, by that token. They must be looked for among the tokens:
/// where special tokens are not shown, they never appear in the text.
pub(super) fn stop_tokens(stops: &[String], tokenizer: &Tokenizer) -> HashMap<TokenId, String> {
    stops.iter().filter_map(|stop| Some((tokenizer.special_token(stop)?, stop.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stop_sequence_in_pieces_is_never_shown() {
        let mut matcher = StopMatcher::new(&["</div>".into(), "END".into()]);
        assert_eq!(matcher.push("a < b </"), Step { text: "a < b ".into(), stop: None });
        assert_eq!(matcher.push("p> E"), Step { text: "</p> ".into(), stop: None });
        assert_eq!(matcher.push("NDLESS"), Step { text: String::new(), stop: Some("END".into()) });
    }

    #[test]
    fn the_stop_sequence_that_is_complete_first_wins() {
        let stops = ["abc".into(), "b".into()];
        assert_eq!(StopMatcher::new(&stops).push("abc"), Step { text: "a".into(), stop: Some("b".into()) });
        let mut in_pieces = StopMatcher::new(&stops);
        assert_eq!(in_pieces.push("a"), Step { text: String::new(), stop: None });
        assert_eq!(in_pieces.push("bc"), Step { text: "a".into(), stop: Some("b".into()) });
    }

    #[test]
    fn what_is_held_back_comes_out_at_the_end() {
        let mut matcher = StopMatcher::new(&["xyz".into()]);
        assert_eq!(matcher.push("wxy").text, "w");
        assert_eq!(matcher.finish(), "xy");
    }

    /// A long stop sequence that almost fits, again and again.
    #[test]
    fn a_stop_sequence_is_found_behind_its_own_beginning() {
        let mut matcher = StopMatcher::new(&["a".repeat(1000) + "b"]);
        for _ in 0..50_000 {
            assert_eq!(matcher.push("a").stop, None);
        }
        let step = matcher.push("b");
        assert_eq!((step.text, step.stop.map(|stop| stop.len())), (String::new(), Some(1001)));
    }

    proptest! {
        /// However the text is cut into pieces, what is shown is the text before the stop sequence that ends first.
        #[test]
        fn pieces_do_not_matter(
            pieces in proptest::collection::vec("[abé]{0,4}", 0..12),
            stops in proptest::collection::vec("[abé]{1,5}", 0..4),
        ) {
            let text = pieces.concat();
            let found = stops.iter().filter_map(|stop| Some((text.find(stop.as_str())?, stop.len())));
            let first = found.map(|(at, len)| (at + len, at)).min();
            let expected = first.map_or(&text[..], |(_, at)| &text[..at]);
            let mut matcher = StopMatcher::new(&stops);
            let mut shown = String::new();
            let mut stopped = false;
            for piece in &pieces {
                let step = matcher.push(piece);
                shown += &step.text;
                if step.stop.is_some() {
                    stopped = true;
                    break;
                }
            }
            if !stopped {
                shown += &matcher.finish();
            }
            prop_assert_eq!(shown, expected);
        }
    }
}
