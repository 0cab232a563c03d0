//! Attention over one page, eight positions (`qk`) or eight dimensions (`pv`) in a register.
//!
//! ```text
//!  qk:  for 4 queries × 16 positions:   acc[4][2] ← 0;  for each d:  acc ← fma(q[d] 8 times, k[d][8 positions], acc)
//!  pv:  for 4 queries × 16 dimensions:  acc[4][2] ← out; for each j: acc ← fma(p[j] 8 times, v[j][8 dimensions], acc)
//! ```
//!
//! Each lane walks the order that `scalar/attention.rs` specifies. What does not fill a register goes by way of an array
//! that does.

use crate::kernels::KEY_TILE;
use crate::kernels::ahead::{AHEAD, prefetch};
use crate::kernels::shapes;
use crate::kernels::stored::{RUN_BYTES, runs};
use core::arch::x86_64::*;

pub(super) const LANES: usize = 8;

/// `m` ≤ 8 stored numbers of `N` bytes (f32 or f16) from the `at`-th on, as f32; zeros in the other lanes.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) fn load<const N: usize>(bytes: &[u8], at: usize, m: usize) -> __m256 {
    let bytes = &bytes[N * at..][..N * m];
    if m < LANES {
        let mut filled = [0; 4 * LANES];
        filled[..N * m].copy_from_slice(bytes);
        return load::<N>(&filled, 0, LANES);
    }
    // SAFETY: the slice has eight numbers of four or two bytes; the loads need no alignment.
    unsafe {
        match N {
            4 => _mm256_loadu_ps(bytes.as_ptr().cast()),
            _ => _mm256_cvtph_ps(_mm_loadu_si128(bytes.as_ptr().cast())),
        }
    }
}

/// As [`load`], of numbers that are f32 in memory.
#[inline]
#[target_feature(enable = "avx2")]
fn load_f32(from: &[f32], at: usize, m: usize) -> __m256 {
    let from = &from[at..][..m];
    if m < LANES {
        let mut filled = [0.0; LANES];
        filled[..m].copy_from_slice(from);
        return load_f32(&filled, 0, LANES);
    }
    // SAFETY: the slice has eight numbers; the load needs no alignment.
    unsafe { _mm256_loadu_ps(from.as_ptr()) }
}

/// Stores the first `m` lanes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(to: &mut [f32], at: usize, m: usize, x: __m256) {
    let to = &mut to[at..][..m];
    if m < LANES {
        let mut filled = [0.0; LANES];
        store(&mut filled, 0, LANES, x);
        return to.copy_from_slice(&filled[..m]);
    }
    // SAFETY: the slice has eight numbers; the store needs no alignment.
    unsafe { _mm256_storeu_ps(to.as_mut_ptr(), x) }
}

/// `Q` queries × `8 · B` positions from `j` on, of all tiles.
#[inline]
#[target_feature(enable = "avx2,f16c,fma")]
fn qk_tile<const N: usize, const Q: usize, const B: usize>(q: [&[f32]; Q], k: &[u8], j: usize) -> [[__m256; B]; Q] {
    let head_dim = q[0].len();
    let mut acc = [[_mm256_setzero_ps(); B]; Q];
    for d in 0..head_dim {
        if N == 2 {
            // As stored: the lines behind these tiles, in order, though tiles are read side by side.
            let (line, tiles) = (N * KEY_TILE, B / 2);
            let at = N * j * head_dim + d * tiles * line;
            prefetch(&k[at..at + tiles * line], AHEAD.max(tiles * head_dim * line));
        }
        let keys: [__m256; B] =
            std::array::from_fn(|b| load::<N>(k, shapes::in_key_tiles(head_dim, d, j + LANES * b), LANES));
        for i in 0..Q {
            let q = _mm256_set1_ps(q[i][d]);
            (0..B).for_each(|b| acc[i][b] = _mm256_fmadd_ps(q, keys[b], acc[i][b]));
        }
    }
    acc
}

