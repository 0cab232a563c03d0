//! The bytes of a file: mapped into memory, or already there.
//!
//! A mapping makes the file look like one slice; the system reads a page when it is first touched and may drop it
//! again, so a model larger than memory can still be opened. This is the only `unsafe` of this room.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;

/// Read-only bytes of one file.
#[derive(Debug)]
pub(super) enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps a regular file.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if metadata.len() == 0 {
            return Ok(Bytes::Owned(Vec::new())); // a mapping of no bytes is an error on some systems
        }
        // SAFETY: the map is private to this value and only ever read through `&[u8]`. What no program can rule out
        // is another process changing the file meanwhile; like llama.cpp we take a model file to be left alone
        // while it is in use. If it is not, a length may be read differently the second time, but every access
        // below still goes through a bounds-checked slice.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Bytes::Mapped(map))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}
