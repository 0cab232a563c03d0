//! Attention over one page, sixteen positions (`qk`) or sixteen dimensions (`pv`) in a register.
//!
//! ```text
//!  qk:  for 4 queries × 4 tiles:        acc[4][4] ← 0;  for each d:  acc ← fma(q[d] 16 times, k[d][16 positions], acc)
//!  pv:  for 4 queries × 64 dimensions:  acc[4][4] ← out; for each j: acc ← fma(p[j] 16 times, v[j][16 dimensions], acc)
//! ```
//!
//! Each lane walks the order that `scalar/attention.rs` specifies; what does not fill a register is masked.

use super::stored::load;
use crate::kernels::KEY_TILE;
use crate::kernels::ahead::prefetch;
use crate::kernels::shapes;
use crate::kernels::stored::{RUN_BYTES, block_of, runs};
use crate::kernels::table::{F16, F32};
use core::arch::x86_64::*;

pub(super) const LANES: usize = 16;
const _: () = assert!(LANES == KEY_TILE);

/// `m` ≤ 16 numbers from the `at`-th on; zeros in the other lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_f32(from: &[f32], at: usize, m: usize) -> __m512 {
    let from = &from[at..][..m];
    // SAFETY: the mask lets the load touch `m` numbers, which the slice has.
    unsafe { _mm512_maskz_loadu_ps(mask(m), from.as_ptr()) }
}

/// Stores the first `m` lanes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store(to: &mut [f32], at: usize, m: usize, x: __m512) {
    let to = &mut to[at..][..m];
    // SAFETY: the mask lets the store touch `m` numbers, which the slice has.
    unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask(m), x) }
}

#[inline(always)]
pub(super) fn mask(m: usize) -> u16 {
    ((1_u32 << m) - 1) as u16
}

