//! Products with float tiles: sixteen rows of one input are a line of f32, or half a line of f16 or bf16.
//!
//! ```text
//!  for each input k:   w ← sixteen rows;   for each column: acc ← fma(w, x[k] in every lane, acc)
//! ```
//!
//! Each output is one chain of additions, and an addition takes about four cycles: so several groups of rows and several
//! columns are computed side by side.

/// The float kernels of an instruction set, `gemm_float::<TY>`. `groups` and `columns` are multiplied at a time, or one.
macro_rules! stamp_float {
    ($features:literal, groups: $groups:literal, columns: $columns:literal) => {
        use super::registers::{F32x16, fma, read_bf16, read_f16, read_f32, set, store};
        use $crate::packed::ROWS;
        use $crate::shapes;
        use $crate::table::{F16, F32};

        /// `G` groups times `N` columns.
        #[inline]
        #[target_feature(enable = $features)]
        fn tile<const TY: u32, const G: usize, const N: usize>(tiles: [&[u8]; G], x: [&[f32]; N]) -> [[F32x16; N]; G] {
            let mut acc = [[set(0.0); N]; G];
            let bytes = if TY == F32 { 4 * ROWS } else { 2 * ROWS };
            for k in 0..x[0].len() {
                for g in 0..G {
                    let tile = &tiles[g][k * bytes..][..bytes];
                    let w = match TY {
                        F32 => read_f32(tile, 0),
                        F16 => read_f16(tile, 0),
                        _ => read_bf16(tile, 0),
                    };
                    (0..N).for_each(|c| acc[g][c] = fma(w, set(x[c][k]), acc[g][c]));
                }
            }
            acc
        }

        #[target_feature(enable = $features)]
        fn float_inner<const TY: u32>(n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
            let group_bytes = n_in * ROWS * if TY == F32 { 4 } else { 2 };
            let shapes::Gemm { n_groups, n_cols } = shapes::gemm(n_in, group_bytes, tiles, x.len(), y);
            let y = y.as_chunks_mut::<ROWS>().0;
            let mut g = 0;
            while g < n_groups {
                let step = if n_groups - g >= $groups { $groups } else { 1 };
                let mut c = 0;
                while c < n_cols {
                    macro_rules! step {
                        ($g:literal, $n:literal) => {{
                            let tiles = std::array::from_fn(|i| &tiles[(g + i) * group_bytes..][..group_bytes]);
                            let x = std::array::from_fn(|i| &x[(c + i) * n_in..][..n_in]);
                            let acc = tile::<TY, $g, $n>(tiles, x);
                            for i in 0..$g {
                                (0..$n).for_each(|j| store(&mut y[(c + j) * n_groups + g + i], acc[i][j]));
                            }
                            c += $n;
                        }};
                    }
                    match (step, n_cols - c) {
                        ($groups, $columns..) => step!($groups, $columns),
                        ($groups, _) => step!($groups, 1),
                        (_, $columns..) => step!(1, $columns),
                        (_, _) => step!(1, 1),
                    }
                }
                g += step;
            }
        }

        /// [`Kernels::gemm_f32`](crate::Kernels::gemm_f32), `gemm_f16` and `gemm_bf16`.
        pub(crate) fn gemm_float<const TY: u32>(n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
            // SAFETY: see the top of the module of the set: this function is reachable only where the instructions exist.
            unsafe { float_inner::<TY>(n_in, tiles, x, y) }
        }
    };
}
pub(crate) use stamp_float;
