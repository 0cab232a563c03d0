//! Products with packed tiles, for few columns: the tiles are unpacked in registers.
//!
//! ```text
//!  a line of a strip, 64 bytes:  │ row 0: 4 inputs │ row 1: 4 inputs │ … │ row 15: 4 inputs │     u8 codes
//!  four inputs of one column:    │ x x x x         │ x x x x         │ … │ x x x x          │     i8, one word, 16 times
//!  dot.rs adds to 16 sums:       │ Σ of 4 products │ Σ of 4 products │ … │ Σ of 4 products  │     i32
//!
//!  for each strip of 32 inputs:
//!      lines ← unpack the planes                          once for all columns
//!      for each column:
//!          sums ← Σ (code − zero) · q                     eight lines, in integers: exact in any order
//!          acc ← fma(sums · d_x, scale, acc)
//!          acc ← fma(s_x, min, acc)                       formats with minima
//! ```
//!
//! The twin of `scalar/gemm.rs`, where each of these steps is explained. Look first at `group`.

/// The matrix kernels of an instruction set, `gemm::<TY, LIMBS>`, for the block format with id `TY`. `columns` lists how many
/// columns are multiplied at a time, the most first: as many as have registers for their accumulators.
macro_rules! stamp_gemm {
    ($features:literal, columns: [$($n:literal),*]) => {
        use super::dot::dot;
        use super::registers::{F32x16, I32x16, fma, mul, set, store, to_f32};
        use super::unpack::{scales, unpack};
        use $crate::activations::ActBlock;
        use $crate::packed::{ROWS, STRIP, TileLayout};
        use $crate::prefetch::{AHEAD, FEW_COLUMNS, prefetch, slice_of};
        use $crate::shapes;

        /// `acc` after one (half) strip of one column: `sum` is its sum in integers, `s` what the minimum is multiplied with.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn accumulate(
            acc: F32x16,
            sum: I32x16,
            d: f32,
            scale: F32x16,
            min: Option<(f32, F32x16)>,
        ) -> F32x16 {
            let acc = fma(mul(to_f32(sum), set(d)), scale, acc);
            min.map_or(acc, |(s, min)| fma(set(s), min, acc))
        }

        /// One group of sixteen rows times `N` columns; `x[c]` is a column.
        #[inline]
        #[target_feature(enable = $features)]
        fn group<const TY: u32, const LIMBS: usize, const N: usize>(
            group: &[u8],
            x: [&[ActBlock<LIMBS>]; N],
        ) -> [F32x16; N] {
            let layout = const { TileLayout::of_id::<TY>() };
            let max = const { TileLayout::of_id::<TY>().codes.max() };
            let has_min = layout.scales.min();
            let mut acc = [set(0.0); N];
            for (t, tile) in group.chunks_exact(layout.tile_bytes()).enumerate() {
                for b in 0..layout.strips {
                    if N <= FEW_COLUMNS {
                        prefetch(slice_of(tile, b, layout.strips), AHEAD);
                    }
                    let mut blocks = [&x[0][t * layout.strips + b]; N];
                    (0..N).for_each(|c| blocks[c] = &x[c][t * layout.strips + b]);
                    let x = blocks;
                    let lines = unpack(layout.codes, &tile[layout.strip_at(b)..]);
                    let (scale, min) = scales(layout.scales, tile, b);
                    macro_rules! add {
                        ($h:literal, $lines:literal) => {{
                            let [sums] = dot::<{ 4 * $h }, $lines, LIMBS, 1, N>(max, |_, j| lines[j], layout.zero, x);
                            for c in 0..N {
                                let s = if $lines == 4 { x[c].sums[$h] as f32 * x[c].d } else { x[c].s };
                                acc[c] = accumulate(acc[c], sums[c], x[c].d, scale[$h], has_min.then_some((s, min[$h])));
                            }
                        }};
                    }
                    if const { TileLayout::of_id::<TY>().scales.halves() } {
                        add!(0, 4);
                        add!(1, 4);
                    } else {
                        add!(0, 8);
                    }
                }
            }
            acc
        }

        /// All groups and columns.
        #[target_feature(enable = $features)]
        fn gemm_inner<const TY: u32, const LIMBS: usize>(
            n_in: usize,
            tiles: &[u8],
            x: &[ActBlock<LIMBS>],
            y: &mut [f32],
        ) {
            let group_bytes = const { TileLayout::of_id::<TY>() }.group_bytes(n_in);
            let shapes::Gemm { n_groups, n_cols } = shapes::gemm(n_in, group_bytes, tiles, x.len() * STRIP, y);
            let y = y.as_chunks_mut::<ROWS>().0;
            let column = |c: usize| &x[c * (n_in / STRIP)..][..n_in / STRIP];
            for (g, tiles) in tiles.chunks_exact(group_bytes).enumerate() {
                let mut c = 0;
                while c < n_cols {
                    match n_cols - c {
                        $($n.. => {
                            let acc = group::<TY, LIMBS, $n>(tiles, std::array::from_fn(|i| column(c + i)));
                            (0..$n).for_each(|i| store(&mut y[(c + i) * n_groups + g], acc[i]));
                            c += $n;
                        })*
                        _ => unreachable!("the last number of columns is 1"),
                    }
                }
            }
        }

        /// [`BlockGemm::a8`](crate::BlockGemm::a8) and `a16`.
        pub(crate) fn gemm<const TY: u32, const LIMBS: usize>(
            n_in: usize,
            tiles: &[u8],
            x: &[ActBlock<LIMBS>],
            y: &mut [f32],
        ) {
            // SAFETY: see the top of the module of the set: this function is reachable only where the instructions exist.
            unsafe { gemm_inner::<TY, LIMBS>(n_in, tiles, x, y) }
        }
    };
}
pub(crate) use stamp_gemm;
