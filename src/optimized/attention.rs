//! Attention over the cache's pages: `softmax(q · kᵀ · scale) · v`, never holding more than 256 scores of a query.
//!
//! The positions are cut into *chunks* of 256, at fixed places. Over one chunk a query finds a
//! [`SoftmaxState`] and a weighted sum of values; the results of the chunks are merged in order ([`super::softmax`]).
//!
//! ```text
//!   positions  0 ───────── 256 ───────── 512 ────── 600
//!              │ m₀ l₀ acc₀ │ m₁ l₁ acc₁ │ m₂ l₂ acc₂│    merged from left to right:  z = acc / l
//! ```
//!
//! Chunks begin at fixed positions and are merged in order, so the bits are the same whether one worker walks over all
//! of them ([`prefill`]) or several share them ([`split_kv_decode`], which others call flash decoding). Query heads that share a
//! key/value head go together: keys and values are read once for all of them. A window or causality is a range of positions;
//! nothing is computed to be masked away, except within a chunk that queries of different positions share.
//!
//! Look first at [`chunk_attention`].

use super::pages::{Head, load_k, load_v};
use super::pool::{SharedSlice, Worker};
use super::scratch::Rows;
use super::softmax::{AttentionScratch, ChunkResults, SoftmaxState, finish, merge};
use super::workers::Workers;
use crate::batch::SeqId;
use crate::kernels::packed::STRIP;
use crate::kernels::{KEY_TILE, Kernels};
use crate::kv_cache::{KvCache, KvFormat, KvSide};
use crate::model::LayerConfig;
use std::ops::Range;

/// Positions of a chunk.
const CHUNK: usize = 256;
/// Positions in a vector, and in a tile of keys. The part of a chunk that is computed begins at a multiple of this, so that
/// every position keeps its lane in all sums.
const LANES: usize = KEY_TILE;
/// From one row of scores to the next: a chunk, and padding for what a kernel writes beyond it.
const STRIDE: usize = CHUNK + LANES;
/// Queries up to which keys and values are better converted each time they are read than once for all.
const FEW_QUERIES: usize = 8;
/// Rows of a prompt that go over the keys and values together.
const BLOCK: usize = 16;

/// The query of one row: which sequence it reads, and which of its positions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    /// Row of q and z.
    pub(super) row: usize,
    pub(super) sequence: SeqId,
    pub(super) visible: Range<usize>,
}

/// What attention of one block reads besides q.
#[derive(Clone, Copy)]
pub(super) struct AttentionArgs<'a> {
    pub(super) cache: &'a KvCache,
    pub(super) layer: usize,
    pub(super) config: &'a LayerConfig,
    /// Sorted so that rows of one sequence stand together.
    pub(super) queries: &'a [Query],
}

/// q `[n, n_head · head_dim_k]` → z `[n, n_head · head_dim_v]`, quantised as the next matrix reads it.
pub(super) fn attend(
    workers: &mut Workers,
    args: AttentionArgs<'_>,
    q: &Rows,
    chunks: &mut ChunkResults,
    z: &mut Rows,
) {
    let many = args.queries.len() >= BLOCK;
    // A head that is whole blocks is quantised where it is computed; otherwise whole rows are, afterwards.
    let by_head = many && args.config.head_dim_v.is_multiple_of(STRIP) && !z.forms().floats;
    z.set_forms(z.forms().with_floats(!by_head));
    z.shape(q.n(), args.config.n_embd_attn());
    if many {
        prefill(workers, args, q, z);
    } else {
        split_kv_decode(workers, args, q, chunks, z);
    }
    if !by_head {
        workers.quantize(z);
    }
}

