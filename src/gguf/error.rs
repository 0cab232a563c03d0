//! [`GgufError`]: what was wrong, where in the file, what was expected and what was found.
//!
//! The core of each message is llama.cpp's, so that a search for it finds the same advice.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::escape::{self, Escaped, Quoted};

/// Why a file could not be read or written. Offsets count bytes from the start of the file, unless said otherwise.
///
/// Names from the file are cut to a line ([`Quoted`]) and shown with control characters escaped.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // each field is named in the message above it
pub enum GgufError {
    #[error("cannot open '{}'", escape::path(path))]
    Open { path: PathBuf, source: io::Error },
    #[error(
        "'{}' is {found}: expected a regular file, because a model is mapped into memory; write it to a file first",
        escape::path(path)
    )]
    NotAFile { path: PathBuf, found: &'static str },

    // --- the header ---
    #[error("invalid magic characters: '{}', expected 'GGUF': this is {}", found.escape_ascii(), instead(found))]
    Magic { found: [u8; 4] },
    #[error("bad GGUF version: {found}")]
    Version { found: u32 },
    #[error("GGUFv1 is no longer supported, please use a more up-to-date version")]
    Version1,
    #[error("this GGUF file is version {found} but this software only supports up to version 3")]
    FutureVersion { found: u32 },
    #[error(
        "this GGUF file version {found} is extremely large, is there a mismatch between the host and model endianness?"
    )]
    Endianness { found: u32 },
    #[error("number of {what} is {found} but must be in [0, {max}], at offset {offset}")]
    Count { what: &'static str, offset: usize, found: i64, max: i64 },

    // --- anywhere ---
    #[error("file ends at offset {offset}: {what} needs {needed} bytes, {left} are left")]
    Truncated { what: String, offset: usize, needed: u64, left: u64 },
    #[error("{what} at offset {offset}: string length {length} exceeds maximum {max}")]
    StringTooLong { what: String, offset: usize, length: u64, max: u64 },
    #[error("{what} at offset {offset} is not UTF-8: '{found}'")]
    NotUtf8 { what: String, offset: usize, found: Quoted },

    // --- metadata ---
    #[error("key {index} is empty, at offset {offset}")]
    EmptyKey { index: usize, offset: usize },
    #[error("duplicate key '{key}' for KV pair {index}, at offset {offset}")]
    DuplicateKey { key: Quoted, index: usize, offset: usize },
    #[error(
        "key '{key}' has invalid GGUF type {found} at offset {offset}, expected 0 to 12 (and no array in an array)"
    )]
    InvalidType { key: Quoted, offset: usize, found: i32 },
    #[error("array of key '{key}' at offset {offset} has {length} elements, more than the maximum {max}")]
    ArrayTooLong { key: Quoted, offset: usize, length: u64, max: u64 },
    #[error("alignment {found} is not a power of 2 (key 'general.alignment')")]
    Alignment { found: u32 },
    #[error("key '{key}' must be of type {expected} but is {found}")]
    KeyType { key: Quoted, expected: String, found: String },
    #[error("key not found in model: {key} (expected type {expected})")]
    MissingKey { key: Quoted, expected: &'static str },

    #[error("value of key '{key}'{} is not UTF-8 from byte {byte} on: '{found}'", in_array(.element))]
    ValueNotUtf8 { key: Quoted, element: Option<usize>, byte: usize, found: Quoted },

    // --- the list of tensors ---
    #[error("tensor name {index} at offset {offset} is too long: {length} >= 64")]
    NameTooLong { index: usize, offset: usize, length: usize },
    #[error("duplicate tensor name '{tensor}' for tensor {index}, at offset {offset}")]
    DuplicateTensor { tensor: Quoted, index: usize, offset: usize },
    #[error("tensor '{tensor}' has invalid number of dimensions: {found} > 4, at offset {offset}")]
    Dimensions { tensor: Quoted, offset: usize, found: u32 },
    #[error("tensor '{tensor}' dimension {dim} has invalid number of elements: {found} < 0, at offset {offset}")]
    NegativeDimension { tensor: Quoted, offset: usize, dim: usize, found: i64 },
    #[error(
        "incorrect shape for a tensor '{tensor}' at offset {offset} may cause overflow errors: \
         {ne:?} has >= INT64_MAX elements"
    )]
    TooManyElements { tensor: Quoted, offset: usize, ne: [usize; 4] },
    #[error("tensor '{tensor}' has invalid ggml type {found}. should be in [0, 43), at offset {offset}")]
    InvalidTensorType { tensor: Quoted, offset: usize, found: i32 },
    #[error(
        "tensor '{tensor}' of type {ty} has {found} elements per row, not a multiple of block size ({block}), \
         at offset {offset}"
    )]
    RowNotWholeBlocks { tensor: Quoted, offset: usize, ty: String, found: usize, block: usize },
    #[error("tensor '{tensor}' with shape {ne:?} has a size in bytes > {}, at offset {offset}", usize::MAX)]
    TooManyBytes { tensor: Quoted, offset: usize, ne: [usize; 4] },
    #[error("tensor '{tensor}' has offset {found}, expected {expected}")]
    Offset { tensor: Quoted, found: u64, expected: usize },
    #[error("tensor '{tensor}' size {bytes} overflows after padding (alignment {alignment})")]
    PaddingOverflow { tensor: Quoted, bytes: usize, alignment: usize },
    #[error("tensor '{tensor}' size overflow, cannot accumulate size {sum} + {bytes}")]
    SizeOverflow { tensor: Quoted, sum: usize, bytes: usize },

    // --- the data section ---
    #[error(
        "memory size overflow: {bytes} bytes of tensor data from offset {offset} pass the end of the address space"
    )]
    DataOverflow { offset: usize, bytes: usize },
    #[error(
        "failed to read tensor data binary blob: tensor '{tensor}' data is not within the file bounds, model is \
         corrupted or incomplete: it ends at offset {end}, the file at {file_bytes}"
    )]
    OutOfBounds { tensor: Quoted, end: usize, file_bytes: usize },
    #[error(
        "this file is shard {this} of {count} of a split model ({first} … {last}): join all of them with \
         `llama-gguf-split --merge {first} MODEL.gguf`, then load MODEL.gguf",
        first = Escaped(first), last = Escaped(last)
    )]
    Split { this: u64, count: u64, first: String, last: String },

    // --- writing ---
    #[error("tensor '{tensor}' of type {ty} and shape {ne:?} takes {expected} bytes, found {found}")]
    DataLength { tensor: Quoted, ty: String, ne: Vec<usize>, expected: usize, found: usize },
    #[error("cannot write the file")]
    Write(#[from] io::Error),
}

/// What a file probably is that begins with these bytes instead.
fn instead(magic: &[u8; 4]) -> &'static str {
    match magic {
        b"vers" => "not a GGUF file but probably a pointer of Git LFS; fetch the file itself (`git lfs pull`)",
        b"<!DO" | b"<!do" | b"<htm" | b"<HTM" => "not a GGUF file but a web page; download the file itself",
        b"PK\x03\x04" => "not a GGUF file but a ZIP archive, perhaps of PyTorch weights; convert it to GGUF first",
        b"tjgg" | b"fmgg" | b"lmgg" | b"algg" => {
            "not a GGUF file but one of llama.cpp's formats before it (2023); convert it to GGUF first"
        }
        _ => "not a GGUF file",
    }
}

/// `, string 7 of the array` for an element of an array.
fn in_array(element: &Option<usize>) -> String {
    element.map_or_else(String::new, |i| format!(", string {i} of the array,"))
}

/// A name from the file as part of a longer text: cut to a line, control characters escaped. It does so when it is shown,
/// so that reading a good file costs nothing.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(Quoted::MAX) {
            None => Escaped(self.0).fmt(f),
            Some((end, _)) => write!(f, "{}…", Escaped(&self.0[..end])),
        }
    }
}
