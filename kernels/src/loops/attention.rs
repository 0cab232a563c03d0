//! Attention over one page: positions lie in lanes (`qk`), or dimensions do (`pv`).
//!
//! ```text
//!  qk:  for Q queries × B registers of positions:   acc[Q][B] ← 0;    for each d: acc ← fma(q[d] in all lanes, k[d][positions], acc)
//!  pv:  for Q queries × B registers of dimensions:  acc[Q][B] ← out;  for each j: acc ← fma(p[j] in all lanes, v[j][dimensions], acc)
//! ```
//!
//! Each lane adds in the order that `scalar/attention.rs` specifies, so Q and B change no bit. They are chosen so that
//! `Q · B` accumulators fit the registers and are many enough to hide the latency of an addition.

/// `qk`, `qk_f16`, `pv` and `pv_f16` of an instruction set. The arms of `qk` say how many queries × registers of positions are
/// computed at a time while so many queries and positions are left (whole tiles of sixteen positions); those of `pv` the same
/// with dimensions. `ahead` says how far to prefetch, given the bytes of the tiles that are read side by side.
macro_rules! stamp_attention {
    (
        $features:literal,
        qk: { $(($qk_queries:pat, $positions:pat) => $qk_q:literal x $qk_b:literal),* $(,)? },
        pv: { $(($pv_queries:pat, $dimensions:pat) => $pv_q:literal x $pv_b:literal),* $(,)? },
        ahead: |$bytes:ident| $ahead:expr $(,)?
    ) => {
        use super::stored::{LANES, Register, fma, load, load_stored, mul, splat, store, zero};
        use $crate::loops::stored::{RUN_BYTES, block_of, runs};
        use $crate::prefetch::{PREFETCHES, prefetch};
        use $crate::table::{F16, F32};
        use $crate::{KEY_TILE, shapes};

        /// `Q` queries × `B` registers of positions, from the first tile on.
        #[inline]
        #[target_feature(enable = $features)]
        fn qk_tiles<const TY: u32, const Q: usize, const B: usize>(
            q: [&[f32]; Q],
            tiles: &[u8],
        ) -> [[Register; B]; Q] {
            let (head_dim, bytes) = (q[0].len(), const { block_of::<TY>().1 });
            let (line, tile) = (KEY_TILE * bytes, head_dim * KEY_TILE * bytes); // bytes of one dimension, of all
            let n_tiles = B * LANES / KEY_TILE;
            let side_by_side = &tiles[..n_tiles * tile];
            let tiles: [&[u8]; B] = std::array::from_fn(|b| &tiles[b * LANES / KEY_TILE * tile..][..tile]);
            let mut acc = [[zero(); B]; Q];
            for d in 0..head_dim {
                if PREFETCHES && TY == F16 {
                    // The tiles behind these, in order, though they will be read side by side. Only as stored: f32 are copies
                    // in the cache.
                    let $bytes = n_tiles * tile;
                    prefetch(&side_by_side[d * n_tiles * line..][..n_tiles * line], $ahead);
                }
                let mut keys = [zero(); B];
                for b in 0..B {
                    keys[b] = load_stored::<TY>(tiles[b], d * KEY_TILE + b * LANES % KEY_TILE, LANES);
                }
                for i in 0..Q {
                    let q = splat(q[i][d]);
                    (0..B).for_each(|b| acc[i][b] = fma(q, keys[b], acc[i][b]));
                }
            }
            acc
        }

        #[target_feature(enable = $features)]
        fn qk_inner<const TY: u32>(
            q: &[f32],
            k: &[u8],
            head_dim: usize,
            scale: f32,
            scores: &mut [f32],
            stride: usize,
        ) {
            let key_bytes = head_dim * const { block_of::<TY>().1 };
            let (n_q, n) = (shapes::rows(q.len(), head_dim), shapes::rows(k.len(), key_bytes * KEY_TILE) * KEY_TILE);
            shapes::strided(scores.len(), n_q, stride, n);
            let scale = splat(scale);
            let (mut i, mut j) = (0, 0);
            while i < n_q && j < n {
                match (n_q - i, n - j) {
                    $(($qk_queries, $positions) => {
                        let q = std::array::from_fn(|c| &q[(i + c) * head_dim..][..head_dim]);
                        let acc = qk_tiles::<TY, $qk_q, $qk_b>(q, &k[j * key_bytes..]);
                        for c in 0..$qk_q {
                            for b in 0..$qk_b {
                                store(scores, (i + c) * stride + j + LANES * b, LANES, mul(acc[c][b], scale));
                            }
                        }
                        j += LANES * $qk_b;
                        if j == n {
                            (i, j) = (i + $qk_q, 0);
                        }
                    })*
                }
            }
        }

        /// Adds `n` positions to `Q` queries × `B` registers of dimensions from `d` on, of which the last has `m`.
        #[inline]
        #[target_feature(enable = $features)]
        fn pv_tile<const TY: u32, const Q: usize, const B: usize>(
            p: [&[f32]; Q],
            v: &[u8],
            head_dim: usize,
            d: usize,
            m: usize,
            acc: &mut [[Register; B]; Q],
        ) {
            let (len, bytes) = (LANES * (B - 1) + m, const { block_of::<TY>().1 });
            for j in 0..p[0].len() {
                let row = &v[(j * head_dim + d) * bytes..][..len * bytes];
                if PREFETCHES && TY == F16 {
                    // As stored: the same part of the next run, so that memory is busy as long as the arithmetic is.
                    prefetch(row, RUN_BYTES);
                }
                let mut values = [zero(); B];
                for b in 0..B {
                    values[b] = load_stored::<TY>(row, LANES * b, if b + 1 == B { m } else { LANES });
                }
                for i in 0..Q {
                    let p = splat(p[i][j]);
                    (0..B).for_each(|b| acc[i][b] = fma(p, values[b], acc[i][b]));
                }
            }
        }

        /// Run by run: all queries and dimensions over some positions, then over the next ones.
        #[target_feature(enable = $features)]
        fn pv_inner<const TY: u32>(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
            for (first, run) in runs(v, head_dim * const { block_of::<TY>().1 }) {
                pv_run::<TY>(&p[first..], stride, run, head_dim, out);
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn pv_run<const TY: u32>(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
            let n = shapes::rows(v.len(), head_dim * const { block_of::<TY>().1 });
            let n_q = shapes::rows(out.len(), head_dim);
            shapes::strided(p.len(), n_q, stride, n);
            let (mut i, mut d) = (0, 0);
            while i < n_q {
                match (n_q - i, head_dim - d) {
                    $(($pv_queries, $dimensions) => {
                        let p = std::array::from_fn(|c| &p[(i + c) * stride..][..n]);
                        let width = (LANES * $pv_b).min(head_dim - d);
                        let last = width - LANES * ($pv_b - 1);
                        let place = |c: usize, b: usize| {
                            ((i + c) * head_dim + d + LANES * b, if b + 1 == $pv_b { last } else { LANES })
                        };
                        let mut acc = [[zero(); $pv_b]; $pv_q];
                        for c in 0..$pv_q {
                            for b in 0..$pv_b {
                                acc[c][b] = load(out, place(c, b).0, place(c, b).1);
                            }
                        }
                        match last {
                            // A length that the compiler knows: loads of whole registers.
                            LANES => pv_tile::<TY, $pv_q, $pv_b>(p, v, head_dim, d, LANES, &mut acc),
                            _ => pv_tile::<TY, $pv_q, $pv_b>(p, v, head_dim, d, last, &mut acc),
                        }
                        for c in 0..$pv_q {
                            for b in 0..$pv_b {
                                store(out, place(c, b).0, place(c, b).1, acc[c][b]);
                            }
                        }
                        d += width;
                        if d == head_dim {
                            (i, d) = (i + $pv_q, 0);
                        }
                    })*
                }
            }
        }

        pub(crate) fn qk(
            q: &[f32],
            k: &[f32],
            head_dim: usize,
            scale: f32,
            scores: &mut [f32],
            stride: usize,
        ) {
            // SAFETY: f32 has no padding, so its bytes may be read; u8 needs no alignment. For the call see the top of the
            // module of the set: this function is reachable only where the instructions exist.
            unsafe {
                let bytes = std::slice::from_raw_parts(k.as_ptr().cast::<u8>(), size_of_val(k));
                qk_inner::<F32>(q, bytes, head_dim, scale, scores, stride);
            }
        }

        pub(crate) fn qk_f16(
            q: &[f32],
            k: &[u8],
            head_dim: usize,
            scale: f32,
            scores: &mut [f32],
            stride: usize,
        ) {
            // SAFETY: see the top of the module of the set.
            unsafe { qk_inner::<F16>(q, k, head_dim, scale, scores, stride) }
        }

        pub(crate) fn pv(p: &[f32], stride: usize, v: &[f32], head_dim: usize, out: &mut [f32]) {
            // SAFETY: f32 has no padding, so its bytes may be read; u8 needs no alignment. For the call see the top of the
            // module of the set.
            unsafe {
                let bytes = std::slice::from_raw_parts(v.as_ptr().cast::<u8>(), size_of_val(v));
                pv_inner::<F32>(p, stride, bytes, head_dim, out);
            }
        }

        pub(crate) fn pv_f16(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
            // SAFETY: see the top of the module of the set.
            unsafe { pv_inner::<F16>(p, stride, v, head_dim, out) }
        }
    };
}
pub(crate) use stamp_attention;
