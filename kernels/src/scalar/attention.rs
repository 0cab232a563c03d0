//! Attention over one page of the cache, as specification.
//!
//! ```text
//! load_k    rows [n][head_dim] as stored      →  tiles [n / 16][head_dim][16], positions in lanes
//! qk        score[i][j] = scale · Σ_d q[i][d] · k[j][d]          d in order, by fma
//! load_v    rows [n][head_dim]                →  the same as f32
//! pv        out[i][d] += Σ_j p[i][j] · v[j][d]                   j in order, by fma
//! ```
//!
//! In `qk` positions lie in lanes, in `pv` dimensions do. Neither adds across lanes, so scores do not depend on how many
//! queries or positions are computed together. A position whose `p` is 0 changes nothing: mask by setting its score
//! to −∞ before the softmax.
//!
//! Rows are stored as f32, f16, or whole blocks of 32 numbers (Q8_0, Q4_0), the last filled up with zeros where `head_dim` is
//! no multiple of 32. A number of a block is `code · scale`, one multiplication in f32, as [`quant`](crate::quant) has it.

use crate::quant::{f16, q4_0, q8_0};
use crate::table::{F16, F32, Q8_0};
use crate::{KEY_TILE, shapes};

/// Numbers in a block of either format.
const BLOCK: usize = q8_0::LEN;
const _: () = assert!(BLOCK == q4_0::LEN);

/// Number `i` of a row of f32 (`N` = 4 bytes each) or f16 (2).
fn stored<const N: usize>(rows: &[u8], i: usize) -> f32 {
    let bytes = &rows[N * i..][..N];
    match N {
        4 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        _ => f16::to_f32([bytes[0], bytes[1]]),
    }
}

/// [`Kernels::load_k_f32`](crate::Kernels::load_k_f32) and its neighbours.
pub(crate) fn load_k<const TY: u32>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
    match TY {
        F32 => load_k_numbers::<4>(rows, head_dim, out),
        F16 => load_k_numbers::<2>(rows, head_dim, out),
        Q8_0 => load_k_blocks(|block, keys| q8_0::Block::from_bytes(block).dequantize(keys), rows, head_dim, out),
        _ => load_k_blocks(|block, keys| q4_0::Block::from_bytes(block).dequantize(keys), rows, head_dim, out),
    }
}

/// [`Kernels::load_v_f32`](crate::Kernels::load_v_f32) and `load_v_f16`.
pub(crate) fn load_v<const TY: u32>(rows: &[u8], out: &mut [f32]) {
    match TY {
        F32 => load_v_numbers::<4>(rows, out),
        _ => load_v_numbers::<2>(rows, out),
    }
}

/// [`Kernels::load_v_q8_0`](crate::Kernels::load_v_q8_0) and `load_v_q4_0`.
pub(crate) fn load_v_blocks<const TY: u32>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
    match TY {
        Q8_0 => load_v_of(|block, values| q8_0::Block::from_bytes(block).dequantize(values), rows, head_dim, out),
        _ => load_v_of(|block, values| q4_0::Block::from_bytes(block).dequantize(values), rows, head_dim, out),
    }
}

fn load_k_numbers<const N: usize>(rows: &[u8], head_dim: usize, out: &mut [f32]) {
    let n = shapes::rows(rows.len(), head_dim * N);
    let padded = shapes::key_tiles(n, head_dim, out.len());
    for j in 0..padded {
        for d in 0..head_dim {
            out[shapes::in_key_tiles(head_dim, d, j)] = if j < n { stored::<N>(rows, j * head_dim + d) } else { 0.0 };
        }
    }
}

fn load_v_numbers<const N: usize>(rows: &[u8], out: &mut [f32]) {
    assert_eq!(rows.len(), N * out.len());
    for (i, out) in out.iter_mut().enumerate() {
        *out = stored::<N>(rows, i);
    }
}

fn load_k_blocks<const BYTES: usize>(
    dequantize: impl Fn(&[u8; BYTES], &mut [f32; BLOCK]),
    rows: &[u8],
    head_dim: usize,
    out: &mut [f32],
) {
    let blocks = head_dim.div_ceil(BLOCK); // of a row
    shapes::key_tiles(shapes::rows(rows.len(), blocks * BYTES), head_dim, out.len());
    out.fill(0.0);
    for (i, block) in rows.as_chunks::<BYTES>().0.iter().enumerate() {
        let (j, first) = (i / blocks, i % blocks * BLOCK);
        let mut keys = [0.0; BLOCK];
        dequantize(block, &mut keys);
        for (d, key) in (first..head_dim).zip(keys) {
            out[shapes::in_key_tiles(head_dim, d, j)] = key;
        }
    }
}

fn load_v_of<const BYTES: usize>(
    dequantize: impl Fn(&[u8; BYTES], &mut [f32; BLOCK]),
    rows: &[u8],
    head_dim: usize,
    out: &mut [f32],
) {
    let row_bytes = head_dim.div_ceil(BLOCK) * BYTES;
    assert_eq!(out.len(), shapes::rows(rows.len(), row_bytes) * head_dim, "out is [n][{head_dim}]");
    for (row, out) in rows.chunks_exact(row_bytes).zip(out.chunks_exact_mut(head_dim)) {
        for (block, out) in row.as_chunks::<BYTES>().0.iter().zip(out.chunks_mut(BLOCK)) {
            let mut values = [0.0; BLOCK];
            dequantize(block, &mut values);
            out.copy_from_slice(&values[..out.len()]);
        }
    }
}

/// [`Kernels::qk`](crate::Kernels::qk).
pub(crate) fn qk(q: &[f32], k: &[f32], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    let (n_q, n) = (shapes::rows(q.len(), head_dim), shapes::rows(k.len(), head_dim * KEY_TILE) * KEY_TILE);
    shapes::strided(scores.len(), n_q, stride, n);
    for i in 0..n_q {
        for j in 0..n {
            let key = |d| k[shapes::in_key_tiles(head_dim, d, j)];
            let dot = (0..head_dim).fold(0.0, |acc, d| q[i * head_dim + d].mul_add(key(d), acc));
            scores[i * stride + j] = dot * scale;
        }
    }
}

/// [`Kernels::qk_f16`](crate::Kernels::qk_f16).
pub(crate) fn qk_f16(q: &[f32], k: &[u8], head_dim: usize, scale: f32, scores: &mut [f32], stride: usize) {
    let mut tiles = vec![0.0; k.len() / 2];
    load_v::<F16>(k, &mut tiles);
    qk(q, &tiles, head_dim, scale, scores, stride);
}

/// [`Kernels::pv`](crate::Kernels::pv).
pub(crate) fn pv(p: &[f32], stride: usize, v: &[f32], head_dim: usize, out: &mut [f32]) {
    let (n, n_q) = (shapes::rows(v.len(), head_dim), shapes::rows(out.len(), head_dim));
    shapes::strided(p.len(), n_q, stride, n);
    for i in 0..n_q {
        for d in 0..head_dim {
            let out = &mut out[i * head_dim + d];
            *out = (0..n).fold(*out, |acc, j| p[i * stride + j].mul_add(v[j * head_dim + d], acc));
        }
    }
}

/// [`Kernels::pv_f16`](crate::Kernels::pv_f16).
pub(crate) fn pv_f16(p: &[f32], stride: usize, v: &[u8], head_dim: usize, out: &mut [f32]) {
    let mut rows = vec![0.0; v.len() / 2];
    load_v::<F16>(v, &mut rows);
    pv(p, stride, &rows, head_dim, out);
}
