//! [`TensorView`]: a [`Layout`] and the bytes it walks, borrowed from a mapped file or anyone else.

use std::ops::Range;

use crate::quant::GgmlType;

use super::{Layout, Shape, Strides, TensorError};

/// A tensor in somebody else's memory. Every method that gives another view shares these bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorView<'a> {
    layout: Layout,
    /// Begins at the first element and has `layout.extent()` bytes.
    bytes: &'a [u8],
}

impl<'a> TensorView<'a> {
    /// Rows back to back. `bytes` may be longer than they are.
    pub fn new(ty: GgmlType, ne: Shape, bytes: &'a [u8]) -> Result<Self, TensorError> {
        Self::with_layout(Layout::contiguous(ty, ne)?, bytes)
    }

    /// Any layout that stays within `bytes`.
    pub fn with_layout(layout: Layout, bytes: &'a [u8]) -> Result<Self, TensorError> {
        let (expected, found) = (layout.extent(), bytes.len());
        match bytes.get(..expected) {
            Some(bytes) => Ok(Self { layout, bytes }),
            None => Err(TensorError::TooShort { ty: layout.ty(), ne: layout.ne(), expected, found }),
        }
    }

    /// The type, shape and strides.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Elements along each dimension.
    pub fn ne(&self) -> Shape {
        self.layout.ne()
    }

    /// Bytes from one element to the next along each dimension.
    pub fn nb(&self) -> Strides {
        self.layout.nb()
    }

    /// From the first byte of the first element to the last of the last; other elements may lie between.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Other shape and strides over the same bytes, beginning `offset` bytes further (`ggml_view_4d`).
    pub fn view(&self, ne: Shape, nb: Strides, offset: usize) -> Result<Self, TensorError> {
        let ty = self.layout.ty();
        let layout = Layout::strided(ty, ne, nb)?;
        if !offset.is_multiple_of(ty.block_bytes()) {
            return Err(TensorError::SplitsBlock { ty, what: "a view" });
        }
        Self::with_layout(layout, self.bytes.get(offset..).unwrap_or_default())
    }

    /// A range of one dimension.
    pub fn slice(&self, dim: usize, range: Range<usize>) -> Result<Self, TensorError> {
        let (layout, offset) = self.layout.slice(dim, range)?;
        Self::with_layout(layout, &self.bytes[offset..])
    }

    /// Renames dimensions: dimension `i` becomes dimension `axes[i]`.
    pub fn permute(&self, axes: [usize; 4]) -> Result<Self, TensorError> {
        Ok(Self { layout: self.layout.permute(axes)?, bytes: self.bytes })
    }

    /// Rows become columns.
    pub fn transpose(&self) -> Result<Self, TensorError> {
        Ok(Self { layout: self.layout.transpose()?, bytes: self.bytes })
    }

    /// The same elements in the same order under another shape; the view must be contiguous.
    pub fn reshape(&self, ne: Shape) -> Result<Self, TensorError> {
        Ok(Self { layout: self.layout.reshape(ne)?, bytes: self.bytes })
    }

    /// The bytes of one row, `layout().row_bytes()` of them.
    pub fn row(&self, i1: usize, i2: usize, i3: usize) -> Result<&'a [u8], TensorError> {
        if !self.layout.has_contiguous_rows() {
            return Err(TensorError::NotContiguous { what: "a row as one slice", ne: self.ne(), nb: self.nb() });
        }
        if self.ne()[0] == 0 {
            return Ok(&[]);
        }
        let start = self.layout.offset([0, i1, i2, i3])?;
        Ok(&self.bytes[start..start + self.layout.row_bytes()])
    }

    /// The bytes of the block that holds an element: of the element itself where the type is a plain number.
    pub fn block(&self, index: [usize; 4]) -> Result<&'a [u8], TensorError> {
        let start = self.layout.offset(index)?;
        Ok(&self.bytes[start..start + self.layout.ty().block_bytes()])
    }

    /// A copy in which the elements lie in the order they are walked: row after row (`ggml_cont`).
    pub fn contiguous(&self) -> Vec<u8> {
        let [n0, n1, n2, n3] = self.ne();
        let mut copy = Vec::with_capacity(self.layout.n_rows() * self.layout.row_bytes());
        for i3 in 0..n3 {
            for i2 in 0..n2 {
                for i1 in 0..n1 {
                    for i0 in (0..n0).step_by(self.layout.ty().block_len()) {
                        copy.extend_from_slice(self.block([i0, i1, i2, i3]).expect("the index is within the shape"));
                    }
                }
            }
        }
        copy
    }
}