/// `Q` queries × `B` tiles of keys.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c,fma")]
fn qk_tiles<const TY: u32, const Q: usize, const B: usize>(q: [&[f32]; Q], tiles: &[u8]) -> [[__m512; B]; Q] {
    let (head_dim, bytes) = (q[0].len(), const { block_of::<TY>().1 });
    let (line, tile) = (LANES * bytes, head_dim * LANES * bytes); // bytes of one dimension, of all
    let ahead = &tiles[..B * tile];
    let tiles: [&[u8]; B] = std::array::from_fn(|b| &tiles[b * tile..][..tile]);
    let mut acc = [[_mm512_setzero_ps(); B]; Q];
    for d in 0..head_dim {
        if TY == F16 {
            // The next `B` tiles, in order, though they will be read side by side: a quarter more, or the last come late.
            // Only as stored: f32 are copies in the cache.
            prefetch(&ahead[d * B * line..][..B * line], B * tile + B * tile / 4);
        }
        let keys: [__m512; B] = std::array::from_fn(|b| load::<TY>(tiles[b], d * LANES, LANES));
        for i in 0..Q {
            let q = _mm512_set1_ps(q[i][d]);
            (0..B).for_each(|b| acc[i][b] = _mm512_fmadd_ps(q, keys[b], acc[i][b]));
        }
    }
    acc
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c,fma")]
fn qk_inner<const TY: u32>(q: &[f32], k: &[u8], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    let key_bytes = head_dim * const { block_of::<TY>().1 };
    let (n_q, n) = (shapes::rows(q.len(), head_dim), shapes::rows(k.len(), key_bytes * LANES) * LANES);
    shapes::strided(scores.len(), n_q, stride, n);
    let scale = _mm512_set1_ps(scale);
    let (mut i, mut j) = (0, 0);
    while i < n_q && j < n {
        macro_rules! step {
            ($queries:literal, $blocks:literal) => {{
                let q = std::array::from_fn(|c| &q[(i + c) * head_dim..][..head_dim]);
                let acc = qk_tiles::<TY, $queries, $blocks>(q, &k[j * key_bytes..]);
                for c in 0..$queries {
                    for b in 0..$blocks {
                        store(scores, (i + c) * stride + j + LANES * b, LANES, _mm512_mul_ps(acc[c][b], scale));
                    }
                }
                j += LANES * $blocks;
                if j == n {
                    (i, j) = (i + $queries, 0);
                }
            }};
        }
        match (n_q - i, n - j) {
            (4.., 64..) => step!(4, 4),
            (4.., _) => step!(4, 1),
            (3, 64..) => step!(3, 4),
            (3, _) => step!(3, 1),
            (_, 64..) => step!(1, 4),
            (_, _) => step!(1, 1),
        }
    }
}

/// Adds `n` positions to `Q` queries × `B` blocks of sixteen dimensions from `d` on, of which the last has `m`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c,fma")]
fn pv_tile<const TY: u32, const Q: usize, const B: usize>(
    p: [&[f32]; Q],
    v: &[u8],
    head_dim: usize,
    d: usize,
    m: usize,
    acc: &mut [[__m512; B]; Q],
) {
    for j in 0..p[0].len() {
        if TY == F16 {
            // As stored: the same part of the next run, so that memory is busy as long as the arithmetic is.
            let (at, len, bytes) = (j * head_dim + d, LANES * (B - 1) + m, const { block_of::<TY>().1 });
            prefetch(&v[at * bytes..][..len * bytes], RUN_BYTES);
        }
        let values: [__m512; B] =
            std::array::from_fn(|b| load::<TY>(v, j * head_dim + d + LANES * b, if b + 1 == B { m } else { LANES }));
        for i in 0..Q {
            let p = _mm512_set1_ps(p[i][j]);
            (0..B).for_each(|b| acc[i][b] = _mm512_fmadd_ps(p, values[b], acc[i][b]));
        }
    }
}

/// Run by run: all queries and dimensions over some positions, then over the next ones.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c,fma")]
fn pv_inner<const TY: u32>(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    for (first, run) in runs(v, head_dim * const { block_of::<TY>().1 }) {
        pv_run::<TY>(&p[first..], stride, run, head_dim, out);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c,fma")]
fn pv_run<const TY: u32>(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    let (n, n_q) = (shapes::rows(v.len(), head_dim * const { block_of::<TY>().1 }), shapes::rows(out.len(), head_dim));
    shapes::strided(p.len(), n_q, stride, n);
    let (mut i, mut d) = (0, 0);
    while i < n_q {
        macro_rules! step {
            ($queries:literal, $blocks:literal) => {{
                let p = std::array::from_fn(|c| &p[(i + c) * stride..][..n]);
                let width = (LANES * $blocks).min(head_dim - d);
                let last = width - LANES * ($blocks - 1);
                let place = |c: usize, b: usize| {
                    ((i + c) * head_dim + d + LANES * b, if b + 1 == $blocks { last } else { LANES })
                };
                let mut acc = [[_mm512_setzero_ps(); $blocks]; $queries];
                for c in 0..$queries {
                    for b in 0..$blocks {
                        acc[c][b] = load_f32(out, place(c, b).0, place(c, b).1);
                    }
                }
                match last {
                    LANES => pv_tile::<TY, $queries, $blocks>(p, v, head_dim, d, LANES, &mut acc), // loads without masks
                    _ => pv_tile::<TY, $queries, $blocks>(p, v, head_dim, d, last, &mut acc),
                }
                for c in 0..$queries {
                    for b in 0..$blocks {
                        store(out, place(c, b).0, place(c, b).1, acc[c][b]);
                    }
                }
                d += width;
                if d == head_dim {
                    (i, d) = (i + $queries, 0);
                }
            }};
        }
        match (n_q - i, head_dim - d) {
            (4.., 64..) => step!(4, 4),
            (4.., _) => step!(4, 1),
            (3, 64..) => step!(3, 4),
            (3, _) => step!(3, 1),
            (_, 64..) => step!(1, 4),
            (_, _) => step!(1, 1),
        }
    }
}

pub(super) fn qk(q: &[f32], k: &[f32], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    // SAFETY: f32 has no padding, so its bytes may be read; u8 needs no alignment. For the call see the top of
    // `avx512/mod.rs`.
    unsafe {
        let bytes = std::slice::from_raw_parts(k.as_ptr().cast::<u8>(), size_of_val(k));
        qk_inner::<F32>(q, bytes, head_dim, scale, scores, stride);
    }
}

pub(super) fn qk_f16(q: &[f32], k: &[u8], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    // SAFETY: see the top of `avx512/mod.rs`.
    unsafe { qk_inner::<F16>(q, k, head_dim, scale, scores, stride) }
}

pub(super) fn pv(p: &[f32], stride: usize, v: &[f32], head_dim: usize, out: &mut [f32]) {
    // SAFETY: f32 has no padding, so its bytes may be read; u8 needs no alignment. For the call see the top of
    // `avx512/mod.rs`.
    unsafe {
        let bytes = std::slice::from_raw_parts(v.as_ptr().cast::<u8>(), size_of_val(v));
        pv_inner::<F32>(p, stride, bytes, head_dim, out);
    }
}

pub(super) fn pv_f16(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    // SAFETY: see the top of `avx512/mod.rs`.
    unsafe { pv_inner::<F16>(p, stride, v, head_dim, out) }
}
