//! The shapes that a kernel's slices must have, checked once per call: everything behind them may rely on the lengths.
//! A wrong length is a mistake of the caller, so it panics as indexing would.

use super::KEY_TILE;
use super::packed::{Panel, ROWS};

/// Sizes of `y[n_cols][16 · n_groups] = W · x`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gemm {
    pub(super) n_groups: usize,
    pub(super) n_cols: usize,
}

/// A product with packed tiles: whole groups of `group_bytes`; `x` is `[n_cols][n_in]`.
pub(super) fn gemm(n_in: usize, group_bytes: usize, tiles: &[u8], x_len: usize, y: &[f32]) -> Gemm {
    assert!(
        group_bytes > 0 && tiles.len().is_multiple_of(group_bytes),
        "tiles are whole groups of {group_bytes} bytes"
    );
    product(tiles.len() / group_bytes, n_in, x_len, y)
}

/// A product with a panel; `x` is `[n_cols][n_strips]` blocks.
pub(super) fn panel(panel: &Panel, n_blocks: usize, y: &[f32]) -> Gemm {
    let n_strips = panel.n_strips;
    assert!(
        n_strips > 0 && panel.strips.len().is_multiple_of(n_strips),
        "a panel is whole groups of {n_strips} strips"
    );
    product(panel.strips.len() / n_strips, n_strips, n_blocks, y)
}

fn product(n_groups: usize, n_in: usize, x_len: usize, y: &[f32]) -> Gemm {
    let n_cols = rows(x_len, n_in);
    assert_eq!(y.len(), n_cols * n_groups * ROWS, "y is [n_cols = {n_cols}][n_out = {}]", n_groups * ROWS);
    Gemm { n_groups, n_cols }
}

/// How many rows of `width` numbers there are.
pub(super) fn rows(len: usize, width: usize) -> usize {
    assert!(width > 0 && len.is_multiple_of(width), "{len} numbers are no whole rows of {width}");
    len / width
}

/// Checks that `len` numbers are the tiles of `n` keys, and says how many positions these tiles have.
pub(super) fn key_tiles(n: usize, head_dim: usize, len: usize) -> usize {
    let padded = n.next_multiple_of(KEY_TILE);
    assert_eq!(len, padded * head_dim, "{n} keys are tiles [{}][{head_dim}][{KEY_TILE}]", padded / KEY_TILE);
    padded
}

/// Where dimension `d` of position `p` lies in the tiles of one head's keys.
#[inline]
pub(super) fn in_key_tiles(head_dim: usize, d: usize, p: usize) -> usize {
    (p / KEY_TILE * head_dim + d) * KEY_TILE + p % KEY_TILE
}

/// Checks that `n` rows of `width` numbers, `stride` apart, fit into `len`.
pub(super) fn strided(len: usize, n: usize, stride: usize, width: usize) {
    let fits = n == 0 || width <= stride && (n - 1) * stride + width <= len;
    assert!(fits, "{n} rows of {width}, {stride} apart, do not fit into {len}");
}
