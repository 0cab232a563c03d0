//! [`Directory`]: everything in a GGUF file but the tensors' bytes.
//!
//! Look first at [`Directory::parse`], the format from its first byte to the last. A directory can be read from the
//! beginning of a file alone, while the rest is still on its way; a [`Gguf`](super::Gguf) has the rest too.

use std::ops::Range;
use std::sync::Arc;

use super::cursor::Cursor;
use super::index::Index;
use super::mmap::Bytes;
use super::{DEFAULT_ALIGNMENT, GgufError, Metadata, TensorInfo};

/// Bytes that the smallest tensor info takes: no name (8), no dimensions (4), a type (4), an offset (8).
const SMALLEST_INFO: u64 = 24;

/// The header, the metadata and the list of tensors of a file.
#[derive(Debug)]
pub struct Directory {
    bytes: Arc<Bytes>,
    version: u32,
    alignment: usize,
    metadata: Metadata,
    tensors: Index,
    data_offset: usize,
    /// Bytes of the data section, the padding of every tensor included.
    data_bytes: usize,
}

impl Directory {
    /// Reads the directory at the beginning of `bytes`; the tensors' data need not be there.
    pub fn read(bytes: Vec<u8>) -> Result<Self, GgufError> {
        Self::parse(Arc::new(Bytes::Owned(bytes)))
    }

    pub(super) fn parse(bytes: Arc<Bytes>) -> Result<Self, GgufError> {
        let mut cursor = Cursor::new(&bytes, 0);

        // Header: magic, version, two counts.
        let mut found = [0; 4];
        found.copy_from_slice(cursor.take(4, format_args!("magic"))?);
        if &found != b"GGUF" {
            return Err(GgufError::Magic { found });
        }
        let version = check_version(cursor.u32(format_args!("version"))?)?;
        let n_tensors = count(&mut cursor, "tensors")?;
        let n_kv = count(&mut cursor, "key value pairs")?;

        // Key-value pairs.
        let (metadata, end) = Metadata::read(&bytes, cursor.position(), n_kv)?;
        let alignment = alignment(&metadata)?;

        // Tensor infos.
        let mut cursor = Cursor::new(&bytes, end);
        let mut at = Vec::with_capacity(n_tensors.min(cursor.left() / SMALLEST_INFO) as usize);
        let mut data_bytes = 0;
        for index in 0..n_tensors as usize {
            at.push(cursor.position());
            let (info, offset) = TensorInfo::read(&mut cursor, index)?;
            // Tensors follow each other without gaps: the offset in the file says nothing new, and must be right.
            if offset != data_bytes as u64 {
                let tensor = info.name.into();
                return Err(GgufError::Offset { tensor, found: offset, expected: data_bytes });
            }
            data_bytes = info.padded_end(data_bytes, alignment)?;
        }
        let infos_end = cursor.position();
        let tensors = Index::new(at, |offset| name_at(&bytes, offset)).map_err(|(index, offset)| {
            GgufError::DuplicateTensor { tensor: name_at(&bytes, offset).into(), index, offset }
        })?;

        // The data section is aligned as its tensors are; a file without tensors has none.
        let mut data_offset = infos_end;
        if n_tensors > 0 {
            let padding = infos_end.next_multiple_of(alignment) - infos_end;
            cursor.take(padding as u64, format_args!("padding before the data section"))?;
            data_offset = cursor.position();
        }
        if data_offset.checked_add(data_bytes).is_none() {
            return Err(GgufError::DataOverflow { offset: data_offset, bytes: data_bytes });
        }
        Ok(Self { version, alignment, metadata, tensors, data_offset, data_bytes, bytes })
    }

    /// Checks that the data of every tensor lies within the file. Only data is needed: some writers leave out the padding
    /// behind the last tensor.
    pub(super) fn check_data(&self) -> Result<(), GgufError> {
        let file_bytes = self.bytes.len();
        if self.data_offset + self.data_bytes <= file_bytes {
            return Ok(()); // nearly always: the padding is there too
        }
        let end = |info: &TensorInfo<'_>| self.data_offset + info.offset + info.n_bytes();
        match self.tensors().find(|info| info.n_bytes() > 0 && end(info) > file_bytes) {
            Some(info) => Err(GgufError::OutOfBounds { tensor: info.name.into(), end: end(&info), file_bytes }),
            None => Ok(()),
        }
    }

    /// The key-value pairs, in the order of the file.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Every tensor, in the order of the file.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = TensorInfo<'_>> {
        self.tensors.numbers().map(|number| self.info(number))
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<TensorInfo<'_>> {
        let number = self.tensors.find(name, |offset| name_at(&self.bytes, offset)).ok()?;
        Some(self.info(number))
    }

    /// Format version, 2 or 3 (they share one layout).
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The data section and every tensor in it begin at a multiple of this many bytes, a power of two.
    pub fn alignment(&self) -> usize {
        self.alignment
    }

    /// Where the data section begins in the file.
    pub fn data_offset(&self) -> usize {
        self.data_offset
    }

    /// Bytes of the data section, the padding of every tensor included. A file may end before the padding of the last.
    pub fn data_bytes(&self) -> usize {
        self.data_bytes
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn release(&self, range: Range<usize>) {
        self.bytes.release(range);
    }

    fn info(&self, number: usize) -> TensorInfo<'_> {
        let mut cursor = Cursor::new(&self.bytes, self.tensors.at(number));
        TensorInfo::read(&mut cursor, number).expect("every tensor info was checked when the file was read").0
    }
}

fn check_version(found: u32) -> Result<u32, GgufError> {
    match found {
        2 | 3 => Ok(found),
        0 => Err(GgufError::Version { found }),
        // Version 3 written by a big-endian machine reads as 0x0300_0000 here.
        _ if found & 0xffff == 0 => Err(GgufError::Endianness { found }),
        1 => Err(GgufError::Version1),
        _ => Err(GgufError::FutureVersion { found }),
    }
}

fn count(cursor: &mut Cursor<'_>, what: &'static str) -> Result<u64, GgufError> {
    let offset = cursor.position();
    let found = cursor.i64(format_args!("number of {what}"))?;
    u64::try_from(found).map_err(|_| GgufError::Count { what, offset, found, max: i64::MAX })
}

/// `general.alignment`, or the default.
pub(super) fn alignment(metadata: &Metadata) -> Result<usize, GgufError> {
    match metadata.u32("general.alignment")? {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(found) if found.is_power_of_two() => Ok(found as usize),
        Some(found) => Err(GgufError::Alignment { found }),
    }
}

/// The name of the tensor whose info is at this offset, which was checked before.
fn name_at(bytes: &[u8], offset: usize) -> &str {
    Cursor::new(bytes, offset).text(format_args!("name")).expect("every name was checked when the file was read")
}
