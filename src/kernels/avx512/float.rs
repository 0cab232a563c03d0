//! Products with float tiles: sixteen rows of one input are a line of f32, or half a line of f16 or bf16.
//!
//! ```text
//!  for each input k:   w ← sixteen rows;   for each column: acc ← fma(w, x[k] sixteen times, acc)
//! ```

use super::registers::{load, load_brains, load_halves, store};
use crate::kernels::packed::ROWS;
use crate::kernels::shapes;
use crate::quant::GgmlType;
use core::arch::x86_64::*;

/// A float format's product: `N` columns, `G` groups at a time so that several chains of additions are under way.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn float_tile<const TY: u32, const G: usize, const N: usize>(tiles: [&[u8]; G], x: [&[f32]; N]) -> [[__m512; N]; G] {
    let mut acc = [[_mm512_setzero_ps(); N]; G];
    let bytes = if TY == GgmlType::F32 as u32 { 4 * ROWS } else { 2 * ROWS };
    for k in 0..x[0].len() {
        let w: [__m512; G] = std::array::from_fn(|g| {
            let tile = &tiles[g][k * bytes..][..bytes];
            if TY == GgmlType::F32 as u32 {
                _mm512_castsi512_ps(load(tile.first_chunk().expect("sixteen f32 are a line")))
            } else if TY == GgmlType::F16 as u32 {
                load_halves(tile, 0)
            } else {
                load_brains(tile, 0)
            }
        });
        for c in 0..N {
            let x = _mm512_set1_ps(x[c][k]);
            (0..G).for_each(|g| acc[g][c] = _mm512_fmadd_ps(w[g], x, acc[g][c]));
        }
    }
    acc
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn float_inner<const TY: u32>(n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
    let group_bytes = n_in * ROWS * if TY == GgmlType::F32 as u32 { 4 } else { 2 };
    let shapes::Gemm { n_groups, n_cols } = shapes::gemm(n_in, group_bytes, tiles, x.len(), y);
    let y = y.as_chunks_mut::<ROWS>().0;
    let mut g = 0;
    while g < n_groups {
        let step = if n_groups - g >= 4 { 4 } else { 1 };
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
                (4, 4..) => step!(4, 4),
                (4, _) => step!(4, 1),
                (_, 4..) => step!(1, 4),
                (_, _) => step!(1, 1),
            }
        }
        g += step;
    }
}

pub(super) fn gemm_float<const TY: u32>(n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
    // SAFETY: see the top of `avx512/mod.rs`.
    unsafe { float_inner::<TY>(n_in, tiles, x, y) }
}
