//! How vector kernels walk over what the cache stores, written once for every instruction set.
//!
//! Look first at [`stamp_loads`]: rows as stored → rows and tiles of f32. What differs between instruction sets is how a
//! register is loaded, turned and stored; that stands in their own `stored.rs`.

use super::table::{F16, F32, Q4_0, Q8_0};
use crate::quant::{q4_0, q8_0};

/// How a format of the cache cuts a row: numbers in a block, bytes of a block.
pub(super) const fn block_of<const TY: u32>() -> (usize, usize) {
    match TY {
        F32 => (1, 4),
        F16 => (1, 2),
        Q8_0 => (q8_0::LEN, size_of::<q8_0::Block>()),
        Q4_0 => (q4_0::LEN, size_of::<q4_0::Block>()),
        _ => panic!("no format of the cache"), // while compiling: all callers are constants
    }
}

/// Bytes of a run of values: a head's values are wider than registers are many, so they are gone through several times, run
/// by run, and a run must stay in the nearest cache.
pub(super) const RUN_BYTES: usize = 16 << 10;

/// Rows of values, run by run: the first position of each, and its rows.
pub(super) fn runs(rows: &[u8], row_bytes: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let len = (RUN_BYTES / row_bytes).max(1);
    rows.chunks(len * row_bytes).enumerate().map(move |(i, run)| (i * len, run))
}

/// The loads of a table, for an instruction set whose room brings into scope: `LANES`; `load::<TY>(rows, at, m)`, a register of
/// stored numbers as f32; `store(to, at, m, register)`; and `transpose`, `LANES` registers by as many numbers. Given the
/// empty register and, where the instruction set can ask ahead, how far.
macro_rules! stamp_loads {
    ($features:literal, $empty:expr $(, $ahead:expr)?) => {
        /// Rows `[n][head_dim]` as stored → tiles: positions go to lanes, a square of them at a time.
        #[target_feature(enable = $features)]
        fn load_k_inner<const TY: u32>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
            let (len, bytes) = const { block_of::<TY>() };
            let blocks = head_dim.div_ceil(len); // of a row
            let n = shapes::rows(rows.len(), blocks * bytes);
            let padded = shapes::key_tiles(n, head_dim, out.len());
            for j in (0..padded).step_by(LANES) {
                $(prefetch(&rows[j.min(n) * blocks * bytes..(j + LANES).min(n) * blocks * bytes], $ahead);)?
                for d in (0..head_dim).step_by(LANES) {
                    let (m, m_rows) = (LANES.min(head_dim - d), LANES.min(n.saturating_sub(j)));
                    let mut square = [$empty; LANES];
                    if (m, m_rows) == (LANES, LANES) {
                        // Bounds that the compiler knows: all rows and columns stay in registers.
                        for i in 0..LANES {
                            square[i] = load::<TY>(rows, (j + i) * blocks * len + d, LANES);
                        }
                        let columns = transpose(square);
                        for i in 0..LANES {
                            store(out, shapes::in_key_tiles(head_dim, d + i, j), LANES, columns[i]);
                        }
                        continue;
                    }
                    for i in 0..m_rows {
                        square[i] = load::<TY>(rows, (j + i) * blocks * len + d, m);
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
                let whole = head_dim / LANES * LANES;
                for d in (0..whole).step_by(LANES) {
                    store(out, d, LANES, load::<TY>(rows, j * blocks * len + d, LANES));
                }
                if whole < head_dim {
                    let m = head_dim - whole;
                    store(out, whole, m, load::<TY>(rows, j * blocks * len + whole, m));
                }
            }
        }

        pub(super) fn load_k<const TY: u32>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
            // SAFETY: see the top of the room: this function is reachable only where the instructions exist.
            unsafe { load_k_inner::<TY>(rows, head_dim, out) }
        }

        /// Numbers, in the order in which they are stored.
        pub(super) fn load_v<const TY: u32>(rows: &[u8], out: &mut [f32]) {
            if !out.is_empty() {
                load_v_blocks::<TY>(rows, out.len(), out);
            }
        }

        pub(super) fn load_v_blocks<const TY: u32>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
            // SAFETY: as above.
            unsafe { load_v_inner::<TY>(rows, head_dim, out) }
        }
    };
}
pub(super) use stamp_loads;
