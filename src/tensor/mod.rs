//! What a tensor looks like in memory: one run of bytes, and eight numbers that say how to walk it.
//!
//! GGML gives every tensor four dimensions: `ne[i]` is the number of *elements* along dimension `i`, `nb[i]` the number
//! of *bytes* from one element to the next along it. Element `(i0, i1, i2, i3)` begins at
//!
//! ```text
//! i0·nb[0] + i1·nb[1] + i2·nb[2] + i3·nb[3]
//! ```
//!
//! and that sum is the whole memory layout. Dimension 0 is the row. A matrix of 2 rows with 3 numbers (`ne = [3, 2]`,
//! F32, 4 bytes each) lies like this, and *transposing it moves no byte*; it exchanges two numbers and two strides:
//!
//! ```text
//!                 byte   0   4   8  12  16  20
//!                      ┌───┬───┬───┬───┬───┬───┐
//!                      │ a │ b │ c │ d │ e │ f │          the same bytes, before and after
//!                      └───┴───┴───┴───┴───┴───┘
//!
//!   ne = [3, 2]   nb = [4, 12]      transpose()      ne = [2, 3]   nb = [12, 4]
//!
//!        i0 → 4 bytes               ──────────→           i0 → 12 bytes
//!   i1   a  b  c                                     i1   a  d
//!   ↓    d  e  f                                     ↓    b  e
//!   12                                               4    c  f
//!
//!   contiguous: nb grows as ne is                    not contiguous: a row is no longer one slice,
//!   multiplied up, rows tile the bytes               so row() refuses; contiguous() would copy
//! ```
//!
//! In a quantised tensor a *block* of weights shares a scale, so nothing smaller than a block has an address: `nb[0]` is
//! the bytes of one block, `i0` counts blocks of weights, and a view that would begin or end inside one is an error.
//!
//! Look first at [`Layout`], the eight numbers; a [`TensorView`] adds the bytes. What this room deliberately does not
//! do: arithmetic, and owning memory.
//!
//! Source: `struct ggml_tensor`, `ggml_view_4d`, `ggml_permute`, `ggml_reshape` in `ggml.c`.

mod error;
mod layout;
mod view;

pub use error::TensorError;
pub use layout::{Layout, Shape, Strides};
pub use view::TensorView;
