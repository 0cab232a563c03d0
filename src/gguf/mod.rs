//! GGUF, the file a model lives in: a header, a dictionary of metadata, a list of tensors, then their bytes.
//!
//! ```text
//! ┌────────┬─────────────────────┬───────────────────────────┬─────┬──────────────────────────────┐
//! │ header │ key, type, value  … │ name, shape, type, offset…│ pad │ tensor 0 │pad│ tensor 1 │pad…│
//! └────────┴─────────────────────┴───────────────────────────┴─────┴──────────────────────────────┘
//!   24 B     Metadata              TensorInfo                      ↑ data_offset, a multiple of `alignment`
//! ```
//!
//! Look first at [`Directory::read`]: it is the format, from the first byte to the last. A [`Gguf`] is then nothing
//! but the file itself, memory-mapped, together with *where each entry begins*; metadata and tensors are decoded
//! when asked for and never copied. So reading takes less memory than the file has bytes, whatever its bytes say
//! (`tests/gguf_alloc.rs` proves it), and opening a model of many gigabytes takes milliseconds.
//!
//! No length is believed before it was compared with the bytes that are left (`cursor.rs`), and every error says
//! what was read, where in the file, what was expected and what was found ([`GgufError`]).
//!
//! What it deliberately does not do: know what any key or tensor *means* (that is `model/` and `tokenizer/`), swap
//! the bytes of big-endian files, or read version 1.
//!
//! Source: `ggml/include/gguf.h`, `ggml/src/gguf.cpp` of llama.cpp; its `tests/test-gguf.cpp` is `tests/files/gguf_rejects.rs`.

mod cursor;
mod directory;
mod encode;
mod error;
mod getters;
mod index;
mod info;
mod metadata;
mod mmap;
mod value;
mod writer;

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use directory::Directory;
pub use encode::{Encode, Scalar};
pub use error::GgufError;
pub use info::TensorInfo;
pub use metadata::Metadata;
pub use value::{Array, Value, ValueType};
pub use writer::Writer;

use mmap::Bytes;

/// Alignment of the data section where the file does not name one (`general.alignment`).
pub const DEFAULT_ALIGNMENT: usize = 32;

/// A whole GGUF file: its [`Directory`] and the bytes of every tensor.
#[derive(Debug)]
pub struct Gguf {
    directory: Directory,
    path: Option<PathBuf>,
}

impl Gguf {
    /// Maps the file into memory and reads its directory. Tensor bytes are paged in by the system when first used.
    ///
    /// # Errors
    /// If there is no such file, if it is no regular file (a directory, a pipe), or if its bytes are not a GGUF file.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let failed = |source| GgufError::Open { path: path.to_owned(), source };
        // Asked before the file is opened: opening a pipe waits for a writer.
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if let Some(found) = mmap::not_regular(&metadata) {
            return Err(GgufError::NotAFile { path: path.to_owned(), found });
        }
        let bytes = File::open(path).and_then(|file| Bytes::map(&file)).map_err(failed)?;
        let directory = Directory::parse(Arc::new(bytes))?;
        directory.check_data()?;
        Ok(Self { directory, path: Some(path.to_owned()) })
    }

    /// Reads a file that is already in memory (an embedded model, a test).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, GgufError> {
        let directory = Directory::parse(Arc::new(Bytes::Owned(bytes)))?;
        directory.check_data()?;
        Ok(Self { directory, path: None })
    }

    /// Everything in the file but the tensors' bytes.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The key-value pairs, in the order of the file.
    pub fn metadata(&self) -> &Metadata {
        self.directory.metadata()
    }

    /// Every tensor, in the order of the file.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = TensorInfo<'_>> {
        self.directory.tensors()
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<TensorInfo<'_>> {
        self.directory.tensor(name)
    }

    /// The bytes of a tensor of this file, `info.n_bytes()` long: a view, nothing is copied.
    ///
    /// Cannot fail for an `info` that this file returned; its bounds were proven when the file was read.
    pub fn data(&self, info: &TensorInfo<'_>) -> &[u8] {
        &self.bytes()[self.range(info)]
    }

    /// Where a tensor lies in [`bytes`](Self::bytes). Owners of an `Arc<Gguf>` keep this instead of a borrow.
    pub fn range(&self, info: &TensorInfo<'_>) -> Range<usize> {
        // A tensor without elements may begin behind the end of a file whose last padding is missing.
        let start = (self.directory.data_offset() + info.offset).min(self.bytes().len());
        start..start + info.n_bytes()
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        self.directory.bytes()
    }

    /// Says that these bytes of the file will not be read soon, because their reader has a copy: on Linux the pages of
    /// a mapped file then no longer count as memory of this process. Reading them again is slower, and nothing else.
    pub fn release(&self, range: Range<usize>) {
        self.directory.release(range);
    }

    /// Size of the file in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.bytes().len() as u64
    }

    /// Where the data section begins in the file.
    pub fn data_offset(&self) -> usize {
        self.directory.data_offset()
    }

    /// Format version, 2 or 3 (they share one layout).
    pub fn version(&self) -> u32 {
        self.directory.version()
    }

    /// The data section and every tensor in it begin at a multiple of this many bytes, a power of two.
    pub fn alignment(&self) -> usize {
        self.directory.alignment()
    }

    /// The file this was opened from, if it was a file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Refuses one shard of a model that was split over several files (`split.count` > 1), naming the shards.
    ///
    /// # Errors
    /// [`GgufError::Split`].
    pub fn require_whole(&self) -> Result<(), GgufError> {
        // `llama-gguf-split` writes u16; whatever integer it is, the file is a shard.
        let integer = |key: &str| self.metadata().get(key).and_then(|value| value.as_u64());
        let count = integer("split.count").unwrap_or(1);
        if count <= 1 {
            return Ok(());
        }
        // Shards are called `<prefix>-00001-of-00003.gguf`.
        let this = integer("split.no").unwrap_or(0).saturating_add(1);
        let suffix = format!("-{this:05}-of-{count:05}.gguf");
        let file = self.path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy());
        let prefix = file.as_deref().and_then(|name| name.strip_suffix(&suffix)).unwrap_or("MODEL");
        let name = |shard: u64| format!("{prefix}-{shard:05}-of-{count:05}.gguf");
        Err(GgufError::Split { this, count, first: name(1), last: name(count) })
    }
}