/// Many queries: a task is a block of rows and one key/value head, over all chunks from left to right.
fn prefill(workers: &mut Workers, args: AttentionArgs<'_>, q: &Rows, z: &mut Rows) {
    let (n_head_kv, dim) = (args.config.n_head_kv, args.config.head_dim_v);
    let (width, forms) = (z.width(), z.forms());
    let (floats, integers) = z.shared();
    let blocks = || args.queries.chunk_by(|a, b| a.sequence == b.sequence).flat_map(|rows| rows.chunks(BLOCK));
    let tasks = || blocks().flat_map(|rows| (0..n_head_kv).map(move |head| (rows, head)));
    workers.run(|worker, kernels, scratch| {
        for (queries, head) in every_nth(tasks(), worker) {
            let scratch = &mut scratch.attention;
            gather_queries(args, queries, head, q, &mut scratch.q);
            scratch.total.clear(queries.len() * args.config.n_group(), dim);
            let visible = visible_to_any(queries);
            for chunk in visible.start / CHUNK..visible.end.div_ceil(CHUNK) {
                chunk_attention(kernels, args, queries, head, chunk, scratch);
                let (total, chunk) = (&mut scratch.total, &scratch.chunk);
                let chunk = chunk.states.iter().zip(chunk.acc.chunks_exact(dim));
                let total = total.states.iter_mut().zip(total.acc.chunks_exact_mut(dim));
                total.zip(chunk).for_each(|(total, chunk)| merge(total, chunk));
            }
            let AttentionScratch { total, z: row, .. } = scratch;
            for (i, (state, acc)) in total.states.iter().zip(total.acc.chunks_exact(dim)).enumerate() {
                let at = z_at(args, queries, head, i, width);
                if forms.floats {
                    finish(state, acc, floats.claim(at..at + dim));
                } else {
                    row.resize(dim, 0.0);
                    finish(state, acc, row);
                    integers.quantize(kernels, row, at / STRIP);
                }
            }
        }
    });
}

/// Few queries: a task is one row, one key/value head and one chunk. The caller merges the chunks.
fn split_kv_decode(workers: &mut Workers, args: AttentionArgs<'_>, q: &Rows, results: &mut ChunkResults, z: &mut Rows) {
    let (n_head_kv, n_group, dim) = (args.config.n_head_kv, args.config.n_group(), args.config.head_dim_v);
    let chunks = |query: &Query| query.visible.start / CHUNK..query.visible.end.div_ceil(CHUNK);
    // A worker's tasks are neighbours in memory: head after head of a page, each with its keys and its values.
    let of_query = |query| chunks(query).flat_map(move |chunk| (0..n_head_kv).map(move |head| (query, chunk, head)));
    let tasks = || args.queries.iter().flat_map(of_query).enumerate();
    let n_tasks = args.queries.iter().map(|query| chunks(query).len() * n_head_kv).sum::<usize>();
    results.grow(n_tasks * n_group, dim);
    {
        let (states, acc) = (SharedSlice::new(&mut results.states), SharedSlice::new(&mut results.acc));
        workers.run(|worker, kernels, scratch| {
            let share = worker.slice(n_tasks, 1);
            for (task, (query, chunk, head)) in tasks().skip(share.start).take(share.len()) {
                let (scratch, queries) = (&mut scratch.attention, std::slice::from_ref(query));
                gather_queries(args, queries, head, q, &mut scratch.q);
                chunk_attention(kernels, args, queries, head, chunk, scratch);
                let heads = task * n_group..(task + 1) * n_group;
                states.claim(heads.clone()).copy_from_slice(&scratch.chunk.states);
                acc.claim(heads.start * dim..heads.end * dim).copy_from_slice(&scratch.chunk.acc);
            }
        });
    }
    let width = z.width();
    let mut first = 0; // task of the query's first chunk, first head
    for query in args.queries {
        let (queries, n_chunks) = (std::slice::from_ref(query), chunks(query).len());
        for head in 0..n_head_kv {
            for g in 0..n_group {
                let result = |chunk: usize| (first + chunk * n_head_kv + head) * n_group + g;
                let at = z_at(args, queries, head, g, width);
                let (mut total, z) = (SoftmaxState::EMPTY, &mut z.values_mut()[at..at + dim]);
                z.fill(0.0);
                for i in (0..n_chunks).map(result) {
                    merge((&mut total, z), (&results.states[i], &results.acc[i * dim..][..dim]));
                }
                let normalizer = 1.0 / total.l;
                z.iter_mut().for_each(|z| *z *= normalizer);
            }
        }
        first += n_chunks * n_head_kv;
    }
}

