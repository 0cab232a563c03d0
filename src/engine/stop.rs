//! [`StopMatcher`]: cutting a stream of text at the first stop sequence.
//!
//! A stop sequence may arrive in pieces (`</`, `div>`), so text that could still become one is held back until the
//! next piece decides. What has been handed out is never taken back.
//!
//! Of several stop sequences the one that is complete first wins, as if the text came letter by letter: so it does not
//! matter into which pieces the tokens cut it.

/// Watches a stream of text for stop sequences.
#[derive(Debug, Clone)]
pub struct StopMatcher {
    stops: Vec<String>,
    held: String,
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
        Self { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), held: String::new() }
    }

    /// Takes a piece of text and returns what can be shown now.
    pub fn push(&mut self, piece: &str) -> Step {
        self.held.push_str(piece);
        let found = self.stops.iter().filter_map(|stop| Some((self.held.find(stop.as_str())?, stop)));
        // The first to be complete wins; of two that end together, the longer one.
        if let Some((at, stop)) = found.min_by_key(|(at, stop)| (at + stop.len(), *at)) {
            let stop = stop.clone();
            self.held.truncate(at);
            return Step { text: std::mem::take(&mut self.held), stop: Some(stop) };
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Step { text: std::mem::replace(&mut self.held, rest), stop: None }
    }

    /// The text that was still held back, when nothing more will come.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest end of `text` that is a beginning of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let beginnings = stop.char_indices().map(|(at, _)| at).rev();
    beginnings.into_iter().find(|&n| text.as_bytes().ends_with(&stop.as_bytes()[..n])).unwrap_or(0)
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

    proptest! {
        /// However the text is cut into pieces, what is shown is the text before the stop sequence that ends first.
        #[test]
        fn pieces_do_not_matter(
            pieces in proptest::collection::vec("[abé]{0,4}", 0..12),
            stops in proptest::collection::vec("[abé]{1,3}", 0..3),
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
