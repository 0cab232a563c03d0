//! [`Metadata`]: the dictionary of a model file, kept as the bytes the file has.
//!
//! An entry is a key, a type and a value (see [`Value`]), decoded when asked for. Look first at `get`; the getters
//! that expect a type (`u32`, `str`, `f32s` …) are in `getters.rs`.
//!
//! What was read from a file shares the file's bytes. The first `insert` copies the entries into a buffer of their
//! own, in the same encoding, and later ones append to it; so a writer has nothing left to encode.

use std::sync::Arc;

use super::cursor::Cursor;
use super::encode::{Encode, put_string};
use super::index::Index;
use super::mmap::Bytes;
use super::{GgufError, Value};

/// Bytes that the smallest entry takes: a key of one letter (8 + 1), a type (4), a value of one byte.
const SMALLEST_ENTRY: u64 = 14;

/// Key-value pairs in the order of the file; keys are unique.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// Entries as a file holds them; other bytes may lie between them.
    bytes: Arc<Bytes>,
    index: Index,
}

impl Default for Metadata {
    fn default() -> Self {
        Self::new()
    }
}

impl Metadata {
    /// No entries yet.
    pub fn new() -> Self {
        Self { bytes: Arc::new(Bytes::Owned(Vec::new())), index: Index::default() }
    }

    /// Reads `n` entries beginning at offset `start`; also returns where the last one ends.
    pub(super) fn read(bytes: &Arc<Bytes>, start: usize, n: u64) -> Result<(Self, usize), GgufError> {
        let mut cursor = Cursor::new(bytes, start);
        let mut at = Vec::with_capacity(n.min(cursor.left() / SMALLEST_ENTRY) as usize);
        for index in 0..n as usize {
            let offset = cursor.position();
            let key = cursor.text(format_args!("key {index}"))?;
            if key.is_empty() {
                return Err(GgufError::EmptyKey { index, offset });
            }
            Value::read(&mut cursor, key)?;
            at.push(offset);
        }
        let end = cursor.position();
        let index = Index::new(at, |offset| key_at(bytes, offset))
            .map_err(|(index, offset)| GgufError::DuplicateKey { key: key_at(bytes, offset).into(), index, offset })?;
        Ok((Self { bytes: Arc::clone(bytes), index }, end))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        let number = self.index.find(key, |offset| key_at(&self.bytes, offset)).ok()?;
        Some(self.entry(number).1)
    }

    /// All entries, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Value<'_>)> {
        self.index.numbers().map(|number| self.entry(number))
    }

    /// Sets a key, new or not: a value (`30_u32`, `true`, `"llama"`), a slice, vector or array of them, or a
    /// [`Value`] of another file.
    pub fn insert(&mut self, key: &str, value: impl Encode) -> Result<(), GgufError> {
        if key.is_empty() {
            return Err(GgufError::EmptyKey { index: self.len(), offset: 0 });
        }
        let mut entry = Vec::new();
        put_string(key.as_bytes(), &mut entry);
        value.encode(&mut entry);
        self.append(key, &entry)
    }

    /// Removes every entry whose key does not satisfy `keep`.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        *self = self.copied(keep);
    }

    /// Appends every entry, in order, as a file holds them.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for (key, value) in self.iter() {
            put_string(key.as_bytes(), out);
            value.encode(out);
        }
    }

    fn entry(&self, number: usize) -> (&str, Value<'_>) {
        let mut cursor = Cursor::new(&self.bytes, self.index.at(number));
        let entry = cursor.text(format_args!("key")).and_then(|key| Ok((key, Value::read(&mut cursor, key)?)));
        entry.expect("every entry was checked when it was read or inserted")
    }

    fn append(&mut self, key: &str, entry: &[u8]) -> Result<(), GgufError> {
        // The limits of a reader hold for what is inserted too.
        let mut cursor = Cursor::new(entry, 0);
        cursor.text(format_args!("key"))?;
        Value::read(&mut cursor, key)?;

        if !matches!(Arc::get_mut(&mut self.bytes), Some(Bytes::Owned(_))) {
            *self = self.copied(|_| true);
        }
        let place = self.index.find(key, |offset| key_at(&self.bytes, offset));
        let Some(Bytes::Owned(bytes)) = Arc::get_mut(&mut self.bytes) else { unreachable!("copied just above") };
        let at = bytes.len();
        bytes.extend_from_slice(entry);
        match place {
            Ok(number) => self.index.replace(number, at),
            Err(place) => self.index.push(place, at),
        }
        Ok(())
    }

    /// The same entries, those kept, in a buffer of their own.
    fn copied(&self, keep: impl Fn(&str) -> bool) -> Self {
        let mut bytes = Vec::new();
        let mut at = Vec::new();
        for (key, value) in self.iter().filter(|(key, _)| keep(key)) {
            at.push(bytes.len());
            put_string(key.as_bytes(), &mut bytes);
            value.encode(&mut bytes);
        }
        let index = Index::new(at, |offset| key_at(&bytes, offset)).expect("the keys were unique before");
        Self { bytes: Arc::new(Bytes::Owned(bytes)), index }
    }
}

/// The key of the entry at this offset, which was checked before.
fn key_at(bytes: &[u8], offset: usize) -> &str {
    Cursor::new(bytes, offset).text(format_args!("key")).expect("every key was checked when it was read or inserted")
}
