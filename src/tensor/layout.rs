//! [`Layout`]: a type, a shape and the strides, and every change that moves no byte.

use std::ops::Range;

use crate::quant::GgmlType;

use super::TensorError;

/// `ne`: elements along each dimension; dimension 0 is the row, unused ones are 1.
pub type Shape = [usize; 4];

/// `nb`: bytes from one element to the next along each dimension; along dimension 0, from one *block* to the next.
pub type Strides = [usize; 4];

/// How a tensor of one type is walked. The bytes themselves are elsewhere; offsets count from its first element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    ty: GgmlType,
    ne: Shape,
    nb: Strides,
}

impl Layout {
    /// Rows back to back: each stride is the one before it times the number of steps along it.
    pub fn contiguous(ty: GgmlType, ne: Shape) -> Result<Self, TensorError> {
        check_shape(ty, ne)?;
        let too_large = TensorError::TooLarge { ty, ne };
        let row = ty.row_bytes(ne[0]).ok_or(too_large.clone())?;
        let mut nb = [ty.block_bytes(), row, 0, 0];
        nb[2] = nb[1].checked_mul(ne[1]).ok_or(too_large.clone())?;
        nb[3] = nb[2].checked_mul(ne[2]).ok_or(too_large.clone())?;
        nb[3].checked_mul(ne[3]).ok_or(too_large)?;
        Ok(Self { ty, ne, nb })
    }

    /// Any strides, as long as they step over whole blocks. Elements may overlap or repeat (a stride of 0).
    pub fn strided(ty: GgmlType, ne: Shape, nb: Strides) -> Result<Self, TensorError> {
        check_shape(ty, ne)?;
        let layout = Self { ty, ne, nb };
        if nb.iter().any(|stride| !stride.is_multiple_of(ty.block_bytes())) {
            return Err(TensorError::SplitsBlock { ty, what: "a stride" });
        }
        layout.checked_extent().ok_or(TensorError::TooLarge { ty, ne })?;
        Ok(layout)
    }

    /// How the elements are stored.
    pub fn ty(&self) -> GgmlType {
        self.ty
    }

    /// Elements along each dimension.
    pub fn ne(&self) -> Shape {
        self.ne
    }

    /// Bytes from one element (along dimension 0: one block) to the next.
    pub fn nb(&self) -> Strides {
        self.nb
    }

    /// Elements in all.
    pub fn n_elements(&self) -> usize {
        self.ne.iter().product()
    }

    /// Rows in all.
    pub fn n_rows(&self) -> usize {
        self.ne[1..].iter().product()
    }

    /// Bytes of one row when it is contiguous.
    pub fn row_bytes(&self) -> usize {
        self.blocks()[0] * self.ty.block_bytes()
    }

    /// Steps along each dimension: blocks along the row, elements along the others.
    fn blocks(&self) -> [usize; 4] {
        [self.ne[0] / self.ty.block_len(), self.ne[1], self.ne[2], self.ne[3]]
    }

    /// Bytes from the first element to behind the last one: what the bytes of a view must have at least.
    pub fn extent(&self) -> usize {
        self.checked_extent().expect("the extent was computed when the layout was made")
    }

    fn checked_extent(&self) -> Option<usize> {
        let blocks = self.blocks();
        if blocks.contains(&0) {
            return Some(0);
        }
        let last = |dim: usize| (blocks[dim] - 1).checked_mul(self.nb[dim]);
        (0..4).try_fold(self.ty.block_bytes(), |end, dim| end.checked_add(last(dim)?))
    }

    /// Whether rows are one slice each.
    pub fn has_contiguous_rows(&self) -> bool {
        self.blocks()[0] <= 1 || self.nb[0] == self.ty.block_bytes()
    }

    /// Whether walking the elements in order walks the bytes in order, without gaps. The stride of a dimension with a
    /// single element is never walked, so it does not matter.
    pub fn is_contiguous(&self) -> bool {
        let blocks = self.blocks();
        let mut expected = self.ty.block_bytes();
        for dim in 0..4 {
            if blocks[dim] > 1 && self.nb[dim] != expected {
                return blocks.contains(&0);
            }
            expected = expected.saturating_mul(blocks[dim]);
        }
        true
    }

    /// Where the block that holds an element begins.
    pub fn offset(&self, index: [usize; 4]) -> Result<usize, TensorError> {
        if index.iter().zip(&self.ne).any(|(i, n)| i >= n) {
            return Err(TensorError::OutOfRange { index, ne: self.ne });
        }
        let steps = [index[0] / self.ty.block_len(), index[1], index[2], index[3]];
        Ok(steps.iter().zip(&self.nb).map(|(i, stride)| i * stride).sum())
    }

    /// Renames dimensions: dimension `i` of this layout is dimension `axes[i]` of the result (GGML's order). The row of a
    /// quantised tensor must stay the row.
    pub fn permute(&self, axes: [usize; 4]) -> Result<Self, TensorError> {
        let mut sorted = axes;
        sorted.sort_unstable();
        if sorted != [0, 1, 2, 3] {
            return Err(TensorError::NotAPermutation { found: axes });
        }
        if axes[0] != 0 && self.ty.block_len() > 1 {
            return Err(TensorError::SplitsBlock { ty: self.ty, what: "a column" });
        }
        let mut permuted = *self;
        for (dim, &axis) in axes.iter().enumerate() {
            permuted.ne[axis] = self.ne[dim];
            permuted.nb[axis] = self.nb[dim];
        }
        Ok(permuted)
    }

    /// Rows become columns.
    pub fn transpose(&self) -> Result<Self, TensorError> {
        self.permute([1, 0, 2, 3])
    }

    /// The same elements in the same order under another shape. Only a contiguous layout can tell where they go.
    pub fn reshape(&self, ne: Shape) -> Result<Self, TensorError> {
        if !self.is_contiguous() {
            return Err(TensorError::NotContiguous { what: "reshape", ne: self.ne, nb: self.nb });
        }
        let n = ne.iter().try_fold(1usize, |n, &x| n.checked_mul(x));
        if n != Some(self.n_elements()) {
            return Err(TensorError::Reshape { from: self.ne, to: ne });
        }
        Self::contiguous(self.ty, ne)
    }

    /// A range of one dimension, and the offset at which it begins.
    pub fn slice(&self, dim: usize, range: Range<usize>) -> Result<(Self, usize), TensorError> {
        let Range { start, end } = range;
        if dim > 3 || start > end || end > self.ne[dim] {
            return Err(TensorError::BadRange { dim, start, end, ne: self.ne });
        }
        let step = if dim == 0 { self.ty.block_len() } else { 1 };
        if !start.is_multiple_of(step) || !end.is_multiple_of(step) {
            return Err(TensorError::SplitsBlock { ty: self.ty, what: "a slice of a row" });
        }
        let mut slice = *self;
        slice.ne[dim] = end - start;
        // An empty slice has no first element whose offset could matter (or exist).
        let offset = if slice.n_elements() == 0 { 0 } else { start / step * self.nb[dim] };
        Ok((slice, offset))
    }
}

/// Rows of whole blocks, and elements that can be counted, also where a dimension is 0 or a stride repeats them.
fn check_shape(ty: GgmlType, ne: Shape) -> Result<(), TensorError> {
    if !ne[0].is_multiple_of(ty.block_len()) {
        return Err(TensorError::RowNotWholeBlocks { ty, found: ne[0] });
    }
    let countable = ne.iter().try_fold(1usize, |n, &x| n.checked_mul(x.max(1)));
    countable.map(|_| ()).ok_or(TensorError::TooLarge { ty, ne })
}
