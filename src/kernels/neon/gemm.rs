//! Products with packed tiles, eight or sixteen multiplications an instruction.
//!
//! ```text
//!  a line of a strip, 64 bytes:  │ row 0: 4 inputs │ … │ row 3 │   │ row 4 │ … │ row 7 │   …      u8 codes, four registers
//!  four inputs of one column:    │ x x x x         │ … │ again │                                  i8, one word, 4 times
//!
//!  for each strip of 32 inputs:
//!      lines ← unpack the planes                          once for all columns
//!      for each column:
//!          sums ← Σ (code − zero) · q                     `dot.rs`: eight lines, in whole numbers
//!          acc ← fma(sums · d_x, scale, acc)
//!          acc ← fma(s_x, min, acc)                       formats with minima
//! ```
//!
//! The twin of `scalar/gemm.rs`, where each of these steps is explained. Two columns at most: their products and
//! accumulators are 24 of the 32 registers.

use super::dot::dot;
use super::registers::{Sixteen, Whole, fma, mul, set, store, to_f32};
use super::unpack::{scales, unpack};
use crate::kernels::activations::ActBlock;
use crate::kernels::packed::{Layout, ROWS, STRIP};
use crate::kernels::shapes;

/// `acc` after one (half) strip of one column: `sum` are its whole numbers, `s` what the minimum is multiplied with.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn add(acc: Sixteen, sum: Whole, d: f32, scale: Sixteen, min: Option<(f32, Sixteen)>) -> Sixteen {
    let acc = fma(mul(to_f32(sum), set(d)), scale, acc);
    min.map_or(acc, |(s, min)| fma(set(s), min, acc))
}

/// One group of sixteen rows times `N` columns; `x[c]` is a column.
#[inline]
#[target_feature(enable = "neon")]
fn group<const TY: u32, const DIGITS: usize, const N: usize>(
    group: &[u8],
    x: [&[ActBlock<DIGITS>]; N],
) -> [Sixteen; N] {
    let layout = const { Layout::of_id::<TY>() };
    let max = const { Layout::of_id::<TY>().codes.max() };
    let (halves, has_min) = (layout.scales.halves(), layout.scales.min());
    let mut acc = [set(0.0); N];
    for (t, tile) in group.chunks_exact(layout.tile_bytes()).enumerate() {
        for b in 0..layout.strips {
            let x = x.map(|x| &x[t * layout.strips + b]);
            let lines = unpack(layout.codes, &tile[layout.strip_at(b)..]);
            let (scale, min) = scales(layout.scales, tile, b);
            if halves {
                for h in 0..2 {
                    let sums = dot::<4, DIGITS, N>(max, |j| lines[j], 4 * h, layout.zero, x);
                    for c in 0..N {
                        let min = has_min.then_some((x[c].sums[h] as f32 * x[c].d, min[h]));
                        acc[c] = add(acc[c], sums[c], x[c].d, scale[h], min);
                    }
                }
            } else {
                let sums = dot::<8, DIGITS, N>(max, |j| lines[j], 0, layout.zero, x);
                for c in 0..N {
                    acc[c] = add(acc[c], sums[c], x[c].d, scale[0], has_min.then_some((x[c].s, min[0])));
                }
            }
        }
    }
    acc
}

/// [`Kernels::gemm`](crate::kernels::Kernels::gemm) for a block format: columns in twos and ones.
#[target_feature(enable = "neon")]
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
    // SAFETY: see the top of `neon/mod.rs`: this function is reachable only where the instructions exist.
    unsafe { gemm_inner::<TY, DIGITS>(n_in, tiles, x, y) }
}
