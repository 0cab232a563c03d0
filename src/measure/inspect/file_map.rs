//! The file from its first byte to its last: what lies where.

use serde::Serialize;

use crate::gguf::{Gguf, Value, ValueType};

/// Magic, version, two counts.
const HEADER_BYTES: u64 = 24;

/// The sections of a file. They follow each other without gaps, and the last ends with the file.
#[derive(Debug, Clone, Serialize)]
pub struct FileMap {
    /// Bytes of the whole file.
    pub bytes: u64,
    /// GGUF version.
    pub version: u32,
    /// Tensors begin at multiples of this many bytes.
    pub alignment: usize,
    /// Header, metadata, tensor list, padding, tensor data, and what follows them, if anything does.
    pub sections: Vec<Section>,
}

/// A stretch of the file.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// What it is.
    pub name: &'static str,
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// How many entries it has: keys, tensors. 0 for sections without entries.
    pub n_entries: usize,
    /// The entries that take most of it, where there are such: (name, bytes).
    pub largest: Vec<(String, u64)>,
}

impl FileMap {
    /// Reads the map off a file's directory.
    pub(super) fn of(gguf: &Gguf) -> Self {
        let mut keys: Vec<(String, u64)> =
            gguf.metadata().iter().map(|(key, value)| (key.to_owned(), entry_bytes(key, &value))).collect();
        let metadata_bytes = keys.iter().map(|(_, bytes)| bytes).sum();
        let n_keys = keys.len();
        keys.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        keys.truncate(3);
        keys.retain(|(_, bytes)| bytes * 20 >= metadata_bytes);

        // A tensor's entry: name with its length, number of dimensions, dimensions, type, offset.
        let info_bytes = |info: crate::gguf::TensorInfo<'_>| (8 + info.name.len() + 4 + 8 * info.n_dims + 4 + 8) as u64;
        let list_bytes: u64 = gguf.tensors().map(info_bytes).sum();
        let n_tensors = gguf.tensors().len();
        let data_offset = gguf.data_offset() as u64;
        let data_bytes = (gguf.directory().data_bytes() as u64).min(gguf.file_bytes().saturating_sub(data_offset));

        let mut map = Self {
            bytes: gguf.file_bytes(),
            version: gguf.version(),
            alignment: gguf.alignment(),
            sections: Vec::new(),
        };
        map.push("header", HEADER_BYTES, 0, Vec::new());
        map.push("metadata", metadata_bytes, n_keys, keys);
        map.push("tensor list", list_bytes, n_tensors, Vec::new());
        map.push("padding", data_offset.saturating_sub(map.end()), 0, Vec::new());
        map.push("tensor data", data_bytes, n_tensors, Vec::new());
        map.push("rest", map.bytes.saturating_sub(map.end()), 0, Vec::new());
        map
    }

    /// Where the last section ends.
    fn end(&self) -> u64 {
        self.sections.last().map_or(0, |section| section.offset + section.bytes)
    }

    fn push(&mut self, name: &'static str, bytes: u64, n_entries: usize, largest: Vec<(String, u64)>) {
        if bytes > 0 {
            self.sections.push(Section { name, offset: self.end(), bytes, n_entries, largest });
        }
    }
}

/// Bytes of a key and its value in the file: the key behind its length, a type, the value.
fn entry_bytes(key: &str, value: &Value<'_>) -> u64 {
    8 + key.len() as u64 + 4 + value_bytes(value)
}

fn value_bytes(value: &Value<'_>) -> u64 {
    match value {
        Value::U8(_) | Value::I8(_) | Value::Bool(_) => 1,
        Value::U16(_) | Value::I16(_) => 2,
        Value::U32(_) | Value::I32(_) | Value::F32(_) => 4,
        Value::U64(_) | Value::I64(_) | Value::F64(_) => 8,
        Value::Str(text) => 8 + text.len() as u64,
        // Behind the type of its elements (4) and their number (8).
        Value::Array(array) if array.elem_type() == ValueType::Str => {
            12 + array.iter().map(|element| value_bytes(&element)).sum::<u64>()
        }
        Value::Array(array) => 12 + array.len() as u64 * array.iter().next().map_or(0, |element| value_bytes(&element)),
    }
}
