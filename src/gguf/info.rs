//! [`TensorInfo`]: what a file says about one tensor, and whether it can be true.
//!
//! Look first at `TensorInfo::read`. The rest are the checks of a shape: that its elements can be counted, that a
//! row is whole blocks of its type, that its bytes can be counted. The writer is held to the same.

use crate::quant::GgmlType;

use super::GgufError;
use super::cursor::Cursor;
use super::error::Shown;

/// A tensor's name must be shorter than this. Source: `GGML_MAX_NAME`.
const MAX_NAME: usize = 64;

/// What a file says about one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorInfo<'a> {
    /// Unique in the file.
    pub name: &'a str,
    /// How the elements are stored.
    pub ty: GgmlType,
    /// Elements in each dimension; `ne[0]` is the row, contiguous in memory. Missing dimensions are 1.
    pub ne: [usize; 4],
    /// How many dimensions the file wrote.
    pub n_dims: usize,
    /// Where the data begins, from the start of the data section.
    pub offset: usize,
}

impl<'a> TensorInfo<'a> {
    /// Reads one entry: name, dimensions, type, offset. Also returns the offset as the file has it.
    pub(super) fn read(cursor: &mut Cursor<'a>, index: usize) -> Result<(Self, u64), GgufError> {
        let start = cursor.position();
        let name = cursor.text(format_args!("name of tensor {index}"))?;
        if name.len() >= MAX_NAME {
            return Err(GgufError::NameTooLong { index, offset: start, length: name.len() });
        }
        let tensor = || name.into();

        let at = cursor.position();
        let n_dims = cursor.u32(format_args!("number of dimensions of tensor '{}'", Shown(name)))?;
        if n_dims > 4 {
            return Err(GgufError::Dimensions { tensor: tensor(), offset: at, found: n_dims });
        }
        let mut ne = [1; 4];
        for dim in 0..n_dims as usize {
            let at = cursor.position();
            let found = cursor.i64(format_args!("dimension {dim} of tensor '{}'", Shown(name)))?;
            ne[dim] = usize::try_from(found).map_err(|_| GgufError::NegativeDimension {
                tensor: tensor(),
                offset: at,
                dim,
                found,
            })?;
        }
        check_elements(name, ne, at)?;

        let at = cursor.position();
        let id = cursor.i32(format_args!("type of tensor '{}'", Shown(name)))?;
        let ty = tensor_type(name, id, ne[0], at)?;
        check_bytes(name, ty, ne, at)?;

        let offset = cursor.u64(format_args!("offset of tensor '{}'", Shown(name)))?;
        Ok((Self { name, ty, ne, n_dims: n_dims as usize, offset: offset as usize }, offset))
    }

    /// A tensor that is about to be written, held to the same rules as one that is read.
    pub(super) fn checked(name: &'a str, ty: GgmlType, shape: &[usize]) -> Result<Self, GgufError> {
        let tensor = || name.into();
        if name.len() >= MAX_NAME {
            return Err(GgufError::NameTooLong { index: 0, offset: 0, length: name.len() });
        }
        if shape.len() > 4 {
            return Err(GgufError::Dimensions { tensor: tensor(), offset: 0, found: shape.len() as u32 });
        }
        let mut ne = [1; 4];
        ne[..shape.len()].copy_from_slice(shape);
        check_elements(name, ne, 0)?;
        tensor_type(name, ty.id() as i32, ne[0], 0)?;
        check_bytes(name, ty, ne, 0)?;
        Ok(Self { name, ty, ne, n_dims: shape.len(), offset: 0 })
    }

    /// Elements in all.
    pub fn n_elements(&self) -> usize {
        self.ne.iter().product()
    }

    /// Bytes of the data, without padding.
    pub fn n_bytes(&self) -> usize {
        self.n_elements() / self.ty.block_len() * self.ty.block_bytes()
    }

    /// The dimensions that the file wrote.
    pub fn shape(&self) -> &[usize] {
        &self.ne[..self.n_dims]
    }

    /// Where the next tensor begins if this one begins at `start`.
    pub(super) fn padded_end(&self, start: usize, alignment: usize) -> Result<usize, GgufError> {
        let bytes = self.n_bytes();
        let padded = bytes.checked_next_multiple_of(alignment).ok_or_else(|| GgufError::PaddingOverflow {
            tensor: self.name.into(),
            bytes,
            alignment,
        })?;
        start.checked_add(padded).ok_or_else(|| GgufError::SizeOverflow {
            tensor: self.name.into(),
            sum: start,
            bytes: padded,
        })
    }
}

/// The number of elements must be an i64, whether or not a later dimension is zero.
fn check_elements(name: &str, ne: [usize; 4], offset: usize) -> Result<(), GgufError> {
    let too_many = || GgufError::TooManyElements { tensor: name.into(), offset, ne };
    let mut elements = ne[0] as u64;
    for n in ne[1..].iter().map(|&n| n as u64) {
        elements = elements.checked_mul(n).filter(|&total| total <= i64::MAX as u64).ok_or_else(too_many)?;
    }
    Ok(())
}

/// The type with this id, if a row of `found` elements is whole blocks of it.
fn tensor_type(name: &str, id: i32, found: usize, offset: usize) -> Result<GgmlType, GgufError> {
    let tensor = || name.into();
    let known = u32::try_from(id).ok().filter(|&id| id < GgmlType::COUNT);
    let id = known.ok_or_else(|| GgufError::InvalidTensorType { tensor: tensor(), offset, found: id })?;
    match GgmlType::from_id(id) {
        Some(ty) if found.is_multiple_of(ty.block_len()) => Ok(ty),
        Some(ty) => {
            let (ty, block) = (ty.to_string(), ty.block_len());
            Err(GgufError::RowNotWholeBlocks { tensor: tensor(), offset, ty, found, block })
        }
        // A format that was removed from GGML: its blocks have no size any more.
        None => Err(GgufError::RowNotWholeBlocks {
            tensor: tensor(),
            offset,
            ty: format!("{id} (removed)"),
            found,
            block: 0,
        }),
    }
}

fn check_bytes(name: &str, ty: GgmlType, ne: [usize; 4], offset: usize) -> Result<(), GgufError> {
    let blocks = ne.iter().product::<usize>() / ty.block_len();
    match blocks.checked_mul(ty.block_bytes()) {
        Some(_) => Ok(()),
        None => Err(GgufError::TooManyBytes { tensor: name.into(), offset, ne }),
    }
}
