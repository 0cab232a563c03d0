//! Products with a panel, for many columns: the weights are already unpacked, a code a byte.
//!
//! ```text
//!  G groups of sixteen rows × N columns at a time: G · N sums stay in registers while the lines of a strip pass
//!
//!  for each strip:
//!      for each of 8 lines:        load G lines of codes; for each column: 1 word of x, G dot products
//!      for each group and column:  acc ← fma(sum · d_x, scale, acc), and the minimum
//! ```
//!
//! A loaded line of codes is used N times, a loaded word of activations G times. The bits are those of `gemm.rs`.

/// The panel kernels of an instruction set, `gemm_panel::<LIMBS>`. `groups` and `columns` list how many are multiplied at a
/// time, the most first; columns with two limbs at most `columns_a16`, because a set may keep the sums of both limbs.
/// `kinds` lists what the dot product is compiled for: the largest code that a panel may hold, whether half strips have
/// scales of their own, whether there are minima. A panel that is of no kind in the list goes to the scalar twin.
macro_rules! stamp_panel {
    (
        $features:literal,
        groups: [$($g:literal),*],
        columns: [$($n:literal),*],
        columns_a16: $columns_a16:literal,
        kinds: [$(($max:literal, $halves:literal, $min:literal)),* $(,)?] $(,)?
    ) => {
        use super::dot::dot;
        use super::gemm::accumulate;
        use super::registers::{F32x16, load, load_f32, set, store};
        use $crate::activations::ActBlock;
        use $crate::packed::{Panel, ROWS, Strip};
        use $crate::{scalar, shapes};

        /// `G` groups of a panel times `N` columns. No code is larger than `MAX`. Formats with minima have no zero point.
        #[inline]
        #[target_feature(enable = $features)]
        fn tile<
            const MAX: u8,
            const HALVES: bool,
            const MIN: bool,
            const LIMBS: usize,
            const G: usize,
            const N: usize,
        >(
            zero: i32,
            mut strips: [&[Strip]; G],
            mut x: [&[ActBlock<LIMBS>]; N],
        ) -> [[F32x16; N]; G] {
            let zero = if MIN { 0 } else { zero };
            let mut acc = [[set(0.0); N]; G];
            // All are as long as the first, so that the compiler checks no bounds in the loop.
            let n = strips[0].len();
            (0..G).for_each(|g| strips[g] = &strips[g][..n]);
            (0..N).for_each(|c| x[c] = &x[c][..n]);
            for k in 0..n {
                let mut blocks = [&x[0][k]; N];
                (0..N).for_each(|c| blocks[c] = &x[c][k]);
                let x = blocks;
                let line = |g: usize, j: usize| load(&strips[g][k].codes[j]);
                // Written out for each half, so that the compiler knows the lines.
                macro_rules! add {
                    ($h:literal, $lines:literal) => {{
                        let sums = dot::<{ 4 * $h }, $lines, LIMBS, G, N>(MAX, line, zero, x);
                        for g in 0..G {
                            let (scale, min) = (load_f32(&strips[g][k].scale[$h]), load_f32(&strips[g][k].min[$h]));
                            for c in 0..N {
                                let s = if HALVES { x[c].sums[$h] as f32 * x[c].d } else { x[c].s };
                                acc[g][c] = accumulate(acc[g][c], sums[g][c], x[c].d, scale, MIN.then_some((s, min)));
                            }
                        }
                    }};
                }
                if HALVES {
                    add!(0, 4);
                    add!(1, 4);
                } else {
                    add!(0, 8);
                }
            }
            acc
        }

        /// All groups of a panel times `N` columns, the first of which is column `c` of `y`.
        #[inline]
        #[target_feature(enable = $features)]
        fn columns<const MAX: u8, const HALVES: bool, const MIN: bool, const LIMBS: usize, const N: usize>(
            panel: &Panel,
            x: [&[ActBlock<LIMBS>]; N],
            y: &mut [[f32; ROWS]],
            c: usize,
        ) {
            let n = panel.n_strips;
            let n_groups = panel.strips.len() / n;
            let mut g = 0;
            while g < n_groups {
                match n_groups - g {
                    $($g.. => {
                        let strips = std::array::from_fn(|i| &panel.strips[(g + i) * n..][..n]);
                        let acc = tile::<MAX, HALVES, MIN, LIMBS, $g, N>(panel.zero, strips, x);
                        for i in 0..$g {
                            (0..N).for_each(|j| store(&mut y[(c + j) * n_groups + g + i], acc[i][j]));
                        }
                        g += $g;
                    })*
                    _ => unreachable!("the last number of groups is 1"),
                }
            }
        }

        /// A panel of one kind times any number of columns.
        #[target_feature(enable = $features)]
        fn panel_inner<const MAX: u8, const HALVES: bool, const MIN: bool, const LIMBS: usize>(
            panel: &Panel,
            x: &[ActBlock<LIMBS>],
            y: &mut [f32],
        ) {
            let shapes::Gemm { n_cols, .. } = shapes::panel(panel, x.len(), y);
            let y = y.as_chunks_mut::<ROWS>().0;
            let n = panel.n_strips;
            let most = if LIMBS == 1 { usize::MAX } else { $columns_a16 };
            let mut c = 0;
            while c < n_cols {
                match (n_cols - c).min(most) {
                    $($n.. => {
                        let x = std::array::from_fn(|i| &x[(c + i) * n..][..n]);
                        columns::<MAX, HALVES, MIN, LIMBS, $n>(panel, x, y, c);
                        c += $n;
                    })*
                    _ => unreachable!("the last number of columns is 1"),
                }
            }
        }

        /// [`Kernels::gemm_panel`](crate::Kernels::gemm_panel) and `gemm_panel_a16`.
        pub(crate) fn gemm_panel<const LIMBS: usize>(
            panel: &Panel,
            x: &[ActBlock<LIMBS>],
            y: &mut [f32],
        ) {
            match (panel.max, panel.halves, panel.min) {
                // SAFETY: see the top of the module of the set: this function is reachable only where the instructions exist.
                $((..=$max, $halves, $min) => unsafe { panel_inner::<$max, $halves, $min, LIMBS>(panel, x, y) },)*
                #[allow(unreachable_patterns)] // in a set whose list covers every panel
                _ => scalar::gemm::gemm_panel(panel, x, y),
            }
        }
    };
}
pub(crate) use stamp_panel;
