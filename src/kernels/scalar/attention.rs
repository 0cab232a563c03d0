//! Attention over one page of the cache, as specification.
//!
//! ```text
//! load_k    rows [n][head_dim] of f32 or f16  →  [head_dim][n], positions in lanes
//! qk        score[i][j] = scale · Σ_d q[i][d] · k[j][d]          d in order, by fma
//! load_v    rows [n][head_dim]                →  the same as f32
//! pv        out[i][d] += Σ_j p[i][j] · v[j][d]                   j in order, by fma
//! ```
//!
//! In `qk` positions lie in lanes, in `pv` dimensions do. Neither adds across lanes, so scores do not depend on how many
//! queries or positions are computed together. A position whose `p` is 0 changes nothing: mask by setting its score
//! to −∞ before the softmax.

use crate::kernels::shapes;
use crate::quant::f16;

/// Positions are filled up to a multiple of this.
const LANES: usize = 16;

/// Number `i` of a row of f32 (`N` = 4 bytes each) or f16 (2).
fn stored<const N: usize>(rows: &[u8], i: usize) -> f32 {
    let bytes = &rows[N * i..][..N];
    match N {
        4 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        _ => f16::to_f32([bytes[0], bytes[1]]),
    }
}

/// [`Kernels::load_k_f32`](crate::kernels::Kernels::load_k_f32) and `load_k_f16`.
pub(in crate::kernels) fn load_k<const N: usize>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
    let n = shapes::rows(rows.len(), head_dim * N);
    let padded = n.next_multiple_of(LANES);
    assert_eq!(out.len(), head_dim * padded, "out is [head_dim][{padded}]");
    for j in 0..padded {
        for d in 0..head_dim {
            out[d * padded + j] = if j < n { stored::<N>(rows, j * head_dim + d) } else { 0.0 };
        }
    }
}

/// [`Kernels::load_v_f32`](crate::kernels::Kernels::load_v_f32) and `load_v_f16`.
pub(in crate::kernels) fn load_v<const N: usize>(rows: &[u8], out: &mut [f32]) {
    assert_eq!(rows.len(), N * out.len());
    for (i, out) in out.iter_mut().enumerate() {
        *out = stored::<N>(rows, i);
    }
}

/// [`Kernels::qk`](crate::kernels::Kernels::qk).
pub(in crate::kernels) fn qk(q: &[f32], k: &[f32], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    let (n_q, n) = (shapes::rows(q.len(), head_dim), shapes::rows(k.len(), head_dim));
    shapes::strided(scores.len(), n_q, stride, n);
    for i in 0..n_q {
        for j in 0..n {
            let dot = (0..head_dim).fold(0.0, |acc, d| q[i * head_dim + d].mul_add(k[d * n + j], acc));
            scores[i * stride + j] = dot * scale;
        }
    }
}

/// [`Kernels::pv`](crate::kernels::Kernels::pv).
pub(in crate::kernels) fn pv(p: &[f32], stride: usize, v: &[f32], head_dim: usize, out: &mut [f32]) {
    let (n, n_q) = (shapes::rows(v.len(), head_dim), shapes::rows(out.len(), head_dim));
    shapes::strided(p.len(), n_q, stride, n);
    for i in 0..n_q {
        for d in 0..head_dim {
            let out = &mut out[i * head_dim + d];
            *out = (0..n).fold(*out, |acc, j| p[i * stride + j].mul_add(v[j * head_dim + d], acc));
        }
    }
}

/// [`Kernels::pv_f16`](crate::kernels::Kernels::pv_f16).
pub(in crate::kernels) fn pv_f16(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    let mut rows = vec![0.0; v.len() / 2];
    load_v::<2>(v, &mut rows);
    pv(p, stride, &rows, head_dim, out);
}
