//! Products with packed tiles, 64 multiplications an instruction.
//!
//! ```text
//!  a line of a strip, 64 bytes:   │ row 0: 4 inputs │ row 1: 4 inputs │ … │ row 15: 4 inputs │      u8 codes
//!  four inputs of one column:     │ x x x x         │ x x x x         │ … │ x x x x          │      i8, one word, 16 times
//!  vpdpbusd adds to 16 sums:      │ Σ of 4 products │ Σ of 4 products │ … │ Σ of 4 products  │      i32
//!
//!  for each strip of 32 inputs:
//!      lines ← unpack the planes                          once for all columns
//!      for each column:
//!          sums ← −zero · Σ q                             the zero point costs nothing
//!          for each of 8 lines:  sums ← vpdpbusd(sums, line, word of x)
//!          sums ← sums + 255 · those of the high digits   activations of two digits
//!          acc ← fma(sums · d_x, scale, acc)
//!          acc ← fma(s_x, min, acc)                       formats with minima
//! ```
//!
//! The twin of `scalar/gemm.rs`, where each of these steps is explained.

use super::registers::store;
use super::unpack::{scales, unpack};
use crate::kernels::activations::{ActBlock, BASE};
use crate::kernels::ahead::{AHEAD, FEW_COLUMNS, part, prefetch};
use crate::kernels::packed::{Layout, ROWS, STRIP};
use crate::kernels::shapes;
use core::arch::x86_64::*;

/// `acc` after one (half) strip of one column: `sum` are its whole numbers, `s` what the minimum is multiplied with.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn add(acc: __m512, sum: __m512i, d: f32, scale: __m512, min: Option<(f32, __m512)>) -> __m512 {
    let acc = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(d)), scale, acc);
    min.map_or(acc, |(s, min)| _mm512_fmadd_ps(_mm512_set1_ps(s), min, acc))
}

/// 255 times as much: what high digits are worth.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn times_base(sum: __m512i) -> __m512i {
    const { assert!(BASE == (1 << 8) - 1) };
    _mm512_sub_epi32(_mm512_slli_epi32::<8>(sum), sum)
}

/// `Σ code · x − zero · Σ x` over `LINES` lines (all eight, or the four of a half) from `first` on; a row a lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn dot<const LINES: usize, const DIGITS: usize>(
    lines: &[__m512i; 8],
    first: usize,
    zero: i32,
    x: &ActBlock<DIGITS>,
) -> __m512i {
    let products = |digit: usize, mut sum: __m512i| {
        for j in first..first + LINES {
            sum = _mm512_dpbusd_epi32(sum, lines[j], _mm512_set1_epi32(x.word(digit, j)));
        }
        sum
    };
    let sum = if LINES == 8 { x.sum() } else { x.sums[first / LINES] };
    let low = products(0, _mm512_set1_epi32(-zero * sum));
    match DIGITS {
        1 => low,
        _ => _mm512_add_epi32(low, times_base(products(1, _mm512_setzero_si512()))),
    }
}

/// One group of sixteen rows times `N` columns; `x[c]` is a column, `y[c]` its sixteen results.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn group<const TY: u32, const DIGITS: usize, const N: usize>(group: &[u8], x: [&[ActBlock<DIGITS>]; N]) -> [__m512; N] {
    let layout = const { Layout::of_id::<TY>() };
    let (halves, has_min) = (layout.scales.halves(), layout.scales.min());
    let mut acc = [_mm512_setzero_ps(); N];
    for (t, tile) in group.chunks_exact(layout.tile_bytes()).enumerate() {
        for b in 0..layout.strips {
            if N <= FEW_COLUMNS {
                prefetch(part(tile, b, layout.strips), AHEAD);
            }
            let lines = unpack(layout.codes, &tile[layout.strip_at(b)..]);
            let (scale, min) = scales(layout.scales, tile, b);
            for c in 0..N {
                let x = &x[c][t * layout.strips + b];
                if halves {
                    for h in 0..2 {
                        let sum = dot::<4, DIGITS>(&lines, 4 * h, layout.zero, x);
                        let min = has_min.then_some((x.sums[h] as f32 * x.d, min[h]));
                        acc[c] = add(acc[c], sum, x.d, scale[h], min);
                    }
                } else {
                    let sum = dot::<8, DIGITS>(&lines, 0, layout.zero, x);
                    acc[c] = add(acc[c], sum, x.d, scale[0], has_min.then_some((x.s, min[0])));
                }
            }
        }
    }
    acc
}

/// [`Kernels::gemm`](crate::kernels::Kernels::gemm) for a block format: columns in eights, fours, twos, ones.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn gemm_inner<const TY: u32, const DIGITS: usize>(n_in: usize, tiles: &[u8], x: &[ActBlock<DIGITS>], y: &mut [f32]) {
    let group_bytes = const { Layout::of_id::<TY>() }.group_bytes(n_in);
    let shapes::Gemm { n_groups, n_cols } = shapes::gemm(n_in, group_bytes, tiles, x.len() * STRIP, y);
    let y = y.as_chunks_mut::<ROWS>().0;
    let column = |c: usize| &x[c * (n_in / STRIP)..][..n_in / STRIP];
    for (g, tiles) in tiles.chunks_exact(group_bytes).enumerate() {
        let mut c = 0;
        while c < n_cols {
            macro_rules! columns {
                ($n:literal) => {{
                    let acc = group::<TY, DIGITS, $n>(tiles, std::array::from_fn(|i| column(c + i)));
                    (0..$n).for_each(|i| store(&mut y[(c + i) * n_groups + g], acc[i]));
                    c += $n;
                }};
            }
            match n_cols - c {
                8.. => columns!(8),
                4.. => columns!(4),
                2.. => columns!(2),
                _ => columns!(1),
            }
        }
    }
}

pub(super) fn gemm<const TY: u32, const DIGITS: usize>(
    n_in: usize,
    tiles: &[u8],
    x: &[ActBlock<DIGITS>],
    y: &mut [f32],
) {
    // SAFETY: see the top of `avx512/mod.rs`: this function is reachable only where the instructions exist.
    unsafe { gemm_inner::<TY, DIGITS>(n_in, tiles, x, y) }
}
