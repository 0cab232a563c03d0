//! Attention over the cache's pages: `softmax(q · kᵀ · scale) · v`, never holding more than 256 scores of a query.
//!
//! The past is cut into *chunks* of 256 positions, at fixed places. Over one chunk a query finds a [`Partial`] result:
//! the largest score `m`, `s = Σ e^(score − m)` and `o = Σ e^(score − m) · v`. Two of them make one by scaling both to the
//! larger maximum, and the last is divided by its `s`: softmax, *online* (Milakov & Gimelshein 2018; Dao et al. 2022).
//!
//! ```text
//!   positions  0 ─────── 256 ─────── 512 ──── 600
//!              │ m₀ s₀ o₀ │ m₁ s₁ o₁ │ m₂ s₂ o₂│    merged from left to right:  z = o / s
//! ```
//!
//! Chunks begin at fixed positions and are merged in order, so the bits are the same whether one worker walks over all
//! of them (prefill) or several share them (decode). Query heads that share a key/value head go together: keys and values
//! are read once for all of them. A window or causality is a range of positions; nothing is computed to be masked away,
//! except within a chunk that queries of different positions share.
//!
//! Look first at [`over_chunk`].

use super::ops::Team;
use super::pages::{Head, load_k, load_v};
use super::pool::{SharedSlice, Worker};
use super::scratch::Rows;
use crate::batch::SeqId;
use crate::kernels::packed::STRIP;
use crate::kernels::{KEY_TILE, Kernels};
use crate::kv_cache::{KvCache, KvFormat, Side};
use crate::model::LayerConfig;
use std::ops::Range;

/// Positions of a chunk.
const CHUNK: usize = 256;
/// Positions in a vector, and in a tile of keys: where a chunk's part begins is a multiple of this, so that sums keep their
/// lanes.
const LANES: usize = KEY_TILE;
/// From one row of scores to the next: a chunk, and room for what a kernel fills up.
const STRIDE: usize = CHUNK + LANES;
/// Queries up to which keys and values are better converted each time they are read than once for all.
const FEW_QUERIES: usize = 8;
/// Rows of a prompt that go over the past together.
const BLOCK: usize = 16;

/// One row that asks: which, of whose past, and what it may see of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    /// Row of q and z.
    pub(super) row: usize,
    pub(super) sequence: SeqId,
    pub(super) visible: Range<usize>,
}

/// The largest score and the sum of exponentials of one query head over one chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partial {
    max: f32,
    sum: f32,
}

const NOTHING: Partial = Partial { max: f32::NEG_INFINITY, sum: 0.0 };

/// A worker's buffers.
#[derive(Debug, Default)]
pub(super) struct Bench {
    q: Vec<f32>,      // [n_q, head_dim_k]
    k: Vec<f32>,      // [positions of a page / 16, head_dim_k, 16]
    v: Vec<f32>,      // [positions of a page, head_dim_v]
    scores: Vec<f32>, // [n_q, STRIDE]
    z: Vec<f32>,      // [head_dim_v]: a head of z on its way to whole numbers
    found: Found,
    so_far: Found,
}

/// What queries found: per query head a partial and the mix of values, `[n_q, head_dim_v]`.
#[derive(Debug, Default)]
struct Found {
    partials: Vec<Partial>,
    mixed: Vec<f32>,
}

impl Found {
    fn clear(&mut self, n_q: usize, head_dim: usize) {
        self.partials.clear();
        self.partials.resize(n_q, NOTHING);
        self.mixed.clear();
        self.mixed.resize(n_q * head_dim, 0.0);
    }
}

/// What attention of one block is about.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) cache: &'a KvCache,
    pub(super) layer: usize,
    pub(super) config: &'a LayerConfig,
    /// Sorted so that rows of one sequence stand together.
    pub(super) queries: &'a [Query],
}

/// q `[n, n_head · head_dim_k]` → z `[n, n_head · head_dim_v]`, ready for a matrix.
pub(super) fn attend(
    team: &mut Team,
    scene: Scene<'_>,
    q: &Rows,
    partials: &mut Vec<Partial>,
    mixed: &mut Vec<f32>,
    z: &mut Rows,
) {
    let many = scene.queries.len() >= BLOCK;
    // A head of whole strips is made ready where it was found; otherwise whole rows are, afterwards.
    let at_once = many && scene.config.head_dim_v.is_multiple_of(STRIP) && !z.reads().numbers;
    z.keep_for(z.reads().and_numbers(!at_once));
    z.shape(q.n(), scene.config.n_embd_attn());
    if many {
        over_everything(team, scene, q, z);
    } else {
        over_pieces(team, scene, q, partials, mixed, z);
    }
    if !at_once {
        team.quantize(z);
    }
}

