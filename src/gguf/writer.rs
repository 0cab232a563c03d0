//! [`Writer`]: metadata and tensors → a GGUF file that every reader accepts.
//!
//! The same input gives the same bytes. Trailing dimensions of 1 are not written, and every tensor, the last one
//! too, is padded to the alignment (`general.alignment` of the metadata, else 32).

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;

use crate::quant::GgmlType;

use super::directory::alignment;
use super::encode::{Scalar, put_string};
use super::{GgufError, Metadata, TensorInfo};

/// The version that is written.
const VERSION: u32 = 3;

/// A file that is being put together. Tensors are borrowed or owned until they are written.
#[derive(Debug)]
pub struct Writer<'a> {
    metadata: Metadata,
    tensors: Vec<Tensor<'a>>,
    names: HashSet<String>,
}

#[derive(Debug)]
struct Tensor<'a> {
    name: String,
    ty: GgmlType,
    /// Trailing dimensions of 1 trimmed away.
    ne: Vec<usize>,
    data: Cow<'a, [u8]>,
}

impl<'a> Writer<'a> {
    /// A file with this metadata and no tensors yet.
    pub fn new(metadata: Metadata) -> Self {
        Self { metadata, tensors: Vec::new(), names: HashSet::new() }
    }

    /// Adds a tensor of shape `ne` (`ne[0]` is the row). The data must be exactly as long as type and shape say.
    pub fn tensor(
        &mut self,
        name: &str,
        ty: GgmlType,
        ne: &[usize],
        data: impl Into<Cow<'a, [u8]>>,
    ) -> Result<&mut Self, GgufError> {
        let data = data.into();
        let info = TensorInfo::checked(name, ty, ne)?;
        if data.len() != info.n_bytes() {
            return Err(GgufError::DataLength {
                tensor: name.into(),
                ty: ty.to_string(),
                ne: ne.to_vec(),
                expected: info.n_bytes(),
                found: data.len(),
            });
        }
        if !self.names.insert(name.to_owned()) {
            let (index, offset) = (self.tensors.len(), 0);
            return Err(GgufError::DuplicateTensor { tensor: name.into(), index, offset });
        }
        let n_dims = 1 + ne.iter().rposition(|&n| n != 1).unwrap_or(0);
        let ne = info.ne[..n_dims].to_vec();
        self.tensors.push(Tensor { name: name.to_owned(), ty, ne, data });
        Ok(self)
    }

    /// Writes the file.
    pub fn write(&self, mut out: impl io::Write) -> Result<(), GgufError> {
        let alignment = alignment(&self.metadata)?;
        let mut head = Vec::new();
        head.extend_from_slice(b"GGUF");
        VERSION.put(&mut head);
        (self.tensors.len() as i64).put(&mut head);
        (self.metadata.len() as i64).put(&mut head);
        self.metadata.write(&mut head);

        let mut offset = 0;
        for tensor in &self.tensors {
            put_string(tensor.name.as_bytes(), &mut head);
            (tensor.ne.len() as u32).put(&mut head);
            for &n in &tensor.ne {
                (n as i64).put(&mut head);
            }
            tensor.ty.id().put(&mut head);
            (offset as u64).put(&mut head);
            offset += tensor.data.len().next_multiple_of(alignment);
        }
        if !self.tensors.is_empty() {
            head.resize(head.len().next_multiple_of(alignment), 0);
        }
        out.write_all(&head)?;

        for tensor in &self.tensors {
            out.write_all(&tensor.data)?;
            let padding = tensor.data.len().next_multiple_of(alignment) - tensor.data.len();
            io::copy(&mut io::Read::take(io::repeat(0), padding as u64), &mut out)?;
        }
        out.flush()?;
        Ok(())
    }

    /// The file as bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GgufError> {
        let mut bytes = Vec::new();
        self.write(&mut bytes)?;
        Ok(bytes)
    }
}
