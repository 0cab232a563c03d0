//! Spaces in SentencePiece: they become ▁ (U+2581) before merging, and spaces again when ids are decoded.

use std::ops::Range;

/// Stands for a space.
pub(super) const SPACE: char = '▁';

/// `text` with ▁ for every space, and one more before it where `prefix` asks for that.
pub(super) fn escape(text: &str, prefix: bool) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 2);
    escaped.extend(prefix.then_some(SPACE));
    escaped.extend(text.chars().map(|c| if c == ' ' { SPACE } else { c }));
    escaped
}

/// Translates consecutive stretches of the escaped text back to places in the source.
pub(super) struct Places<'a> {
    source: std::str::Chars<'a>,
    /// Where the next stretch begins in the source.
    at: usize,
    /// Bytes of the current character still to come: in the escaped text, and in the source.
    escaped: usize,
    plain: usize,
}

impl<'a> Places<'a> {
    /// `source` is the text that was escaped and stands at byte `at` of the whole; `prefix` as in [`escape`].
    pub(super) fn new(source: &'a str, at: usize, prefix: bool) -> Self {
        // The prefix is a ▁ that is not in the source.
        let escaped = if prefix { SPACE.len_utf8() } else { 0 };
        Self { source: source.chars(), at, escaped, plain: 0 }
    }

    /// The source of the next `len` bytes of the escaped text.
    pub(super) fn next(&mut self, mut len: usize) -> Range<usize> {
        let start = self.at;
        while len > 0 {
            if self.escaped == 0 {
                let Some(c) = self.source.next() else { break };
                self.escaped = if c == ' ' { SPACE.len_utf8() } else { c.len_utf8() };
                self.plain = c.len_utf8();
            }
            let taken = len.min(self.escaped);
            len -= taken;
            self.escaped -= taken;
            // A space is one byte for three: the first of them takes it.
            let plain = taken.min(self.plain);
            self.plain -= plain;
            self.at += plain;
        }
        start..self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_source() {
        let source = "a b▁é";
        assert_eq!(escape(source, true), "▁a▁b▁é");
        let mut places = Places::new(source, 10, true);
        assert_eq!(places.next("▁a".len()), 10..11);
        assert_eq!(places.next("▁b".len()), 11..13);
        assert_eq!(places.next("▁".len()), 13..16);
        assert_eq!((places.next(1), places.next(1)), (16..17, 17..18));
    }
}
