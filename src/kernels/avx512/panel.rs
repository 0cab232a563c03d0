//! Many columns: groups of rows are unpacked once into a panel, then multiplied tile by tile.
//!
//! ```text
//!  32 rows × 6 columns at a time: 12 sums and 12 accumulators live in registers; of two digits 3 columns, 12 sums and 6
//!
//!  for each strip:
//!      for each of 8 lines:  load 2 lines of codes; for each column: 1 word of x, 2 × vpdpbusd
//!      for each group and column:  acc ← fma(sum · d_x, scale, acc), and the minimum
//! ```
//!
//! A line of codes is used six times and a word of activations twice for every load. The bits are those of `gemm.rs`.

use super::gemm::{add, times_base};
use super::registers::{load, load_f32, store};
use super::unpack::{scales, unpack};
use crate::kernels::activations::ActBlock;
use crate::kernels::packed::{Layout, Panel, ROWS, Strip};
use crate::kernels::shapes;
use crate::quant::GgmlType;
use core::arch::x86_64::*;

/// Unpacks whole groups.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn expand_inner(ty: GgmlType, n_in: usize, tiles: &[u8], panel: &mut Panel) {
    let layout = Layout::of(ty).expect("a panel is made of a block format");
    panel.shape(&layout, n_in, tiles);
    for (tile, strips) in tiles.chunks_exact(layout.tile_bytes()).zip(panel.strips.chunks_exact_mut(layout.strips)) {
        for (b, strip) in strips.iter_mut().enumerate() {
            let lines = unpack(layout.codes, &tile[layout.strip_at(b)..]);
            let (scale, min) = scales(layout.scales, tile, b);
            for j in 0..8 {
                // SAFETY: the line is 64 writable bytes, and the store needs no alignment.
                unsafe { _mm512_storeu_si512(strip.codes[j].as_mut_ptr().cast(), lines[j]) };
            }
            for h in 0..2 {
                store(&mut strip.scale[h], scale[h]);
                store(&mut strip.min[h], min[h]);
            }
        }
    }
}

/// `−zero · Σ q` in every lane, over a strip or one half of it. Computed in vectors: a number that is made as a scalar is
/// slow to come over.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn minus_zero<const HALVES: bool, const DIGITS: usize>(zero: __m512i, x: &ActBlock<DIGITS>, half: usize) -> __m512i {
    let sums = x.sums.map(|sum| _mm512_set1_epi32(sum));
    let sum = if HALVES { sums[half] } else { _mm512_add_epi32(sums[0], sums[1]) };
    _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_mullo_epi32(sum, zero))
}

/// The sums of one digit, or of both.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn together<const DIGITS: usize>(sums: [__m512i; DIGITS]) -> __m512i {
    match DIGITS {
        1 => sums[0],
        _ => _mm512_add_epi32(sums[0], times_base(sums[1])),
    }
}

/// `G` groups of a panel times `N` columns: `G · N` sums live in registers while a line of codes is used `N` times and a
/// word of activations `G` times. Formats with minima have no zero point, and their sums begin at nothing.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn tile<const HALVES: bool, const MIN: bool, const DIGITS: usize, const G: usize, const N: usize>(
    zero: __m512i,
    strips: [&[Strip]; G],
    x: [&[ActBlock<DIGITS>]; N],
) -> [[__m512; N]; G] {
    let mut acc = [[_mm512_setzero_ps(); N]; G];
    for k in 0..strips[0].len() {
        for h in 0..if HALVES { 2 } else { 1 } {
            let mut sum = [[[_mm512_setzero_si512(); DIGITS]; N]; G];
            if !MIN {
                for c in 0..N {
                    let start = minus_zero::<HALVES, DIGITS>(zero, &x[c][k], h);
                    (0..G).for_each(|g| sum[g][c][0] = start);
                }
            }
            let n_lines = if HALVES { 4 } else { 8 };
            for j in n_lines * h..n_lines * h + n_lines {
                let lines: [__m512i; G] = std::array::from_fn(|g| load(&strips[g][k].codes[j]));
                for c in 0..N {
                    for digit in 0..DIGITS {
                        let word = _mm512_set1_epi32(x[c][k].word(digit, j));
                        (0..G).for_each(|g| sum[g][c][digit] = _mm512_dpbusd_epi32(sum[g][c][digit], lines[g], word));
                    }
                }
            }
            for g in 0..G {
                let (scale, min) = (load_f32(&strips[g][k].scale[h]), load_f32(&strips[g][k].min[h]));
                for c in 0..N {
                    let x = &x[c][k];
                    let s = if HALVES { x.sums[h] as f32 * x.d } else { x.s };
                    acc[g][c] = add(acc[g][c], together(sum[g][c]), x.d, scale, MIN.then_some((s, min)));
                }
            }
        }
    }
    acc
}

/// A panel of one kind times any number of columns: two groups at a time, columns in sixes, threes and ones. Columns of
/// two digits, which have twice as many sums, in threes and ones.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn panel_inner<const HALVES: bool, const MIN: bool, const DIGITS: usize>(
    panel: &Panel,
    x: &[ActBlock<DIGITS>],
    y: &mut [f32],
) {
    let shapes::Gemm { n_groups, n_cols } = shapes::panel(panel, x.len(), y);
    let y = y.as_chunks_mut::<ROWS>().0;
    let (n, zero) = (panel.n_strips, _mm512_set1_epi32(panel.zero));
    let mut c = 0;
    while c < n_cols {
        let step = [6 / DIGITS, 3, 1].into_iter().find(|&step| step <= n_cols - c).unwrap_or(1);
        let mut g = 0;
        while g < n_groups {
            macro_rules! step {
                ($groups:literal, $columns:literal) => {{
                    let strips = std::array::from_fn(|i| &panel.strips[(g + i) * n..][..n]);
                    let x = std::array::from_fn(|i| &x[(c + i) * n..][..n]);
                    let acc = tile::<HALVES, MIN, DIGITS, $groups, $columns>(zero, strips, x);
                    for i in 0..$groups {
                        (0..$columns).for_each(|j| store(&mut y[(c + j) * n_groups + g + i], acc[i][j]));
                    }
                    g += $groups;
                }};
            }
            match (n_groups - g, step) {
                (2.., 6) => step!(2, 6),
                (2.., 3) => step!(2, 3),
                (2.., _) => step!(2, 1),
                (_, 6) => step!(1, 6),
                (_, 3) => step!(1, 3),
                (_, _) => step!(1, 1),
            }
        }
        c += step;
    }
}

pub(super) fn expand(ty: GgmlType, n_in: usize, tiles: &[u8], panel: &mut Panel) {
    // SAFETY: see the top of `avx512/mod.rs`.
    unsafe { expand_inner(ty, n_in, tiles, panel) }
}

pub(super) fn gemm_panel<const DIGITS: usize>(panel: &Panel, x: &[ActBlock<DIGITS>], y: &mut [f32]) {
    // SAFETY: see the top of `avx512/mod.rs`.
    unsafe {
        match (panel.halves, panel.min) {
            (false, false) => panel_inner::<false, false, DIGITS>(panel, x, y),
            (false, true) => panel_inner::<false, true, DIGITS>(panel, x, y),
            (true, false) => panel_inner::<true, false, DIGITS>(panel, x, y),
            (true, true) => panel_inner::<true, true, DIGITS>(panel, x, y),
        }
    }
}
