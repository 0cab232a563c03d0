//! The operations of the transformer on several threads: each cuts its work into shares and hands them to kernels.
//!
//! Look first at [`Team::linears`], which is nearly all of a transformer's work. Everything here is about *who computes
//! which rows*; what is computed stands in [`crate::kernels`].
//!
//! **Results do not depend on the cut.** An output of a matrix is one sum in one order, computed by one worker, whatever
//! the number of workers and however many tokens share the pass; everything else works on single rows.

use super::pack::{Linear, Norm, Weights};
use super::pool::{Pool, SharedSlice, Worker};
use super::rope::Turns;
use super::scratch::{Input, Rows};
use super::whole::Part;
use crate::kernels::packed::{ROWS, STRIP};
use crate::kernels::{Kernels, Panel};
use crate::kv_cache::{KvCache, Slot};
use crate::model::{self, Activation, RopePairing};
use std::ops::Range;

/// Columns from which on it pays to unpack weights once and keep them in the cache, instead of once per few columns.
const MANY_COLUMNS: usize = 9;
/// Numbers that a dispatch should at least touch: less is done sooner by the caller alone.
const WORTH_SHARING: usize = 1 << 14;

/// The threads, the kernels they use, and a workbench for each.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) pool: Pool,
    pub(super) kernels: Kernels,
    benches: Vec<Bench>,
}

/// What one worker needs for itself.
#[derive(Debug, Default)]
pub(super) struct Bench {
    panel: Panel,
    /// Results of two matrices before they are stored, `[n, rows]` each.
    tiles: [Vec<f32>; 2],
    /// A row that nobody wants as numbers, on its way to whole ones.
    row: Vec<f32>,
    pub(super) attention: super::attention::Bench,
}

impl Team {
    pub(super) fn new(pool: Pool, kernels: Kernels) -> Self {
        let benches = (0..pool.n_threads()).map(|_| Bench::default()).collect();
        Self { pool, kernels, benches }
    }

