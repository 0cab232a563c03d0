//! The specification: every matrix kernel in plain Rust. The vector kernels give the same bits.
//!
//! ```text
//! y[c][r] = Σ over strips, in order, of
//!     sum  = Σ code · q − zero · Σ q            integers: exact in any order
//!     acc  = fma(sum · d_x, scale_r, acc)
//!     acc  = fma(s_x, min_r, acc)               formats with minima
//! ```
//!
//! Rows lie in lanes, and lanes are never added to each other: there is no reduction tree whose shape could depend on the
//! width of a register, on how many columns are computed together or on the thread that computes them. `sum` is below
//! 32 · 255 · 127 = 1,036,320 < 2²⁴, so its conversion to f32 is exact too (with two limbs it is below 2²⁸, and rounded
//! to the nearest). What is left are one product and one or two fused multiply-adds a strip, in a fixed order: the same
//! bits everywhere. In formats with halves this happens once per half strip, with the half's own scale, minimum, and sum of
//! activations.
//!
//! Look first at [`add_strip`].

use crate::activations::ActBlock;
use crate::packed::{Panel, ROWS, Strip, TileLayout};
use crate::quant::{GgmlType, bf16, f16};
use crate::shapes;

/// Adds what one strip contributes to the sixteen outputs of one column.
fn add_strip<const LIMBS: usize>(
    strip: &Strip,
    zero: i32,
    halves: bool,
    min: bool,
    x: &ActBlock<LIMBS>,
    acc: &mut [f32; ROWS],
) {
    for r in 0..ROWS {
        let code = |i: usize| i32::from(strip.codes[i / 4][4 * r + i % 4]);
        let dot = |range: std::ops::Range<usize>| range.map(|i| code(i) * x.integer(i)).sum::<i32>();
        if halves {
            for h in 0..2 {
                let sum = dot(16 * h..16 * h + 16) - zero * x.sums[h];
                acc[r] = (sum as f32 * x.d).mul_add(strip.scale[h][r], acc[r]);
                if min {
                    acc[r] = (x.sums[h] as f32 * x.d).mul_add(strip.min[h][r], acc[r]);
                }
            }
        } else {
            let sum = dot(0..32) - zero * x.sum();
            acc[r] = (sum as f32 * x.d).mul_add(strip.scale[0][r], acc[r]);
            if min {
                acc[r] = x.s.mul_add(strip.min[0][r], acc[r]);
            }
        }
    }
}

/// [`BlockGemm::a8`](crate::BlockGemm::a8) of a block format, and with two limbs `a16`.
pub(crate) fn gemm<const TY: u32, const LIMBS: usize>(n_in: usize, tiles: &[u8], x: &[ActBlock<LIMBS>], y: &mut [f32]) {
    let layout = const { TileLayout::of_id::<TY>() };
    let shape = shapes::gemm(n_in, layout.group_bytes(n_in), tiles, x.len() * 32, y);
    y.fill(0.0);
    for (g, group) in tiles.chunks_exact(layout.group_bytes(n_in)).enumerate() {
        for k in 0..n_in / 32 {
            let tile = &group[k / layout.strips * layout.tile_bytes()..][..layout.tile_bytes()];
            let strip = Strip::read(&layout, tile, k % layout.strips);
            for c in 0..shape.n_cols {
                let acc = &mut y.as_chunks_mut::<ROWS>().0[c * shape.n_groups + g];
                let x = &x[c * (n_in / 32) + k];
                add_strip(&strip, layout.zero, layout.scales.halves(), layout.scales.min(), x, acc);
            }
        }
    }
}

/// [`Kernels::expand`](crate::Kernels::expand).
pub(crate) fn expand(ty: GgmlType, n_in: usize, tiles: &[u8], panel: &mut Panel) {
    let layout = TileLayout::of(ty).expect("a panel is made of a block format");
    panel.shape(&layout, n_in, tiles);
    let tiles = tiles.chunks_exact(layout.tile_bytes());
    for (tile, strips) in tiles.zip(panel.strips.chunks_exact_mut(layout.strips)) {
        for (b, strip) in strips.iter_mut().enumerate() {
            *strip = Strip::read(&layout, tile, b);
        }
    }
}

/// [`Kernels::gemm_panel`](crate::Kernels::gemm_panel), and with two limbs `gemm_panel_a16`.
pub(crate) fn gemm_panel<const LIMBS: usize>(panel: &Panel, x: &[ActBlock<LIMBS>], y: &mut [f32]) {
    let shapes::Gemm { n_groups, n_cols } = shapes::panel(panel, x.len(), y);
    for c in 0..n_cols {
        let x = &x[c * panel.n_strips..][..panel.n_strips];
        for g in 0..n_groups {
            let acc = &mut y.as_chunks_mut::<ROWS>().0[c * n_groups + g];
            *acc = [0.0; ROWS];
            for (strip, x) in panel.strips[g * panel.n_strips..].iter().zip(x) {
                add_strip(strip, panel.zero, panel.halves, panel.min, x, acc);
            }
        }
    }
}

/// [`Kernels::gemm_f32`](crate::Kernels::gemm_f32), `gemm_f16` and `gemm_bf16`: a tile is sixteen rows of one
/// input; `acc = fma(w, x, acc)`, input after input.
pub(crate) fn gemm_float<const TY: u32>(n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
    const F32: u32 = GgmlType::F32 as u32;
    const F16: u32 = GgmlType::F16 as u32;
    match TY {
        F32 => float_product(f32::from_le_bytes, n_in, tiles, x, y),
        F16 => float_product(f16::to_f32, n_in, tiles, x, y),
        _ => float_product(bf16::to_f32, n_in, tiles, x, y),
    }
}

fn float_product<const N: usize>(number: impl Fn([u8; N]) -> f32, n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
    let shape = shapes::gemm(n_in, n_in * ROWS * N, tiles, x.len(), y);
    let numbers = tiles.as_chunks::<N>().0;
    for c in 0..shape.n_cols {
        for g in 0..shape.n_groups {
            let mut acc = [0.0_f32; ROWS];
            for k in 0..n_in {
                for r in 0..ROWS {
                    acc[r] = number(numbers[(g * n_in + k) * ROWS + r]).mul_add(x[c * n_in + k], acc[r]);
                }
            }
            y.as_chunks_mut::<ROWS>().0[c * shape.n_groups + g] = acc;
        }
    }
}
