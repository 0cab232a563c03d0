//! Matrix products over slices: a checked door to the crate `gemm`.
//!
//! Look first at [`linear`] and its two derivatives, the only products outside attention. Weights are stored as GGUF
//! stores them, one row of `n_in` numbers for each output, so `y = x · wᵀ`.

#![allow(unsafe_code)]

/// A matrix inside a slice: element `(r, c)` is `data[r · row_stride + c · col_stride]`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> View<'a> {
    /// Rows of `cols` numbers, one after another.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Rows of `cols` numbers, `row_stride` apart.
    pub fn strided(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(fits(data.len(), rows, cols, row_stride));
        Self { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        let Self { data, rows, cols, row_stride, col_stride } = self;
        Self { data, rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride }
    }
}

/// Where a product goes: rows of `cols` numbers, `row_stride` apart.
#[derive(Debug)]
pub struct ViewMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a> ViewMut<'a> {
    /// Rows of `cols` numbers, one after another.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Rows of `cols` numbers, `row_stride` apart.
    pub fn strided(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(cols <= row_stride && fits(data.len(), rows, cols, row_stride));
        Self { data, rows, cols, row_stride }
    }
}

fn fits(len: usize, rows: usize, cols: usize, row_stride: usize) -> bool {
    rows == 0 || (rows - 1) * row_stride + cols <= len
}

/// What happens to the numbers that are already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    /// They are replaced.
    Set,
    /// The product is added to them.
    Add,
}

/// `dst = factor · a · b`, or `dst += …`, on the calling thread.
pub fn matmul(dst: ViewMut<'_>, a: View<'_>, b: View<'_>, factor: f32, into: Into) {
    assert!(dst.rows == a.rows && dst.cols == b.cols && a.cols == b.rows, "shapes of a product");
    if dst.rows == 0 {
        return;
    }
    // SAFETY: the constructors proved that the last element of each view lies inside its slice, and strides are
    // positive, so every element does. `dst` is borrowed mutably and its rows do not overlap.
    unsafe {
        gemm::gemm(
            dst.rows,
            dst.cols,
            a.cols,
            dst.data.as_mut_ptr(),
            1,
            dst.row_stride as isize,
            into == Into::Add,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            factor,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// `y = x · wᵀ`. x `[rows, n_in]`, w `[n_out, n_in]`, y `[rows, n_out]`.
pub fn linear(y: &mut [f32], x: &[f32], w: &[f32], rows: usize) {
    if rows == 0 {
        return;
    }
    let (n_in, n_out) = (x.len() / rows, y.len() / rows);
    matmul(ViewMut::new(y, rows, n_out), View::new(x, rows, n_in), View::new(w, n_out, n_in).t(), 1.0, Into::Set);
}

/// The derivative with respect to the input: `dx (+)= dy · w`.
pub fn linear_input(dx: &mut [f32], dy: &[f32], w: &[f32], rows: usize, into: Into) {
    if rows == 0 {
        return;
    }
    let (n_in, n_out) = (dx.len() / rows, dy.len() / rows);
    matmul(ViewMut::new(dx, rows, n_in), View::new(dy, rows, n_out), View::new(w, n_out, n_in), 1.0, into);
}

/// The derivative with respect to the weights: `dw += dyᵀ · x`.
pub fn linear_weight(dw: &mut [f32], dy: &[f32], x: &[f32], rows: usize) {
    if rows == 0 {
        return;
    }
    let (n_in, n_out) = (x.len() / rows, dy.len() / rows);
    let (dw, dy) = (ViewMut::new(dw, n_out, n_in), View::new(dy, rows, n_out).t());
    matmul(dw, dy, View::new(x, rows, n_in), 1.0, Into::Add);
}