    /// Runs `program` on all workers, each with its own bench.
    pub(super) fn run(&mut self, program: impl Fn(Worker<'_>, &Kernels, &mut Bench) + Sync) {
        let (benches, kernels) = (SharedSlice::new(&mut self.benches), &self.kernels);
        self.pool.run(|worker| program(worker, kernels, &mut benches.claim(worker.index..worker.index + 1)[0]));
    }

    /// Calls `each` for every row of `rows`; shared out if there is enough to do.
    fn for_rows(&mut self, rows: &mut Rows, each: impl Fn(&Kernels, usize, &mut [f32]) + Sync) {
        let (n, width) = (rows.n(), rows.width());
        let values = SharedSlice::new(rows.values_mut());
        self.share_out(n, width, |kernels, _, i| each(kernels, i, values.claim(i * width..(i + 1) * width)));
    }

    /// `each` makes a row, and the row is made ready for the matrices that will read it. If these want whole numbers only, the
    /// row itself is made on the bench, where the next one takes its place.
    fn make_ready(&mut self, rows: &mut Rows, each: impl Fn(&Kernels, usize, &mut [f32]) + Sync) {
        let (n, width, strips, reads) = (rows.n(), rows.width(), rows.strips(), rows.reads());
        let (values, blocks) = rows.shared();
        self.share_out(n, width, |kernels, bench, i| {
            let row =
                if reads.numbers { values.claim(i * width..(i + 1) * width) } else { room(&mut bench.row, width) };
            each(kernels, i, row);
            if reads.whole {
                blocks.quantize(kernels, row, i * strips);
            }
        });
    }

    /// Calls `each` for every row number, on several threads if `n · width` numbers are worth it.
    fn share_out(&mut self, n: usize, width: usize, each: impl Fn(&Kernels, &mut Bench, usize) + Sync) {
        if n * width < WORTH_SHARING {
            let Self { kernels, benches, .. } = self;
            return (0..n).for_each(|i| each(kernels, &mut benches[0], i));
        }
        self.run(|worker, kernels, bench| worker.slice(n, 1).for_each(|i| each(kernels, bench, i)));
    }

    /// `y = x · Wᵀ + b` for several matrices that read the same rows, in one dispatch. Every worker has its share of
    /// every matrix.
    pub(super) fn linears<const N: usize>(
        &mut self,
        weights: &Weights,
        x: Input<'_>,
        parts: [(&Linear, &mut Rows); N],
    ) {
        let parts = parts.map(|(linear, out)| {
            out.shape(x.n, linear.weight.n_out);
            (linear, Target { values: SharedSlice::new(out.values_mut()), adds: false })
        });
        self.run(|worker, kernels, bench| {
            for (linear, out) in &parts {
                multiply(kernels, weights, linear, worker, x, bench, out);
            }
        });
    }

    /// `out += x · Wᵀ + b`: each result is added where it is made, while it is in the cache.
    pub(super) fn linear_onto(&mut self, weights: &Weights, x: Input<'_>, linear: &Linear, out: &mut Rows) {
        debug_assert_eq!((out.n(), out.width()), (x.n, linear.weight.n_out));
        let out = Target { values: SharedSlice::new(out.values_mut()), adds: true };
        self.run(|worker, kernels, bench| multiply(kernels, weights, linear, worker, x, bench, &out));
    }

    /// As [`Team::linears`] into rows that have their shape already, from row `first` on: one expert's visits.
    pub(super) fn linear_into(
        &mut self,
        weights: &Weights,
        x: Input<'_>,
        linear: &Linear,
        out: &mut Rows,
        first: usize,
    ) {
        let n_out = linear.weight.n_out;
        let values = SharedSlice::new(&mut out.values_mut()[first * n_out..][..x.n * n_out]);
        let out = Target { values, adds: false };
        self.run(|worker, kernels, bench| multiply(kernels, weights, linear, worker, x, bench, &out));
    }

    /// `act(x · gateᵀ) · (x · upᵀ)`, ready for the next matrix, in one dispatch: gate and up of a few hidden values meet
    /// while they are in the cache, and never travel through memory.
    pub(super) fn gated(
        &mut self,
        weights: &Weights,
        x: Input<'_>,
        gate: &Linear,
        up: &Linear,
        kind: Activation,
        hidden: &mut Rows,
    ) {
        let n_ff = up.weight.n_out;
        hidden.shape(x.n, n_ff);
        let (strips, reads) = (hidden.strips(), hidden.reads());
        let (values, blocks) = hidden.shared();
        self.run(|worker, kernels, bench| {
            let act = gated_activation(kernels, kind);
            let Bench { panel, tiles: [left, right], .. } = bench;
            let share = worker.slice(n_ff, STRIP);
            for first in share.clone().step_by(STRIP) {
                let last = (first + STRIP).min(share.end);
                let groups = first / ROWS..last.div_ceil(ROWS);
                let width = groups.len() * ROWS;
                let (left, right) = (room(left, x.n * width), room(right, x.n * width));
                product(kernels, weights, gate, groups.clone(), x, panel, left);
                product(kernels, weights, up, groups, x, panel, right);
                let mut strip = [0.0; STRIP];
                for token in 0..x.n {
                    let (gate, up) = (&left[token * width..], &right[token * width..]);
                    let place = token * n_ff + first..token * n_ff + last;
                    let out = if reads.numbers { values.claim(place) } else { &mut strip[..] };
                    act(&gate[..out.len()], &up[..out.len()], out);
                    if reads.whole {
                        blocks.quantize(kernels, out, token * strips + first / STRIP);
                    }
                }
            }
        });
    }

    /// The norm of every row, ready for a matrix.
    pub(super) fn norm(&mut self, x: &Rows, w: &Norm, kind: model::Norm, out: &mut Rows) {
        out.shape(x.n(), x.width());
        self.make_ready(out, |kernels, i, out| normalise(kernels, x.row(i), w, kind, out));
    }

    /// RMSNorm of every head by itself: each row is heads of `weight.len()`.
    pub(super) fn head_norm(&mut self, x: &mut Rows, weight: &[f32], eps: f32) {
        self.for_rows(x, |kernels, _, row| {
            let mut normed = [0.0; 512];
            for head in row.chunks_exact_mut(weight.len()) {
                match normed.get_mut(..weight.len()) {
                    Some(normed) => {
                        (kernels.rms_norm)(head, weight, eps, normed);
                        head.copy_from_slice(normed);
                    }
                    None => {
                        let wide = head.to_vec(); // no known model has heads this wide
                        (kernels.rms_norm)(&wide, weight, eps, head);
                    }
                }
            }
        });
    }

    /// RoPE of every head; row `i` stands where row `rows[i]` of the batch does.
    pub(super) fn rope(&mut self, x: &mut Rows, head_dim: usize, rows: &[usize], turns: &Turns, pairing: RopePairing) {
        let pairs = turns.pairs;
        self.for_rows(x, |kernels, i, row| {
            let rope = match pairing {
                RopePairing::Adjacent => kernels.rope_adjacent,
                RopePairing::Halves => kernels.rope_halves,
            };
            let at = rows[i] * pairs..(rows[i] + 1) * pairs;
            for head in row.chunks_exact_mut(head_dim) {
                rope(head, &turns.cos[at.clone()], &turns.sin[at.clone()]);
            }
        });
    }

    /// The keys and values of some rows enter the cache at `slots`, each head's by itself.
    pub(super) fn remember(&mut self, cache: &mut KvCache, layer: usize, slots: &[Slot], k: &Rows, v: &Rows) {
        if k.values().len() + v.values().len() < WORTH_SHARING {
            for (row, &slot) in slots.iter().enumerate() {
                cache.write(layer, slot, k.row(row), v.row(row));
            }
            return;
        }
        let mut parts = cache.parts_mut(layer, slots);
        let n = parts.len();
        let parts = SharedSlice::new(&mut parts);
        self.pool.run(|worker| {
            for part in parts.claim(worker.slice(n, 1)) {
                for (row, &slot) in slots.iter().enumerate() {
                    part.write(slot, k.row(row), v.row(row));
                }
            }
        });
    }

    /// `x += y`.
    pub(super) fn add(&mut self, x: &mut Rows, y: &Rows) {
        self.for_rows(x, |kernels, i, x| (kernels.add)(x, y.row(i)));
    }

    /// `act(gate) · up`, or `act(up)` where there is no gate, ready for the next matrix.
    pub(super) fn activate(&mut self, kind: Activation, gate: Option<&Rows>, up: &Rows, out: &mut Rows) {
        out.shape(up.n(), up.width());
        self.make_ready(out, |kernels, i, out| match (gate, kind) {
            (Some(gate), _) => gated_activation(kernels, kind)(gate.row(i), up.row(i), out),
            (None, Activation::Silu) => (kernels.silu)(up.row(i), out),
            (None, Activation::Gelu) => (kernels.gelu)(up.row(i), out),
        });
    }

    /// Makes rows, which hold their numbers, ready for the matrices that will read them.
    pub(super) fn quantize(&mut self, x: &mut Rows) {
        debug_assert!(x.reads().numbers, "numbers are what is rounded");
        if !x.reads().whole {
            return;
        }
        self.make_ready(x, |_, _, _| ());
    }

    /// `cap · tanh(x / cap)`.
    pub(super) fn softcap(&mut self, x: &mut Rows, cap: f32) {
        self.for_rows(x, |_, _, row| row.iter_mut().for_each(|x| *x = cap * (*x / cap).tanh()));
    }
}

fn gated_activation(kernels: &Kernels, kind: Activation) -> crate::kernels::MapPair {
    match kind {
        Activation::Silu => kernels.silu_mul,
        Activation::Gelu => kernels.gelu_mul,
    }
}

fn normalise(kernels: &Kernels, x: &[f32], w: &Norm, kind: model::Norm, out: &mut [f32]) {
    match kind {
        model::Norm::Rms { eps } => (kernels.rms_norm)(x, &w.weight, eps, out),
        model::Norm::Layer { eps } => (kernels.layer_norm)(x, &w.weight, &w.bias, eps, out),
    }
}

/// Where the results of a matrix go, `[n, n_out]`.
struct Target<'a> {
    values: SharedSlice<'a, f32>,
    /// Whether they are added to what is there.
    adds: bool,
}