#[target_feature(enable = "avx2,f16c,fma")]
fn qk_inner<const N: usize>(q: &[f32], k: &[u8], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    let (n_q, n) = (shapes::rows(q.len(), head_dim), shapes::rows(k.len(), head_dim * N * KEY_TILE) * KEY_TILE);
    shapes::strided(scores.len(), n_q, stride, n);
    let scale = _mm256_set1_ps(scale);
    let (mut i, mut j) = (0, 0);
    while i < n_q && j < n {
        macro_rules! step {
            ($queries:literal, $blocks:literal) => {{
                let q = std::array::from_fn(|c| &q[(i + c) * head_dim..][..head_dim]);
                let acc = qk_tile::<N, $queries, $blocks>(q, k, j);
                for c in 0..$queries {
                    for b in 0..$blocks {
                        store(scores, (i + c) * stride + j + LANES * b, LANES, _mm256_mul_ps(acc[c][b], scale));
                    }
                }
                j += LANES * $blocks;
                if j == n {
                    (i, j) = (i + $queries, 0);
                }
            }};
        }
        match (n_q - i, n - j) {
            (4.., _) => step!(4, 2),
            (3, _) => step!(3, 2),
            (_, 64..) => step!(1, 8),
            (_, _) => step!(1, 2),
        }
    }
}

/// Adds `n` positions to `Q` queries × `B` blocks of eight dimensions from `d` on, of which the last has `m`.
#[inline]
#[target_feature(enable = "avx2,f16c,fma")]
fn pv_tile<const N: usize, const Q: usize, const B: usize>(
    p: [&[f32]; Q],
    v: &[u8],
    head_dim: usize,
    d: usize,
    m: usize,
    acc: &mut [[__m256; B]; Q],
) {
    for j in 0..p[0].len() {
        if N == 2 {
            // As stored: the same part of the next run, so that memory is busy as long as the arithmetic is.
            prefetch(&v[N * (j * head_dim + d)..][..N * (LANES * (B - 1) + m)], RUN_BYTES);
        }
        let values: [__m256; B] =
            std::array::from_fn(|b| load::<N>(v, j * head_dim + d + LANES * b, if b + 1 == B { m } else { LANES }));
        for i in 0..Q {
            let p = _mm256_set1_ps(p[i][j]);
            (0..B).for_each(|b| acc[i][b] = _mm256_fmadd_ps(p, values[b], acc[i][b]));
        }
    }
}

/// Run by run: all queries and dimensions over some positions, then over the next ones.
#[target_feature(enable = "avx2,f16c,fma")]
fn pv_inner<const N: usize>(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    for (first, run) in runs(v, N * head_dim) {
        pv_run::<N>(&p[first..], stride, run, head_dim, out);
    }
}

#[inline]
#[target_feature(enable = "avx2,f16c,fma")]
fn pv_run<const N: usize>(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    let (n, n_q) = (shapes::rows(v.len(), head_dim * N), shapes::rows(out.len(), head_dim));
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
                let mut acc = [[_mm256_setzero_ps(); $blocks]; $queries];
                for c in 0..$queries {
                    for b in 0..$blocks {
                        acc[c][b] = load_f32(out, place(c, b).0, place(c, b).1);
                    }
                }
                pv_tile::<N, $queries, $blocks>(p, v, head_dim, d, last, &mut acc);
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
            (4.., 16..) => step!(4, 2),
            (4.., _) => step!(4, 1),
            (3, 16..) => step!(3, 2),
            (3, _) => step!(3, 1),
            (_, 64..) => step!(1, 8),
            (_, _) => step!(1, 1),
        }
    }
}

pub(super) fn qk(q: &[f32], k: &[f32], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    // SAFETY: f32 has no padding, so its bytes may be read; u8 needs no alignment. For the call see the top of
    // `avx2/mod.rs`.
    unsafe {
        let bytes = std::slice::from_raw_parts(k.as_ptr().cast::<u8>(), size_of_val(k));
        qk_inner::<4>(q, bytes, head_dim, scale, scores, stride);
    }
}

pub(super) fn qk_f16(q: &[f32], k: &[u8], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    // SAFETY: see the top of `avx2/mod.rs`.
    unsafe { qk_inner::<2>(q, k, head_dim, scale, scores, stride) }
}

pub(super) fn pv(p: &[f32], stride: usize, v: &[f32], head_dim: usize, out: &mut [f32]) {
    // SAFETY: f32 has no padding, so its bytes may be read; u8 needs no alignment. For the call see the top of
    // `avx2/mod.rs`.
    unsafe {
        let bytes = std::slice::from_raw_parts(v.as_ptr().cast::<u8>(), size_of_val(v));
        pv_inner::<4>(p, stride, bytes, head_dim, out);
    }
}

pub(super) fn pv_f16(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    // SAFETY: see the top of `avx2/mod.rs`.
    unsafe { pv_inner::<2>(p, stride, v, head_dim, out) }
}
