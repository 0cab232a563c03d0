//! Keys and values as the cache stores them → rows and tiles of f32.
//!
//! Look first at [`stamp_loads`]. How one register of stored numbers is loaded and how a square of them is transposed depends
//! on the instruction set, and stands in its own `stored.rs`. The twin of the `load_…` functions in `scalar/attention.rs`.

use crate::quant::{q4_0, q8_0};
use crate::table::{F16, F32, Q4_0, Q8_0};

/// How a format of the cache cuts a row: numbers in a block, bytes of a block.
pub(crate) const fn block_of<const TY: u32>() -> (usize, usize) {
    match TY {
        F32 => (1, 4),
        F16 => (1, 2),
        Q8_0 => (q8_0::LEN, size_of::<q8_0::Block>()),
        Q4_0 => (q4_0::LEN, size_of::<q4_0::Block>()),
        _ => panic!("no format of the cache"), // while compiling: all callers are constants
    }
}

/// Bytes of a run of values. A row of values is wider than the accumulators that fit the registers, so the rows are read
/// several times, a run of them at a time, and a run must stay in the nearest cache.
pub(crate) const RUN_BYTES: usize = 16 << 10;

/// Rows of values, run by run: the first position of each, and its rows.
pub(crate) fn runs(rows: &[u8], row_bytes: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let len = (RUN_BYTES / row_bytes).max(1);
    rows.chunks(len * row_bytes).enumerate().map(move |(i, run)| (i * len, run))
}

/// The loads of an instruction set: `load_k::<TY>`, `load_v::<TY>` and `load_v_blocks::<TY>`.
macro_rules! stamp_loads {
    ($features:literal) => {
        use super::stored::{LANES, load_stored, store, transpose, zero};
        use $crate::loops::stored::block_of;
        use $crate::prefetch::{AHEAD, PREFETCHES, prefetch};
        use $crate::shapes;

        /// Rows `[n][head_dim]` as stored → tiles: positions go to lanes, a square of `LANES` × `LANES` at a time.
        #[target_feature(enable = $features)]
        fn load_k_inner<const TY: u32>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
            let (len, bytes) = const { block_of::<TY>() };
            let blocks = head_dim.div_ceil(len); // of a row
            let n = shapes::rows(rows.len(), blocks * bytes);
            let padded = shapes::key_tiles(n, head_dim, out.len());
            for j in (0..padded).step_by(LANES) {
                if PREFETCHES {
                    prefetch(&rows[j.min(n) * blocks * bytes..(j + LANES).min(n) * blocks * bytes], AHEAD);
                }
                for d in (0..head_dim).step_by(LANES) {
                    let (m, m_rows) = (LANES.min(head_dim - d), LANES.min(n.saturating_sub(j)));
                    let mut square = [zero(); LANES];
                    if (m, m_rows) == (LANES, LANES) {
                        // Bounds that the compiler knows: all rows and columns stay in registers.
                        for i in 0..LANES {
                            square[i] = load_stored::<TY>(rows, (j + i) * blocks * len + d, LANES);
                        }
                        let columns = transpose(square);
                        for i in 0..LANES {
                            store(out, shapes::in_key_tiles(head_dim, d + i, j), LANES, columns[i]);
                        }
                        continue;
                    }
                    for i in 0..m_rows {
                        square[i] = load_stored::<TY>(rows, (j + i) * blocks * len + d, m);
                    }
                    let columns = transpose(square);
                    for i in 0..m {
                        store(out, shapes::in_key_tiles(head_dim, d + i, j), LANES, columns[i]);
                    }
                }
            }
        }

        /// One row after the other; a format of single numbers has one row, as long as all of them.
        #[target_feature(enable = $features)]
        fn load_v_inner<const TY: u32>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
            let (len, bytes) = const { block_of::<TY>() };
            let blocks = head_dim.div_ceil(len); // of a row
            assert_eq!(out.len(), shapes::rows(rows.len(), blocks * bytes) * head_dim, "out is [n][{head_dim}]");
            for (j, out) in out.chunks_exact_mut(head_dim).enumerate() {
                let full = head_dim / LANES * LANES;
                for d in (0..full).step_by(LANES) {
                    store(out, d, LANES, load_stored::<TY>(rows, j * blocks * len + d, LANES));
                }
                if full < head_dim {
                    let m = head_dim - full;
                    store(out, full, m, load_stored::<TY>(rows, j * blocks * len + full, m));
                }
            }
        }

        pub(crate) fn load_k<const TY: u32>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
            // SAFETY: see the top of the module of the set: this function is reachable only where the instructions exist.
            unsafe { load_k_inner::<TY>(rows, head_dim, out) }
        }

        /// Numbers, in the order in which they are stored.
        pub(crate) fn load_v<const TY: u32>(rows: &[u8], out: &mut [f32]) {
            if !out.is_empty() {
                load_v_blocks::<TY>(rows, out.len(), out);
            }
        }

        pub(crate) fn load_v_blocks<const TY: u32>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
            // SAFETY: as above.
            unsafe { load_v_inner::<TY>(rows, head_dim, out) }
        }
    };
}
pub(crate) use stamp_loads;
