//! Many columns: groups of rows are unpacked once into a panel, then multiplied tile by tile.
//!
//! ```text
//!  16 rows × 4 columns at a time: 8 registers of sums are live while the lines of a strip pass
//!
//!  for each strip:
//!      for each of 8 lines:  load 2 registers of codes; for each column: 1 word of x, 2 × (vpmaddubsw, vpaddw)
//!      for each column:      acc ← fma(sum · d_x, scale, acc), and the minimum
//! ```
//!
//! A line of codes is used four times for every load. The bits are those of `gemm.rs`.

use super::dot::dot;
use super::gemm::add;
use super::registers::{Sixteen, load, load_f32, set, store, store_line};
use super::unpack::{scales, unpack};
use crate::kernels::activations::ActBlock;
use crate::kernels::packed::{Layout, Panel, ROWS, Strip};
use crate::kernels::shapes;
use crate::quant::GgmlType;

/// Unpacks whole groups.
#[target_feature(enable = "avx2,fma,f16c")]
fn expand_inner(ty: GgmlType, n_in: usize, tiles: &[u8], panel: &mut Panel) {
    let layout = Layout::of(ty).expect("a panel is made of a block format");
    panel.shape(&layout, n_in, tiles);
    for (tile, strips) in tiles.chunks_exact(layout.tile_bytes()).zip(panel.strips.chunks_exact_mut(layout.strips)) {
        for (b, strip) in strips.iter_mut().enumerate() {
            let lines = unpack(layout.codes, &tile[layout.strip_at(b)..]);
            let (scale, min) = scales(layout.scales, tile, b);
            (0..8).for_each(|j| store_line(&mut strip.codes[j], lines[j]));
            for h in 0..2 {
                store(&mut strip.scale[h], scale[h]);
                store(&mut strip.min[h], min[h]);
            }
        }
    }
}

/// One group of a panel times `N` columns. No code is larger than `MAX`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const MAX: u8, const HALVES: bool, const DIGITS: usize, const N: usize>(
    zero: i32,
    has_min: bool,
    strips: &[Strip],
    x: [&[ActBlock<DIGITS>]; N],
) -> [Sixteen; N] {
    let mut acc = [set(0.0); N];
    for (k, strip) in strips.iter().enumerate() {
        let x = x.map(|x| &x[k]);
        let line = |j: usize| load(&strip.codes[j]);
        for h in 0..if HALVES { 2 } else { 1 } {
            let sums = match HALVES {
                true => dot::<4, DIGITS, N>(MAX, line, 4 * h, zero, x),
                false => dot::<8, DIGITS, N>(MAX, line, 0, zero, x),
            };
            let (scale, min) = (load_f32(&strip.scale[h]), load_f32(&strip.min[h]));
            for c in 0..N {
                let s = if HALVES { x[c].sums[h] as f32 * x[c].d } else { x[c].s };
                acc[c] = add(acc[c], sums[c], x[c].d, scale, has_min.then_some((s, min)));
            }
        }
    }
    acc
}

/// A panel of one kind times any number of columns, in fours, twos and ones.
#[target_feature(enable = "avx2,fma,f16c")]
fn panel_inner<const MAX: u8, const HALVES: bool, const DIGITS: usize>(
    panel: &Panel,
    x: &[ActBlock<DIGITS>],
    y: &mut [f32],
) {
    let shapes::Gemm { n_groups, n_cols } = shapes::panel(panel, x.len(), y);
    let y = y.as_chunks_mut::<ROWS>().0;
    let n = panel.n_strips;
    let mut c = 0;
    while c < n_cols {
        macro_rules! columns {
            ($n:literal) => {{
                let x = std::array::from_fn(|i| &x[(c + i) * n..][..n]);
                for (g, strips) in panel.strips.chunks_exact(n).enumerate() {
                    let acc = tile::<MAX, HALVES, DIGITS, $n>(panel.zero, panel.min, strips, x);
                    (0..$n).for_each(|i| store(&mut y[(c + i) * n_groups + g], acc[i]));
                }
                c += $n;
            }};
        }
        match n_cols - c {
            4.. => columns!(4),
            2.. => columns!(2),
            _ => columns!(1),
        }
    }
}

pub(super) fn expand(ty: GgmlType, n_in: usize, tiles: &[u8], panel: &mut Panel) {
    // SAFETY: see the top of `avx2/mod.rs`.
    unsafe { expand_inner(ty, n_in, tiles, panel) }
}

pub(super) fn gemm_panel<const DIGITS: usize>(panel: &Panel, x: &[ActBlock<DIGITS>], y: &mut [f32]) {
    // SAFETY: see the top of `avx2/mod.rs`.
    unsafe {
        match (panel.max, panel.halves) {
            (..=15, false) => panel_inner::<15, false, DIGITS>(panel, x, y),
            (..=31, false) => panel_inner::<31, false, DIGITS>(panel, x, y),
            (..=63, false) => panel_inner::<63, false, DIGITS>(panel, x, y),
            (_, false) => panel_inner::<255, false, DIGITS>(panel, x, y),
            (..=15, true) => panel_inner::<15, true, DIGITS>(panel, x, y),
            (..=63, true) => panel_inner::<63, true, DIGITS>(panel, x, y),
            (_, true) => panel_inner::<255, true, DIGITS>(panel, x, y),
        }
    }
}