/// A worker's share of `out[n, n_out] = x · Wᵀ + b`, or of `out += …`.
fn multiply(
    kernels: &Kernels,
    weights: &Weights,
    linear: &Linear,
    worker: Worker<'_>,
    x: Input<'_>,
    bench: &mut Bench,
    out: &Target<'_>,
) {
    const AT_ONCE: usize = 2; // groups: so narrow that a tile of results stays in the cache
    let n_out = linear.weight.n_out;
    let share = worker.slice(n_out.div_ceil(ROWS), 1);
    let Bench { panel, tiles: [tile, _], .. } = bench;
    if x.n == 1 && n_out.is_multiple_of(ROWS) && !out.adds {
        // One row of results lies as a kernel leaves it.
        let y = out.values.claim(share.start * ROWS..share.end * ROWS);
        return product(kernels, weights, linear, share, x, panel, y);
    }
    for first in share.clone().step_by(AT_ONCE) {
        let groups = first..(first + AT_ONCE).min(share.end);
        let (first, width) = (first * ROWS, groups.len() * ROWS);
        let tile = room(tile, x.n * width);
        product(kernels, weights, linear, groups, x, panel, tile);
        let outputs = width.min(n_out - first); // the last tile may be filled up
        for (token, y) in tile.chunks_exact(width).enumerate() {
            let at = token * n_out + first;
            put(&y[..outputs], out.values.claim(at..at + outputs), out.adds);
        }
    }
}

