//! Products with float tiles: sixteen rows of one input are a line of f32, or half a line of f16 or bf16.
//!
//! ```text
//!  for each input k:   w ← sixteen rows, four registers;   for each column: acc ← fma(w, x[k] everywhere, acc)
//! ```

use super::registers::{Sixteen, fma, load, load_brains, load_halves, set, store};
use crate::kernels::packed::ROWS;
use crate::kernels::shapes;
use crate::quant::GgmlType;
use core::arch::aarch64::*;

const F32: u32 = GgmlType::F32 as u32;
const F16: u32 = GgmlType::F16 as u32;

/// `N` columns, `G` groups at a time so that several chains of additions are under way.
#[inline]
#[target_feature(enable = "neon")]
fn float_tile<const TY: u32, const G: usize, const N: usize>(tiles: [&[u8]; G], x: [&[f32]; N]) -> [[Sixteen; N]; G] {
    let mut acc = [[set(0.0); N]; G];
    let bytes = if TY == F32 { 4 * ROWS } else { 2 * ROWS };
    for k in 0..x[0].len() {
        for g in 0..G {
            let tile = &tiles[g][k * bytes..][..bytes];
            let w = match TY {
                F32 => load(tile.first_chunk().expect("sixteen f32 are a line")).map(|w| vreinterpretq_f32_u8(w)),
                F16 => load_halves(tile, 0),
                _ => load_brains(tile, 0),
            };
            (0..N).for_each(|c| acc[g][c] = fma(w, set(x[c][k]), acc[g][c]));
        }
    }
    acc
}

#[target_feature(enable = "neon")]
fn float_inner<const TY: u32>(n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
    let group_bytes = n_in * ROWS * if TY == F32 { 4 } else { 2 };
    let shapes::Gemm { n_groups, n_cols } = shapes::gemm(n_in, group_bytes, tiles, x.len(), y);
    let y = y.as_chunks_mut::<ROWS>().0;
    let mut g = 0;
    while g < n_groups {
        let step = if n_groups - g >= 2 { 2 } else { 1 };
        let mut c = 0;
        while c < n_cols {
            macro_rules! step {
                ($groups:literal, $columns:literal) => {{
                    let tiles = std::array::from_fn(|i| &tiles[(g + i) * group_bytes..][..group_bytes]);
                    let x = std::array::from_fn(|i| &x[(c + i) * n_in..][..n_in]);
                    let acc = float_tile::<TY, $groups, $columns>(tiles, x);
                    for i in 0..$groups {
                        (0..$columns).for_each(|j| store(&mut y[(c + j) * n_groups + g + i], acc[i][j]));
                    }
                    c += $columns;
                }};
            }
            match (step, n_cols - c) {
                (2, 2..) => step!(2, 2),
                (2, _) => step!(2, 1),
                (_, 2..) => step!(1, 2),
                (_, _) => step!(1, 1),
            }
        }
        g += step;
    }
}

pub(super) fn gemm_float<const TY: u32>(n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
    // SAFETY: see the top of `neon/mod.rs`.
    unsafe { float_inner::<TY>(n_in, tiles, x, y) }
}
