//! Numbers and tokens for people. Programs get them raw, through `--format json`.

use crate::tokenizer::{TokenId, Tokenizer};

/// `1,234,567`.
pub(super) fn count(n: impl TryInto<u64>) -> String {
    let digits = n.try_into().unwrap_or(u64::MAX).to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `134.5 M`: a count in powers of a thousand.
pub(super) fn quantity(n: u64) -> String {
    scaled(n, &["", " k", " M", " G", " T"])
}

/// `98.4 MB`: bytes in powers of a thousand, as disks and networks count them.
pub(super) fn bytes(n: u64) -> String {
    scaled(n, &[" B", " kB", " MB", " GB", " TB"])
}

fn scaled(n: u64, units: &[&str]) -> String {
    let mut value = n as f64;
    let mut unit = 0;
    // 999.95 and more would be shown as 1000.0.
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{n}{}", units[0]) } else { format!("{value:.1}{}", units[unit]) }
}

/// A setting as a person would write it: `0.125`, `1e-5`, `1,000,000`.
pub(super) fn number(x: f32) -> String {
    match x.abs() {
        size if size != 0.0 && !(1e-3..1e15).contains(&size) => format!("{x:e}"),
        size if size >= 1000.0 && x.fract() == 0.0 && x > 0.0 => count(x as u64),
        _ => format!("{}", (f64::from(x) * 1e6).round() / 1e6),
    }
}

/// A token's text in quotes, with escapes for what cannot be seen.
pub(super) fn piece(tokenizer: &Tokenizer, token: TokenId) -> String {
    match String::from_utf8(tokenizer.piece(token, true).unwrap_or_default()) {
        Ok(text) => format!("{text:?}"),
        Err(not_text) => format!("b\"{}\"", not_text.as_bytes().escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(["0", "999", "1,000", "1,234,567"].map(String::from), [0, 999, 1000, 1_234_567_u64].map(count));
        assert_eq!(quantity(134_515_008), "134.5 M");
        assert_eq!(quantity(7), "7");
        assert_eq!(
            (bytes(999), bytes(98_362_432), bytes(999_950)),
            ("999 B".into(), "98.4 MB".into(), "1.0 MB".into())
        );
        assert_eq!(number(1e-5), "1e-5");
        assert_eq!(
            (number(0.125), number(1e6), number(0.0), number(-2.5)),
            ("0.125".into(), "1,000,000".into(), "0".into(), "-2.5".into())
        );
        assert_eq!(number(0.0625), "0.0625");
    }
}
