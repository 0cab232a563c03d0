//! Causal attention with shared key and value heads, and its derivative.
//!
//! Look first at [`forward`]. Queries go in blocks of [`BLOCK`] rows, so that keys no query of a block can see cost
//! nothing. Probabilities are kept for the derivative.

use super::math::{dot, softmax};
use crate::trainer::config::ModelConfig;
use crate::trainer::matmul::{Into, View, ViewMut, matmul};
use std::ops::Range;

/// Queries that are multiplied with keys together.
const BLOCK: usize = 64;

/// One layer's attention of one batch.
#[derive(Debug, Default)]
pub(super) struct AttentionTape {
    /// Turned queries, `[n_tokens, n_head · head_dim]`.
    pub(super) q: Vec<f32>,
    /// Turned keys, `[n_tokens, n_head_kv · head_dim]`.
    pub(super) k: Vec<f32>,
    /// Values, as keys.
    pub(super) v: Vec<f32>,
    /// What each head gathered, `[n_tokens, n_head · head_dim]`.
    pub(super) heads: Vec<f32>,
    /// Probabilities, `[n_seq, n_head, n_ctx, n_ctx]`; only the parts that a block of queries can see are written.
    probs: Vec<f32>,
}

/// A block of queries of one head, and the keys that any of them can see.
struct Tile {
    seq: usize,
    head: usize,
    queries: Range<usize>,
    keys: Range<usize>,
}

fn tiles(config: &ModelConfig, n_seq: usize, n_ctx: usize, span: usize) -> impl Iterator<Item = Tile> {
    let n_head = config.n_head;
    (0..n_seq).flat_map(move |seq| (0..n_head).map(move |head| (seq, head))).flat_map(move |(seq, head)| {
        (0..n_ctx).step_by(BLOCK).map(move |start| {
            let end = (start + BLOCK).min(n_ctx);
            Tile { seq, head, queries: start..end, keys: first_key(start, span)..end }
        })
    })
}

/// The first key that a query sees.
fn first_key(query: usize, span: usize) -> usize {
    (query + 1).saturating_sub(span)
}

impl Tile {
    /// Where its queries (or what their head gathers) begin in `[n_tokens, n_head · head_dim]`.
    fn at_q(&self, config: &ModelConfig, n_ctx: usize) -> usize {
        (self.seq * n_ctx + self.queries.start) * config.n_embd_q() + self.head * config.head_dim
    }

    /// Where its keys (or values) begin in `[n_tokens, n_head_kv · head_dim]`.
    fn at_k(&self, config: &ModelConfig, n_ctx: usize) -> usize {
        let head_kv = self.head / (config.n_head / config.n_head_kv);
        (self.seq * n_ctx + self.keys.start) * config.n_embd_kv() + head_kv * config.head_dim
    }

    /// Where its probabilities begin.
    fn at_p(&self, config: &ModelConfig, n_ctx: usize) -> usize {
        ((self.seq * config.n_head + self.head) * n_ctx + self.queries.start) * n_ctx + self.keys.start
    }
}

/// `heads = softmax(scale · q·kᵀ) · v`, each query over the keys it may see.
pub(super) fn forward(config: &ModelConfig, tape: &mut AttentionTape, n_ctx: usize, span: usize) {
    let (dim, wq, wk) = (config.head_dim, config.n_embd_q(), config.n_embd_kv());
    let n_seq = tape.q.len() / wq / n_ctx;
    let scale = 1.0 / (dim as f32).sqrt();
    tape.heads.resize(tape.q.len(), 0.0);
    tape.probs.resize(n_seq * config.n_head * n_ctx * n_ctx, 0.0);
    for tile in tiles(config, n_seq, n_ctx, span) {
        let (n_q, n_k) = (tile.queries.len(), tile.keys.len());
        let (at_q, at_k) = (tile.at_q(config, n_ctx), tile.at_k(config, n_ctx));
        let q = View::strided(&tape.q[at_q..], n_q, dim, wq);
        let k = View::strided(&tape.k[at_k..], n_k, dim, wk);
        let v = View::strided(&tape.v[at_k..], n_k, dim, wk);

        let probs = &mut tape.probs[tile.at_p(config, n_ctx)..];
        matmul(ViewMut::strided(probs, n_q, n_k, n_ctx), q, k.t(), scale, Into::Set);
        for (i, query) in tile.queries.clone().enumerate() {
            let row = &mut probs[i * n_ctx..][..n_k];
            let (before, seen) = (first_key(query, span) - tile.keys.start, query + 1 - tile.keys.start);
            softmax(&mut row[before..seen]);
            row[..before].fill(0.0);
            row[seen..].fill(0.0);
        }
        let probs = View::strided(probs, n_q, n_k, n_ctx);
        matmul(ViewMut::strided(&mut tape.heads[at_q..], n_q, dim, wq), probs, v, 1.0, Into::Set);
    }
}

/// The derivatives with respect to (turned) queries, keys and values, given that of `heads`.
///
/// `dp = dh·vᵀ`, `ds = p ∘ (dp − Σ dp∘p)`, `dq = scale · ds·k`, `dk = scale · dsᵀ·q`, `dv = pᵀ·dh`.
pub(super) fn backward(
    config: &ModelConfig,
    tape: &AttentionTape,
    d_heads: &[f32],
    (dq, dk, dv): (&mut [f32], &mut [f32], &mut [f32]),
    n_ctx: usize,
    span: usize,
) {
    let (dim, wq, wk) = (config.head_dim, config.n_embd_q(), config.n_embd_kv());
    let n_seq = tape.q.len() / wq / n_ctx;
    let scale = 1.0 / (dim as f32).sqrt();
    dk.fill(0.0);
    dv.fill(0.0);
    let mut ds = vec![0.0; BLOCK * n_ctx];
    for tile in tiles(config, n_seq, n_ctx, span) {
        let (n_q, n_k) = (tile.queries.len(), tile.keys.len());
        let (at_q, at_k) = (tile.at_q(config, n_ctx), tile.at_k(config, n_ctx));
        let q = View::strided(&tape.q[at_q..], n_q, dim, wq);
        let k = View::strided(&tape.k[at_k..], n_k, dim, wk);
        let v = View::strided(&tape.v[at_k..], n_k, dim, wk);
        let dh = View::strided(&d_heads[at_q..], n_q, dim, wq);
        let probs = &tape.probs[tile.at_p(config, n_ctx)..];
        let p = View::strided(probs, n_q, n_k, n_ctx);

        matmul(ViewMut::strided(&mut dv[at_k..], n_k, dim, wk), p.t(), dh, 1.0, Into::Add);
        matmul(ViewMut::new(&mut ds, n_q, n_k), dh, v.t(), 1.0, Into::Set);
        for (i, ds) in ds.chunks_exact_mut(n_k).take(n_q).enumerate() {
            let p = &probs[i * n_ctx..][..n_k];
            let mean = dot(ds, p);
            for j in 0..n_k {
                ds[j] = p[j] * (ds[j] - mean);
            }
        }
        let ds = View::new(&ds, n_q, n_k);
        matmul(ViewMut::strided(&mut dq[at_q..], n_q, dim, wq), ds, k, scale, Into::Set);
        matmul(ViewMut::strided(&mut dk[at_k..], n_k, dim, wk), ds.t(), q, scale, Into::Add);
    }
}
