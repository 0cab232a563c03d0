//! [`Cursor`]: reading little-endian numbers from bytes that may say anything.
//!
//! Every read names what it reads, so that a file cut off anywhere says what is missing. The name is
//! `format_args!(…)`: it becomes text only when there is an error to tell.

use std::fmt::Arguments;

use super::GgufError;
use crate::escape::Quoted;

/// Longest string that a file may hold, in bytes. Source: `GGUF_MAX_STRING_LENGTH`.
pub(super) const MAX_STRING: u64 = 1 << 30;

/// A position in a slice, and reads that check what is left before they move it.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor over `bytes`, standing at offset `at`.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()) }
    }

    /// Offset of the next byte.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: u64, what: Arguments<'_>) -> Result<&'a [u8], GgufError> {
        if n > self.left() {
            return Err(GgufError::Truncated { what: what.to_string(), offset: self.at, needed: n, left: self.left() });
        }
        let start = self.at;
        self.at += n as usize; // n ≤ left ≤ usize::MAX
        Ok(&self.bytes[start..self.at])
    }

    /// The bytes from an earlier position up to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    fn array<const N: usize>(&mut self, what: Arguments<'_>) -> Result<[u8; N], GgufError> {
        let bytes = self.take(N as u64, what)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    pub(super) fn u32(&mut self, what: Arguments<'_>) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self, what: Arguments<'_>) -> Result<i32, GgufError> {
        self.array(what).map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: Arguments<'_>) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self, what: Arguments<'_>) -> Result<i64, GgufError> {
        self.array(what).map(i64::from_le_bytes)
    }

    /// A string: a u64 length, then that many bytes, not terminated.
    pub(super) fn string(&mut self, what: Arguments<'_>) -> Result<&'a [u8], GgufError> {
        let offset = self.at;
        let length = self.u64(format_args!("length of {what}"))?;
        if length > MAX_STRING {
            return Err(GgufError::StringTooLong { what: what.to_string(), offset, length, max: MAX_STRING });
        }
        self.take(length, what)
    }

    /// A string that must be UTF-8 (keys and tensor names).
    pub(super) fn text(&mut self, what: Arguments<'_>) -> Result<&'a str, GgufError> {
        let offset = self.at + 8;
        let bytes = self.string(what)?;
        std::str::from_utf8(bytes).map_err(|_| GgufError::NotUtf8 {
            what: what.to_string(),
            offset,
            found: Quoted::of_bytes(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_compared_with_what_is_left_before_it_is_used() {
        let mut cursor = Cursor::new(&[1, 0, 0, 0, 9], 0);
        assert_eq!(cursor.u32(format_args!("a number")).unwrap(), 1);
        let error = cursor.take(u64::MAX, format_args!("the rest")).unwrap_err();
        assert_eq!(error.to_string(), "file ends at offset 4: the rest needs 18446744073709551615 bytes, 1 are left");
        assert_eq!(cursor.left(), 1);
    }

    #[test]
    fn a_string_longer_than_the_limit_is_refused_before_the_file_is_looked_at() {
        let mut cursor = Cursor::new(&[0xff; 16], 0);
        let error = cursor.string(format_args!("key 0")).unwrap_err();
        assert!(matches!(error, GgufError::StringTooLong { offset: 0, length: u64::MAX, .. }));
    }
}