/// Prefill: a task is a block of rows and one key/value head, from the beginning of the past to its end.
fn over_everything(team: &mut Team, scene: Scene<'_>, q: &Rows, z: &mut Rows) {
    let (n_head_kv, dim) = (scene.config.n_head_kv, scene.config.head_dim_v);
    let (width, reads) = (z.width(), z.reads());
    let (numbers, whole) = z.shared();
    let blocks = || scene.queries.chunk_by(|a, b| a.sequence == b.sequence).flat_map(|rows| rows.chunks(BLOCK));
    let tasks = || blocks().flat_map(|rows| (0..n_head_kv).map(move |head| (rows, head)));
    team.run(|worker, kernels, bench| {
        for (queries, head) in every_nth(tasks(), worker) {
            let bench = &mut bench.attention;
            gather(scene, queries, head, q, &mut bench.q);
            bench.so_far.clear(queries.len() * scene.config.n_group(), dim);
            let visible = visible_to_any(queries);
            for chunk in visible.start / CHUNK..visible.end.div_ceil(CHUNK) {
                over_chunk(kernels, scene, queries, head, chunk, bench);
                let found = bench.found.partials.iter().zip(bench.found.mixed.chunks_exact(dim));
                let so_far = bench.so_far.partials.iter_mut().zip(bench.so_far.mixed.chunks_exact_mut(dim));
                so_far.zip(found).for_each(|(so_far, found)| merge(so_far, found));
            }
            for (i, (partial, mixed)) in
                bench.so_far.partials.iter().zip(bench.so_far.mixed.chunks_exact(dim)).enumerate()
            {
                let at = z_at(scene, queries, head, i, width);
                if reads.numbers {
                    finish(partial, mixed, numbers.claim(at..at + dim));
                } else {
                    bench.z.resize(dim, 0.0);
                    finish(partial, mixed, &mut bench.z);
                    whole.quantize(kernels, &bench.z, at / STRIP);
                }
            }
        }
    });
}

/// Decode: a task is one row, one key/value head and one chunk of its past. The caller puts the pieces together.
fn over_pieces(
    team: &mut Team,
    scene: Scene<'_>,
    q: &Rows,
    partials: &mut Vec<Partial>,
    mixed: &mut Vec<f32>,
    z: &mut Rows,
) {
    let (n_head_kv, n_group, dim) = (scene.config.n_head_kv, scene.config.n_group(), scene.config.head_dim_v);
    let chunks = |query: &Query| query.visible.start / CHUNK..query.visible.end.div_ceil(CHUNK);
    // A worker's tasks are neighbours in memory: head after head of a page, each with its keys and its values.
    let pieces = |query| chunks(query).flat_map(move |chunk| (0..n_head_kv).map(move |head| (query, chunk, head)));
    let tasks = || scene.queries.iter().flat_map(pieces).enumerate();
    let n_tasks = scene.queries.iter().map(|query| chunks(query).len() * n_head_kv).sum::<usize>();
    if partials.len() < n_tasks * n_group {
        partials.resize(n_tasks * n_group, NOTHING);
        mixed.resize(n_tasks * n_group * dim, 0.0);
    }
    {
        let (partials, mixed) = (SharedSlice::new(partials), SharedSlice::new(mixed));
        team.run(|worker, kernels, bench| {
            let share = worker.slice(n_tasks, 1);
            for (task, (query, chunk, head)) in tasks().skip(share.start).take(share.len()) {
                let (bench, queries) = (&mut bench.attention, std::slice::from_ref(query));
                gather(scene, queries, head, q, &mut bench.q);
                over_chunk(kernels, scene, queries, head, chunk, bench);
                let heads = task * n_group..(task + 1) * n_group;
                partials.claim(heads.clone()).copy_from_slice(&bench.found.partials);
                mixed.claim(heads.start * dim..heads.end * dim).copy_from_slice(&bench.found.mixed);
            }
        });
    }
    let width = z.width();
    let mut first = 0; // piece of the query's first chunk, first head
    for query in scene.queries {
        let (queries, n_chunks) = (std::slice::from_ref(query), chunks(query).len());
        for head in 0..n_head_kv {
            for g in 0..n_group {
                let piece = |chunk: usize| (first + chunk * n_head_kv + head) * n_group + g;
                let at = z_at(scene, queries, head, g, width);
                let (mut so_far, z) = (NOTHING, &mut z.values_mut()[at..at + dim]);
                z.fill(0.0);
                for piece in (0..n_chunks).map(piece) {
                    merge((&mut so_far, z), (&partials[piece], &mixed[piece * dim..][..dim]));
                }
                let sum = 1.0 / so_far.sum;
                z.iter_mut().for_each(|z| *z *= sum);
            }
        }
        first += n_chunks * n_head_kv;
    }
}

