//! Matrices on several threads: each worker computes some of the outputs, for all rows.
//!
//! Look first at [`Workers::linears`], which is nearly all of a transformer's work, then at `product`, where a kernel is
//! chosen. What a kernel computes stands in [`crate::kernels`].
//!
//! **Results do not depend on the cut.** An output of a matrix is one sum in one order, computed by one worker, whatever
//! the number of workers and however many tokens share the pass.

use super::act_quant::BlocksRef;
use super::pack::{Linear, Weights};
use super::pool::{SharedSlice, Worker};
use super::scratch::{Input, Rows};
use super::workers::{WorkerScratch, Workers, grow};
use crate::kernels::packed::{ROWS, STRIP};
use crate::kernels::{Kernels, MapPair, Panel};
use crate::model::ActFn;
use std::ops::Range;

impl Workers {
    /// `y = x · Wᵀ + b` for several matrices that read the same rows, in one dispatch. Every worker computes its share of
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
        self.run(|worker, kernels, scratch| {
            for (linear, out) in &parts {
                multiply(kernels, weights, linear, worker, x, scratch, out);
            }
        });
    }

    /// `out += x · Wᵀ + b`: each result is added where it is computed, while it is in the cache.
    pub(super) fn linear_onto(&mut self, weights: &Weights, x: Input<'_>, linear: &Linear, out: &mut Rows) {
        debug_assert_eq!((out.n(), out.width()), (x.n, linear.weight.n_out));
        let out = Target { values: SharedSlice::new(out.values_mut()), adds: true };
        self.run(|worker, kernels, scratch| multiply(kernels, weights, linear, worker, x, scratch, &out));
    }

    /// As [`Workers::linears`] into rows that have their shape already, from row `first` on: the assignments of one expert.
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
        self.run(|worker, kernels, scratch| multiply(kernels, weights, linear, worker, x, scratch, &out));
    }

    /// `act(x · gateᵀ) · (x · upᵀ)`, quantised as the next matrix reads it, in one dispatch: the results of gate and up are
    /// combined while they are in the cache, and never travel through memory.
    pub(super) fn gated(
        &mut self,
        weights: &Weights,
        x: Input<'_>,
        gate: &Linear,
        up: &Linear,
        act: ActFn,
        hidden: &mut Rows,
    ) {
        let n_ff = up.weight.n_out;
        hidden.shape(x.n, n_ff);
        let (strips, forms) = (hidden.strips(), hidden.forms());
        let (values, blocks) = hidden.shared();
        self.run(|worker, kernels, scratch| {
            let act = gated_act_fn(kernels, act);
            let WorkerScratch { panel, tiles: [left, right], .. } = scratch;
            let share = worker.slice(n_ff, STRIP);
            for first in share.clone().step_by(STRIP) {
                let last = (first + STRIP).min(share.end);
                let groups = first / ROWS..last.div_ceil(ROWS);
                let width = groups.len() * ROWS;
                let (left, right) = (grow(left, x.n * width), grow(right, x.n * width));
                product(kernels, weights, gate, groups.clone(), x, panel, left);
                product(kernels, weights, up, groups, x, panel, right);
                let mut strip = [0.0; STRIP];
                for token in 0..x.n {
                    let (gate, up) = (&left[token * width..], &right[token * width..]);
                    let place = token * n_ff + first..token * n_ff + last;
                    let out = if forms.floats { values.claim(place) } else { &mut strip[..] };
                    act(&gate[..out.len()], &up[..out.len()], out);
                    if forms.integers {
                        blocks.quantize(kernels, out, token * strips + first / STRIP);
                    }
                }
            }
        });
    }
}

/// The kernel that computes `act(gate) · up`.
pub(super) fn gated_act_fn(kernels: &Kernels, act: ActFn) -> MapPair {
    match act {
        ActFn::Silu => kernels.silu_mul,
        ActFn::Gelu => kernels.gelu_mul,
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
    scratch: &mut WorkerScratch,
    out: &Target<'_>,
) {
    let groups_at_once = kernels.groups_at_once.max(1); // so few that a tile of results stays in the cache
    let n_out = linear.weight.n_out;
    let share = worker.slice(n_out.div_ceil(ROWS), 1);
    let WorkerScratch { panel, tiles: [tile, _], .. } = scratch;
    if x.n == 1 && n_out.is_multiple_of(ROWS) && !out.adds {
        // One row of results lies as a kernel leaves it.
        let y = out.values.claim(share.start * ROWS..share.end * ROWS);
        return product(kernels, weights, linear, share, x, panel, y);
    }
    for first in share.clone().step_by(groups_at_once) {
        let groups = first..(first + groups_at_once).min(share.end);
        let (first, width) = (first * ROWS, groups.len() * ROWS);
        let tile = grow(tile, x.n * width);
        product(kernels, weights, linear, groups, x, panel, tile);
        let outputs = width.min(n_out - first); // the last tile may be filled up
        for (token, y) in tile.chunks_exact(width).enumerate() {
            let at = token * n_out + first;
            store_row(&y[..outputs], out.values.claim(at..at + outputs), out.adds);
        }
    }
}

/// Stores a row of a tile, or adds it. It is nearly always two groups long, two registers: with that length known, the
/// compiler does not call `memcpy`, which would take longer to begin than to copy.
fn store_row(from: &[f32], to: &mut [f32], adds: bool) {
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
    if let Some(gemm) = kernels.gemm(w.ty) {
        let many = x.n >= gemm.many_columns;
        if many {
            (kernels.expand)(w.ty, w.n_in, tiles, panel);
        }
        match x.blocks {
            BlocksRef::A8(x) if many => (kernels.gemm_panel)(panel, x, y),
            BlocksRef::A8(x) => (gemm.a8)(w.n_in, tiles, x, y),
            BlocksRef::A16(x) if many => (kernels.gemm_panel_a16)(panel, x, y),
            BlocksRef::A16(x) => (gemm.a16)(w.n_in, tiles, x, y),
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
