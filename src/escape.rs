//! Text that others wrote (file names, metadata, tensor names), made safe to show.
//!
//! A terminal obeys control characters: a model whose name contains `ESC[2J` would clear the screen of whoever reads the
//! error about it. So every error message and report that quotes such text shows these characters as Rust source writes
//! them: `\u{1b}[2J`, `\n`.
//!
//! Look first at [`is_unsafe`], which says what is escaped. [`Escaped`] shows text that is borrowed, [`Quoted`] keeps a
//! copy for an error, [`one_line`] cuts it to a width for a table, [`path`] shows the name of a file.
//!
//! What it deliberately does not do: put text in quotation marks, or escape these and backslashes. Ordinary text is shown
//! as it is.

use std::fmt;
use std::ops::Deref;
use std::path::Path;

/// Whether a character is shown escaped: control characters, line and paragraph separators, and the characters that
/// change the direction of what follows (so that text reads differently from what it is).
pub fn is_unsafe(c: char) -> bool {
    let changes_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || changes_direction || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Shows text with its unsafe characters escaped.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
            write!(f, "{}{}", &rest[..at], c.escape_default())?;
            rest = &rest[at + c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// A copy of text for an error: at most [`Quoted::MAX`] characters of it, so that an error stays short whatever a file
/// holds. Shown with unsafe characters escaped; reads as the `&str` that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted(String);

impl Quoted {
    /// Characters that are kept. Where there are more, `…` follows.
    pub const MAX: usize = 80;

    /// Copies text.
    pub fn new(text: &str) -> Self {
        match text.char_indices().nth(Self::MAX) {
            None => Self(text.to_owned()),
            Some((end, _)) => Self(format!("{}…", &text[..end])),
        }
    }

    /// Copies bytes that should be UTF-8; what is none becomes U+FFFD.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        // A character has at most four bytes: what comes behind that many cannot be shown.
        let most = &bytes[..bytes.len().min(4 * (Self::MAX + 1))];
        Self::new(&String::from_utf8_lossy(most))
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

impl Deref for Quoted {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Quoted {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Text in one line, cut behind `width` characters as they are shown; `…` follows where it was cut.
pub fn one_line(text: &str, width: usize) -> String {
    let shown = |c: char| {
        let escaped = is_unsafe(c).then(|| c.escape_default());
        let plain = escaped.is_none().then_some(c);
        escaped.into_iter().flatten().chain(plain)
    };
    let mut shown = text.chars().flat_map(shown);
    let mut line: String = shown.by_ref().take(width).collect();
    if shown.next().is_some() {
        line.push('…');
    }
    line
}

/// The name of a file, with unsafe characters escaped and U+FFFD for bytes that are no UTF-8.
pub fn path(path: impl AsRef<Path>) -> String {
    Escaped(&path.as_ref().to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_terminal_gets_no_orders() {
        assert_eq!(Escaped("a\u{1b}[31mb\r\n\u{9b}2J\u{202e}c").to_string(), "a\\u{1b}[31mb\\r\\n\\u{9b}2J\\u{202e}c");
        assert_eq!(Escaped("Grüße, 世界 \\ \"x\"").to_string(), "Grüße, 世界 \\ \"x\"");
        assert_eq!(Quoted::of_bytes(b"lla\xff\x1bma").to_string(), "lla\u{fffd}\\u{1b}ma");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(Quoted::new(&"é".repeat(80)).chars().count(), 80);
        assert_eq!(Quoted::new(&"é".repeat(81)).to_string(), format!("{}…", "é".repeat(80)));
        assert_eq!(Quoted::of_bytes(&[0xff; 1000]).to_string(), format!("{}…", "\u{fffd}".repeat(80)));
        assert_eq!(one_line("a\nb", 10), "a\\nb");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("abc", 3), "abc");
    }

    proptest! {
        /// Nothing unsafe is left of any text, and safe text is unchanged.
        #[test]
        fn nothing_unsafe_is_shown(text in any::<String>(), width in 0usize..40) {
            for shown in [Escaped(&text).to_string(), Quoted::new(&text).to_string(), one_line(&text, width)] {
                prop_assert!(!shown.contains(is_unsafe), "{shown:?}");
            }
            if !text.contains(is_unsafe) {
                prop_assert_eq!(Escaped(&text).to_string(), text);
            }
        }
    }
}
