//! The bytes of a file: mapped into memory, or already there.
//!
//! A mapping makes the file look like one slice; the system reads a page when it is first touched and may drop it
//! again, so a model larger than memory can still be opened. This is the only `unsafe` of this module.

#![allow(unsafe_code)]

use std::fs::{File, Metadata};
use std::io;
use std::ops::{Deref, Range};

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
        if let Some(found) = not_regular(&metadata) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{found}, expected a regular file")));
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

    /// Tells the system that these bytes will not be read soon: the whole pages among them stop counting as this
    /// program's memory. They come back from the file when they are read.
    pub(super) fn release(&self, range: Range<usize>) {
        #[cfg(target_os = "linux")]
        if let Bytes::Mapped(map) = self {
            const PAGE: usize = 4096; // where pages are larger, the system refuses or rounds as it must
            let (start, end) = (range.start.next_multiple_of(PAGE), range.end.min(map.len()) / PAGE * PAGE);
            if start < end {
                let dont_need = memmap2::UncheckedAdvice::DontNeed;
                // SAFETY: the range lies within the map, which is read-only and backed by a file: a page that is dropped
                // is read again with the same bytes, so no `&[u8]` to it ever sees anything else.
                drop(unsafe { map.unchecked_advise_range(dont_need, start, end - start) });
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = range; // elsewhere this advice may mean something else
    }
}

/// What a path leads to, if it is no regular file and so cannot be mapped.
pub(super) fn not_regular(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a pipe");
        } else if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        } else if kind.is_socket() {
            return Some("a socket");
        }
    }
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a directory"),
        () => Some("not a file"),
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
