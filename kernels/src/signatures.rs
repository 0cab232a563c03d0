//! What kernels take: the types of the fields of [`Kernels`].
//!
//! Look first at [`BlockGemm`], which says which columns a matrix kernel gets.

#[cfg(doc)]
use super::Kernels;
use super::{ActBlock, Panel};

/// The matrix kernels of one block format, for few columns, and where few ends.
///
/// A product of the format calls [`a8`](Self::a8) or [`a16`](Self::a16) while it has fewer than `many_columns` columns; from
/// then on the weights are unpacked once ([`Kernels::expand`]) and multiplied by [`Kernels::gemm_panel`] or
/// [`Kernels::gemm_panel_a16`], which serve all formats. So a kernel that is put into one of the two fields reaches decoding,
/// and with `many_columns` at [`usize::MAX`] every product, prompts included ([`BlockGemm::for_any_columns`]).
#[derive(Debug, Clone, Copy)]
pub struct BlockGemm {
    /// `y = W · x` with activations of eight bits (A8).
    pub a8: Gemm,
    /// `y = W · x` with activations of sixteen bits (A16). The optimized path calls it for queries, keys, values and the last
    /// matrix always, and for the others if it is told to compute with sixteen bits; `a8` for the others if not.
    pub a16: Gemm<2>,
    /// Columns from which on unpacking the weights once and keeping them in the cache is faster than unpacking them in registers
    /// for every few columns. It depends on the instruction set: on how many columns its kernels take at a time.
    pub many_columns: usize,
}

impl BlockGemm {
    /// Kernels that get every product of their format, however many columns it has: no panels.
    pub const fn for_any_columns(a8: Gemm, a16: Gemm<2>) -> Self {
        Self { a8, a16, many_columns: usize::MAX }
    }
}

/// `y = W · x`, quantised: `(n_in, tiles, x, y)`.
///
/// `tiles` are whole groups of sixteen packed rows, `x` is `[n_cols][n_in / 32]`, `y` is `[n_cols][16 · n_groups]`.
pub type Gemm<const LIMBS: usize = 1> = fn(usize, &[u8], &[ActBlock<LIMBS>], &mut [f32]);
/// `y = W · x` from an unpacked panel: `(panel, x, y)`.
pub type GemmPanel<const LIMBS: usize = 1> = fn(&Panel, &[ActBlock<LIMBS>], &mut [f32]);
/// `y = W · x` for float weights: `(n_in, tiles, x, y)` with `x` as `[n_cols][n_in]` numbers.
pub type GemmFloat = fn(usize, &[u8], &[f32], &mut [f32]);
/// `(x, out)`, of equal length.
pub type Map = fn(&[f32], &mut [f32]);
/// `(gate, up, out)`, of equal length.
pub type MapPair = fn(&[f32], &[f32], &mut [f32]);
/// `(rows, head_dim, out)`: rows of the cache as f32.
pub type Load = fn(&[u8], usize, &mut [f32]);
/// `(q, k, head_dim, scale, scores, stride)`, see [`Kernels::qk`].
pub type Qk = fn(&[f32], &[f32], usize, f32, &mut [f32], usize);
/// `(q, k, head_dim, scale, scores, stride)`, see [`Kernels::qk_f16`].
pub type QkStored = fn(&[f32], &[u8], usize, f32, &mut [f32], usize);
/// `(x, weight, bias, eps, out)`.
pub type LayerNorm = fn(&[f32], &[f32], &[f32], f32, &mut [f32]);
/// `(x, cos, sin)`: one head, and an angle for each pair of it.
pub type Rope = fn(&mut [f32], &[f32], &[f32]);