/// What some rows of one sequence find in one chunk: `bench.q` → `bench.found`.
fn over_chunk(kernels: &Kernels, scene: Scene<'_>, queries: &[Query], head: usize, chunk: usize, bench: &mut Bench) {
    let (dim_k, dim_v) = (scene.config.head_dim_k, scene.config.head_dim_v);
    let n_group = scene.config.n_group();
    let n_q = queries.len() * n_group;
    let Bench { q, k, v, scores, found, .. } = bench;
    found.clear(n_q, dim_v);
    scores.resize((n_q * STRIDE).max(scores.len()), 0.0);
    let scores = &mut scores[..n_q * STRIDE];

    // The part of the chunk that anybody sees, from a whole vector on.
    let visible = visible_to_any(queries);
    let start = visible.start.max(chunk * CHUNK) / LANES * LANES;
    let seen = start..visible.end.min((chunk + 1) * CHUNK);
    let width = seen.len().next_multiple_of(LANES);

    let layout = scene.cache.layout();
    let past = Head { cache: scene.cache, layer: scene.layer, sequence: queries[0].sequence, head };
    let tiles_of_f16 = layout.format(Side::K) == KvFormat::F16 && layout.tile_len(Side::K) == KEY_TILE;
    past.pages(Side::K, &seen, |positions, stored| {
        let scores = &mut scores[positions.start - start..];
        if n_q <= FEW_QUERIES && tiles_of_f16 {
            return (kernels.qk_f16)(q, stored, dim_k, scene.config.attn_scale, scores, STRIDE);
        }
        let padded = positions.len().next_multiple_of(LANES);
        k.resize((dim_k * padded).max(k.len()), 0.0);
        let keys = &mut k[..dim_k * padded]; // [positions / 16, head_dim, 16]
        load_k(kernels, layout, stored, dim_k, keys);
        (kernels.qk)(q, keys, dim_k, scene.config.attn_scale, scores, STRIDE);
    });

    for ((i, scores), partial) in scores.chunks_exact_mut(STRIDE).enumerate().zip(&mut found.partials) {
        let own = &queries[i / n_group].visible;
        let in_row = |position: usize| position.clamp(start, seen.end) - start;
        scores[..in_row(own.start)].fill(f32::NEG_INFINITY);
        scores[in_row(own.end)..width].fill(f32::NEG_INFINITY);
        let max = (kernels.max)(&scores[..width]);
        *partial = Partial { max, sum: (kernels.exp_sum)(&mut scores[..width], max) };
    }

    past.pages(Side::V, &seen, |positions, rows| {
        let scores = &scores[positions.start - start..];
        if n_q <= FEW_QUERIES && layout.format(Side::V) == KvFormat::F16 {
            return (kernels.pv_f16)(scores, STRIDE, rows, dim_v, &mut found.mixed);
        }
        v.resize((positions.len() * dim_v).max(v.len()), 0.0);
        let values = &mut v[..positions.len() * dim_v]; // [positions, head_dim]
        load_v(kernels, layout.format(Side::V), rows, dim_v, values);
        (kernels.pv)(scores, STRIDE, values, dim_v, &mut found.mixed);
    });
}

/// The query heads that share a key/value head, row by row: `[n_q, head_dim_k]`.
fn gather(scene: Scene<'_>, queries: &[Query], head: usize, q: &Rows, out: &mut Vec<f32>) {
    let width = scene.config.n_group() * scene.config.head_dim_k;
    out.clear();
    for query in queries {
        out.extend_from_slice(&q.row(query.row)[head * width..][..width]);
    }
}

/// Where in z query head `i` of some rows lies.
fn z_at(scene: Scene<'_>, queries: &[Query], head: usize, i: usize, width: usize) -> usize {
    let n_group = scene.config.n_group();
    queries[i / n_group].row * width + (head * n_group + i % n_group) * scene.config.head_dim_v
}

/// From the first position that some of these rows see to the last: what is read of their past.
pub(super) fn visible_to_any(queries: &[Query]) -> Range<usize> {
    let start = queries.iter().map(|query| query.visible.start).min().unwrap_or(0);
    start..queries.iter().map(|query| query.visible.end).max().unwrap_or(0)
}

/// Adds what was found in the next chunk to what was found so far.
fn merge(so_far: (&mut Partial, &mut [f32]), found: (&Partial, &[f32])) {
    let ((so_far, mixed), (found, more)) = (so_far, found);
    if found.max == f32::NEG_INFINITY {
        return; // nothing visible there
    }
    let max = so_far.max.max(found.max);
    let (old, new) = ((so_far.max - max).exp(), (found.max - max).exp());
    *so_far = Partial { max, sum: so_far.sum * old + found.sum * new };
    mixed.iter_mut().zip(more).for_each(|(mixed, more)| *mixed = *mixed * old + more * new);
}

/// z = o / s.
fn finish(partial: &Partial, mixed: &[f32], z: &mut [f32]) {
    let sum = 1.0 / partial.sum;
    z.iter_mut().zip(mixed).for_each(|(z, mixed)| *z = mixed * sum);
}

/// This worker's share of a list of tasks: every n-th, because neighbours cost about the same.
fn every_nth<T>(tasks: impl Iterator<Item = T>, worker: Worker<'_>) -> impl Iterator<Item = T> {
    tasks.skip(worker.index).step_by(worker.n_threads)
}
