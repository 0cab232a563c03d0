//! Attention over one page, four positions (`qk`) or four dimensions (`pv`) in a register.
//!
//! ```text
//!  qk:  for 4 queries × 16 positions:   acc[4][4] ← 0;  for each d:  acc ← fma(k[d][4 positions], q[d], acc)
//!  pv:  for 4 queries × 16 dimensions:  acc[4][4] ← out; for each j: acc ← fma(v[j][4 dimensions], p[j], acc)
//! ```
//!
//! Each lane walks the order that `scalar/attention.rs` specifies. What does not fill a register goes by way of an array
//! that does.

use crate::kernels::stored::runs;
use crate::kernels::{KEY_TILE, shapes};
use core::arch::aarch64::*;

pub(super) const LANES: usize = 4;

/// `m` ≤ 4 stored numbers of `N` bytes (f32 or f16) from the `at`-th on, as f32; zeros in the other lanes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load<const N: usize>(bytes: &[u8], at: usize, m: usize) -> float32x4_t {
    let bytes = &bytes[N * at..][..N * m];
    if m < LANES {
        let mut filled = [0; 4 * LANES];
        filled[..N * m].copy_from_slice(bytes);
        return load::<N>(&filled, 0, LANES);
    }
    // SAFETY: the slice has four numbers of four or two bytes; the loads need no alignment.
    unsafe {
        match N {
            4 => vreinterpretq_f32_u8(vld1q_u8(bytes.as_ptr())),
            _ => vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(bytes.as_ptr()))),
        }
    }
}

/// As [`load`], of numbers that are f32 in memory.
#[inline]
#[target_feature(enable = "neon")]
fn load_f32(from: &[f32], at: usize, m: usize) -> float32x4_t {
    let from = &from[at..][..m];
    if m < LANES {
        let mut filled = [0.0; LANES];
        filled[..m].copy_from_slice(from);
        return load_f32(&filled, 0, LANES);
    }
    // SAFETY: the slice has four numbers; the load needs no alignment.
    unsafe { vld1q_f32(from.as_ptr()) }
}

/// Stores the first `m` lanes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn store(to: &mut [f32], at: usize, m: usize, x: float32x4_t) {
    let to = &mut to[at..][..m];
    if m < LANES {
        let mut filled = [0.0; LANES];
        store(&mut filled, 0, LANES, x);
        return to.copy_from_slice(&filled[..m]);
    }
    // SAFETY: the slice has four numbers; the store needs no alignment.
    unsafe { vst1q_f32(to.as_mut_ptr(), x) }
}

/// `Q` queries × `4 · B` positions from `j` on, of all tiles.
#[inline]
#[target_feature(enable = "neon")]
fn qk_tile<const N: usize, const Q: usize, const B: usize>(
    q: [&[f32]; Q],
    k: &[u8],
    j: usize,
) -> [[float32x4_t; B]; Q] {
    let head_dim = q[0].len();
    let mut acc = [[vdupq_n_f32(0.0); B]; Q];
    for d in 0..head_dim {
        let keys: [float32x4_t; B] =
            std::array::from_fn(|b| load::<N>(k, shapes::in_key_tiles(head_dim, d, j + LANES * b), LANES));
        for i in 0..Q {
            (0..B).for_each(|b| acc[i][b] = vfmaq_n_f32(acc[i][b], keys[b], q[i][d]));
        }
    }
    acc
}

#[target_feature(enable = "neon")]
fn qk_inner<const N: usize>(q: &[f32], k: &[u8], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    let (n_q, n) = (shapes::rows(q.len(), head_dim), shapes::rows(k.len(), head_dim * N * KEY_TILE) * KEY_TILE);
    shapes::strided(scores.len(), n_q, stride, n);
    let (mut i, mut j) = (0, 0);
    while i < n_q && j < n {
        macro_rules! step {
            ($queries:literal, $blocks:literal) => {{
                let q = std::array::from_fn(|c| &q[(i + c) * head_dim..][..head_dim]);
                let acc = qk_tile::<N, $queries, $blocks>(q, k, j);
                for c in 0..$queries {
                    for b in 0..$blocks {
                        store(scores, (i + c) * stride + j + LANES * b, LANES, vmulq_n_f32(acc[c][b], scale));
                    }
                }
                j += LANES * $blocks;
                if j == n {
                    (i, j) = (i + $queries, 0);
                }
            }};
        }
        match (n_q - i, n - j) {
            (4.., _) => step!(4, 4),
            (3, _) => step!(3, 4),
            (_, _) => step!(1, 4),
        }
    }
}

/// Adds `n` positions to `Q` queries × `B` blocks of four dimensions from `d` on, of which the last has `m`.
#[inline]
#[target_feature(enable = "neon")]
fn pv_tile<const N: usize, const Q: usize, const B: usize>(
    p: [&[f32]; Q],
    v: &[u8],
    head_dim: usize,
    d: usize,
    m: usize,
    acc: &mut [[float32x4_t; B]; Q],
) {
    for j in 0..p[0].len() {
        let values: [float32x4_t; B] =
            std::array::from_fn(|b| load::<N>(v, j * head_dim + d + LANES * b, if b + 1 == B { m } else { LANES }));
        for i in 0..Q {
            (0..B).for_each(|b| acc[i][b] = vfmaq_n_f32(acc[i][b], values[b], p[i][j]));
        }
    }
}

/// Run by run: all queries and dimensions over some positions, then over the next ones.
#[target_feature(enable = "neon")]
fn pv_inner<const N: usize>(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    for (first, run) in runs(v, N * head_dim) {
        pv_run::<N>(&p[first..], stride, run, head_dim, out);
    }
}

#[inline]
#[target_feature(enable = "neon")]
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
                let mut acc = [[vdupq_n_f32(0.0); $blocks]; $queries];
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
            (4.., 16..) => step!(4, 4),
            (4.., _) => step!(4, 1),
            (3, 16..) => step!(3, 4),
            (3, _) => step!(3, 1),
            (_, 16..) => step!(1, 4),
            (_, _) => step!(1, 1),
        }
    }
}

pub(super) fn qk(q: &[f32], k: &[f32], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    // SAFETY: f32 has no padding, so its bytes may be read; u8 needs no alignment. For the call see the top of
    // `neon/mod.rs`.
    unsafe {
        let bytes = std::slice::from_raw_parts(k.as_ptr().cast::<u8>(), size_of_val(k));
        qk_inner::<4>(q, bytes, head_dim, scale, scores, stride);
    }
}

pub(super) fn qk_f16(q: &[f32], k: &[u8], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    // SAFETY: see the top of `neon/mod.rs`: these functions are reachable only where the instructions exist.
    unsafe { qk_inner::<2>(q, k, head_dim, scale, scores, stride) }
}

pub(super) fn pv(p: &[f32], stride: usize, v: &[f32], head_dim: usize, out: &mut [f32]) {
    // SAFETY: f32 has no padding, so its bytes may be read; u8 needs no alignment. For the call see the top of
    // `neon/mod.rs`.
    unsafe {
        let bytes = std::slice::from_raw_parts(v.as_ptr().cast::<u8>(), size_of_val(v));
        pv_inner::<4>(p, stride, bytes, head_dim, out);
    }
}

pub(super) fn pv_f16(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    // SAFETY: see the top of `neon/mod.rs`.
    unsafe { pv_inner::<2>(p, stride, v, head_dim, out) }
}
