//! Text that people hand in: in flags, in files, on standard input.
//!
//! Bytes that are no UTF-8 become U+FFFD wherever they come from: a letter in another encoding must not end the work. A
//! flag's text may begin with `-` (clap's `allow_hyphen_values`, at each flag).

use super::output::note;
use clap::builder::{OsStringValueParser, TypedValueParser};
use std::fmt::Display;

/// Any text.
pub(super) fn any() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|text| text.to_string_lossy().into_owned())
}

/// Bytes as text; a note says if some were no UTF-8. `what` says where they are from.
pub(super) fn decode(bytes: Vec<u8>, what: impl Display) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let at = error.utf8_error().valid_up_to();
        note(format_args!("warning: {what} is not UTF-8 (byte {at} and perhaps others): read as U+FFFD"));
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    })
}

/// A prompt as its author meant it: the byte order mark with which some editors begin a file is the file's, and so is the
/// line end behind the last line, `\n` or `\r\n`.
pub(super) fn prompt(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    line.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_frame_is_no_text() {
        let (bom, crlf) = ("\u{feff}Once\n", "Once\r\n");
        assert_eq!((prompt(bom), prompt(crlf), prompt("Once\n\n")), ("Once", "Once", "Once\n"));
        assert_eq!((prompt("a\r\nb\r"), prompt("a\u{feff}"), prompt("\n")), ("a\r\nb\r", "a\u{feff}", ""));
        assert_eq!(prompt("\u{feff}\u{feff}a\r\n\r\n"), "\u{feff}a\r\n", "one of each");
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(decode(b"a\xffb\xc3".to_vec(), "this"), "a\u{fffd}b\u{fffd}");
        assert_eq!(decode("é".into(), "this"), "é");
    }
}
