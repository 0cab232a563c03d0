//! The class of a character: all that pre-tokenizers need to know about Unicode.
//!
//! Patterns such as `\p{L}+` or `[^\s\p{L}\p{N}]+` need nothing finer than [`Class`], and the classes are
//! disjoint: a character has exactly one. This module does not normalise text, and it does not know upper from
//! lower case outside ASCII, because no pattern here asks for it.

mod runs;

/// The class of a character: its Unicode general category without the finer distinctions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    /// `\p{L}`.
    Letter,
    /// `\p{N}`: decimal digits, but also Roman numerals, fractions, superscripts.
    Number,
    /// `\p{M}`: combining accents, and vowel signs of Indic scripts.
    Mark,
    /// `\p{P}`.
    Punctuation,
    /// `\p{S}`: currency, mathematics, emoji.
    Symbol,
    /// `\s`: the property `White_Space`, whatever the general category.
    Space,
    /// Controls, format characters (such as the zero-width joiner inside emoji), unassigned code points.
    Other,
}

/// The class of `c`. A table lookup for ASCII, a binary search beyond.
#[inline]
pub(crate) fn class(c: char) -> Class {
    if c.is_ascii() { ASCII[c as usize] } else { beyond_ascii(c) }
}

fn beyond_ascii(c: char) -> Class {
    if c.is_whitespace() {
        return Class::Space;
    }
    let run = runs::RUNS.partition_point(|&(start, _)| start <= c as u32) - 1;
    runs::RUNS[run].1
}

const ASCII: [Class; 128] = {
    let mut table = [Class::Other; 128];
    let mut c = 0;
    while c < 128 {
        table[c] = match c as u8 {
            b'\t'..=b'\r' | b' ' => Class::Space,
            b'0'..=b'9' => Class::Number,
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'$' | b'+' | b'<' | b'=' | b'>' | b'^' | b'`' | b'|' | b'~' => Class::Symbol,
            b'!'..=b'~' => Class::Punctuation,
            _ => Class::Other,
        };
        c += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ascii_table_agrees_with_the_runs() {
        for c in (0..128u8).map(char::from).filter(|c| !c.is_whitespace()) {
            assert_eq!(class(c), beyond_ascii(c), "{c:?}");
        }
    }

    #[test]
    fn runs_begin_at_zero_and_ascend() {
        assert_eq!(runs::RUNS[0].0, 0);
        assert!(runs::RUNS.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1));
    }

    /// The regex crate carries a later Unicode: everything that was assigned in 15.1 must be classed alike.
    #[test]
    fn classes_agree_with_the_regex_engine_on_assigned_characters() {
        let classes = [
            (Class::Letter, r"\p{L}"),
            (Class::Number, r"\p{N}"),
            (Class::Mark, r"\p{M}"),
            (Class::Punctuation, r"\p{P}"),
            (Class::Symbol, r"\p{S}"),
            (Class::Space, r"\s"),
        ];
        for (expected, pattern) in classes {
            let regex = fancy_regex::Regex::new(&format!("^{pattern}$")).unwrap();
            for c in (0..=char::MAX as u32).filter_map(char::from_u32).filter(|&c| class(c) == expected) {
                assert!(regex.is_match(c.encode_utf8(&mut [0; 4])).unwrap(), "{c:?} is not {pattern}");
            }
        }
    }
}