/// The first `n` numbers of a buffer that grows to hold them.
fn room(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}

/// Stores a row of a tile, or adds it. It is nearly always two groups long, two registers: with that length known, the
/// compiler does not call `memcpy`, which would take longer to begin than to copy.
fn put(from: &[f32], to: &mut [f32], adds: bool) {
    match (<&[f32; 2 * ROWS]>::try_from(from), <&mut [f32; 2 * ROWS]>::try_from(&mut *to)) {
        (Ok(from), Ok(to)) if adds => (0..2 * ROWS).for_each(|i| to[i] += from[i]),
        (Ok(from), Ok(to)) => *to = *from,
        _ if adds => to.iter_mut().zip(from).for_each(|(to, from)| *to += from),
        _ => to.copy_from_slice(from),
    }
}

/// `y[n, 16 · groups] = x · Wᵀ + b` for some groups of sixteen outputs.
fn product(
    kernels: &Kernels,
    weights: &Weights,
    linear: &Linear,
    groups: Range<usize>,
    x: Input<'_>,
    panel: &mut Panel,
    y: &mut [f32],
) {
    let (w, width) = (&linear.weight, groups.len() * ROWS);
    if y.is_empty() {
        return;
    }
    let tiles = &weights.tiles(w)[groups.start * w.group_bytes..groups.end * w.group_bytes];
    let many = x.n >= MANY_COLUMNS;
    if let Some(gemm) = kernels.gemm(w.ty) {
        if many {
            (kernels.expand)(w.ty, w.n_in, tiles, panel);
        }
        match x.blocks {
            Part::Coarse(x) if many => (kernels.gemm_panel)(panel, x, y),
            Part::Coarse(x) => gemm(w.n_in, tiles, x, y),
            Part::Fine(x) if many => (kernels.gemm_panel_fine)(panel, x, y),
            Part::Fine(x) => (kernels.gemm_fine)(w.ty, w.n_in, tiles, x, y),
        }
    } else {
        let gemm = kernels.gemm_float(w.ty).expect("packed matrices have a kernel: blocks or floats");
        gemm(w.n_in, tiles, x.values, y);
    }
    if let Some(bias) = &linear.bias {
        let bias = &bias[groups.start * ROWS..(groups.end * ROWS).min(w.n_out)];
        for y in y.chunks_exact_mut(width) {
            (kernels.add)(&mut y[..bias.len()], bias);
        }
    }
}