/// Some rows of one sequence over one chunk: `scratch.q` → `scratch.chunk`.
fn chunk_attention(
    kernels: &Kernels,
    args: AttentionArgs<'_>,
    queries: &[Query],
    head: usize,
    chunk: usize,
    scratch: &mut AttentionScratch,
) {
    let (dim_k, dim_v) = (args.config.head_dim_k, args.config.head_dim_v);
    let n_group = args.config.n_group();
    let n_q = queries.len() * n_group;
    let AttentionScratch { q, k, v, scores, chunk: result, .. } = scratch;
    result.clear(n_q, dim_v);
    scores.resize((n_q * STRIDE).max(scores.len()), 0.0);
    let scores = &mut scores[..n_q * STRIDE];

    // The part of the chunk that any of the rows sees, from a whole vector on.
    let visible = visible_to_any(queries);
    let start = visible.start.max(chunk * CHUNK) / LANES * LANES;
    let seen = start..visible.end.min((chunk + 1) * CHUNK);
    let width = seen.len().next_multiple_of(LANES);

    // scores = q · kᵀ · scale
    let layout = args.cache.layout();
    let stored = Head { cache: args.cache, layer: args.layer, sequence: queries[0].sequence, head };
    let tiles_of_f16 = layout.format(KvSide::K) == KvFormat::F16 && layout.tile_len(KvSide::K) == KEY_TILE;
    stored.pages(KvSide::K, &seen, |positions, stored| {
        let scores = &mut scores[positions.start - start..];
        if n_q <= FEW_QUERIES && tiles_of_f16 {
            return (kernels.qk_f16)(q, stored, dim_k, args.config.attn_scale, scores, STRIDE);
        }
        let padded = positions.len().next_multiple_of(LANES);
        k.resize((dim_k * padded).max(k.len()), 0.0);
        let keys = &mut k[..dim_k * padded]; // [positions / 16, head_dim, 16]
        load_k(kernels, layout, stored, dim_k, keys);
        (kernels.qk)(q, keys, dim_k, args.config.attn_scale, scores, STRIDE);
    });

    // m = max(scores), scores = e^(scores − m), l = Σ scores
    for ((i, scores), state) in scores.chunks_exact_mut(STRIDE).enumerate().zip(&mut result.states) {
        let own = &queries[i / n_group].visible;
        let in_row = |position: usize| position.clamp(start, seen.end) - start;
        scores[..in_row(own.start)].fill(f32::NEG_INFINITY);
        scores[in_row(own.end)..width].fill(f32::NEG_INFINITY);
        let m = (kernels.max)(&scores[..width]);
        *state = SoftmaxState { m, l: (kernels.exp_sum)(&mut scores[..width], m) };
    }

    // acc = scores · v
    stored.pages(KvSide::V, &seen, |positions, rows| {
        let scores = &scores[positions.start - start..];
        if n_q <= FEW_QUERIES && layout.format(KvSide::V) == KvFormat::F16 {
            return (kernels.pv_f16)(scores, STRIDE, rows, dim_v, &mut result.acc);
        }
        v.resize((positions.len() * dim_v).max(v.len()), 0.0);
        let values = &mut v[..positions.len() * dim_v]; // [positions, head_dim]
        load_v(kernels, layout.format(KvSide::V), rows, dim_v, values);
        (kernels.pv)(scores, STRIDE, values, dim_v, &mut result.acc);
    });
}

/// The query heads that share a key/value head, row by row: `[n_q, head_dim_k]`.
fn gather_queries(args: AttentionArgs<'_>, queries: &[Query], head: usize, q: &Rows, out: &mut Vec<f32>) {
    let width = args.config.n_group() * args.config.head_dim_k;
    out.clear();
    for query in queries {
        out.extend_from_slice(&q.row(query.row)[head * width..][..width]);
    }
}

/// Where in z query head `i` of some rows lies.
fn z_at(args: AttentionArgs<'_>, queries: &[Query], head: usize, i: usize, width: usize) -> usize {
    let n_group = args.config.n_group();
    queries[i / n_group].row * width + (head * n_group + i % n_group) * args.config.head_dim_v
}

/// From the first position that any of these rows sees to the last.
fn visible_to_any(queries: &[Query]) -> Range<usize> {
    let start = queries.iter().map(|query| query.visible.start).min().unwrap_or(0);
    start..queries.iter().map(|query| query.visible.end).max().unwrap_or(0)
}

/// How many positions are read for these queries, which are sorted by sequence: each once for all queries of its sequence.
pub(super) fn seen_positions(queries: &[Query]) -> usize {
    queries.chunk_by(|a, b| a.sequence == b.sequence).map(|rows| visible_to_any(rows).len()).sum()
}

/// This worker's share of a list of tasks: every n-th, because neighbours cost about the same.
fn every_nth<T>(tasks: impl Iterator<Item = T>, worker: Worker<'_>) -> impl Iterator<Item = T> {
    tasks.skip(worker.index).step_by(worker.n_threads)
}
