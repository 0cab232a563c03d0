//! GPT-2's byte alphabet: 256 printable characters that stand for the 256 bytes.
//!
//! Byte-level BPE works on bytes, but vocabularies are stored as text. So every byte has a printable stand-in:
//! bytes that are visible characters of Latin-1 stand for themselves, the other 68 take U+0100, U+0101, … in
//! order. That is why a space looks like `Ġ` and a newline like `Ċ` in every such vocabulary.
//!
//! Source: `bytes_to_unicode` in OpenAI's GPT-2 `encoder.py`; llama.cpp `unicode_byte_to_utf8_map`.

/// The character that stands for `byte`.
pub(crate) const fn stand_in(byte: u8) -> char {
    ALPHABET[byte as usize]
}

/// The byte that `c` stands for, or `None` for a character outside the alphabet.
pub(crate) fn byte_of(c: char) -> Option<u8> {
    match c as u32 {
        code @ 0..0x100 if stands_for_itself(code as u8) => Some(code as u8),
        code @ 0x100..0x144 => Some(SHIFTED[(code - 0x100) as usize]),
        _ => None,
    }
}

/// The bytes a token's text stands for; `None` if it is not written in the alphabet.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    text.chars().map(byte_of).collect()
}

const fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The bytes that need another character, in order: the n-th is written as U+0100 + n.
const SHIFTED: [u8; 68] = {
    let mut shifted = [0; 68];
    let (mut byte, mut n) = (0, 0);
    while byte < 256 {
        if !stands_for_itself(byte as u8) {
            shifted[n] = byte as u8;
            n += 1;
        }
        byte += 1;
    }
    shifted
};

const ALPHABET: [char; 256] = {
    let mut alphabet = ['\0'; 256];
    let (mut byte, mut n) = (0, 0);
    while byte < 256 {
        alphabet[byte] = if stands_for_itself(byte as u8) {
            byte as u8 as char
        } else {
            n += 1;
            match char::from_u32(0x100 + n - 1) {
                Some(c) => c,
                None => unreachable!(),
            }
        };
        byte += 1;
    }
    alphabet
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_visible_character() {
        for byte in 0..=255 {
            assert_eq!(byte_of(stand_in(byte)), Some(byte));
            assert!(!stand_in(byte).is_whitespace() && !stand_in(byte).is_control());
        }
    }

    #[test]
    fn the_common_ones() {
        assert_eq!((stand_in(b' '), stand_in(b'\n'), stand_in(b'A')), ('Ġ', 'Ċ', 'A'));
        assert_eq!(decode("Ġhi"), Some(b" hi".to_vec()));
        assert_eq!(decode("▁hi"), None);
        assert_eq!(byte_of('\u{144}'), None);
        assert_eq!(byte_of(' '), None);
    }
}
