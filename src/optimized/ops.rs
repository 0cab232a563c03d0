//! The operations that work on single rows, on several threads: norms, RoPE, activation functions, writes to the cache.
//!
//! Look first at [`Workers::norm`]. Everything here says *who computes which rows*; what is computed stands in
//! [`crate::kernels`]. Matrices stand in `matmul.rs`.

use super::matmul::gated_act_fn;
use super::pack::Norm;
use super::pool::SharedSlice;
use super::rope::RopeTable;
use super::scratch::Rows;
use super::workers::{WORTH_SHARING, Workers};
use crate::kernels::Kernels;
use crate::kv_cache::{KvCache, Slot};
use crate::model::{self, ActFn, RopePairing};

impl Workers {
    /// The norm of every row, quantised as the next matrix reads it.
    pub(super) fn norm(&mut self, x: &Rows, w: &Norm, kind: model::Norm, out: &mut Rows) {
        out.shape(x.n(), x.width());
        self.make_rows(out, |kernels, i, out| match kind {
            model::Norm::Rms { eps } => (kernels.rms_norm)(x.row(i), &w.weight, eps, out),
            model::Norm::Layer { eps } => (kernels.layer_norm)(x.row(i), &w.weight, &w.bias, eps, out),
        });
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

    /// RoPE of every head; row `i` of `x` has the position of row `rows[i]` of the batch.
    pub(super) fn rope(&mut self, x: &mut Rows, head_dim: usize, rows: &[usize], table: &RopeTable) {
        let pairs = table.pairs;
        self.for_rows(x, |kernels, i, row| {
            let rope = match table.pairing {
                RopePairing::Adjacent => kernels.rope_adjacent,
                RopePairing::Halves => kernels.rope_halves,
            };
            let at = rows[i] * pairs..(rows[i] + 1) * pairs;
            for head in row.chunks_exact_mut(head_dim) {
                rope(head, &table.cos[at.clone()], &table.sin[at.clone()]);
            }
        });
    }

    /// Stores the keys and values of some rows in the cache at `slots`.
    pub(super) fn write_kv(&mut self, cache: &mut KvCache, layer: usize, slots: &[Slot], k: &Rows, v: &Rows) {
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

    /// `act(gate) · up`, or `act(up)` where there is no gate, quantised as the next matrix reads it.
    pub(super) fn activate(&mut self, act: ActFn, gate: Option<&Rows>, up: &Rows, out: &mut Rows) {
        out.shape(up.n(), up.width());
        self.make_rows(out, |kernels: &Kernels, i, out| match (gate, act) {
            (Some(gate), _) => gated_act_fn(kernels, act)(gate.row(i), up.row(i), out),
            (None, ActFn::Silu) => (kernels.silu)(up.row(i), out),
            (None, ActFn::Gelu) => (kernels.gelu)(up.row(i), out),
        });
    }

    /// Quantises rows, whose floats are there, if a matrix reads them so.
    pub(super) fn quantize(&mut self, x: &mut Rows) {
        debug_assert!(x.forms().floats, "the floats are what is rounded");
        if !x.forms().integers {
            return;
        }
        self.make_rows(x, |_, _, _| ());
    }

    /// `cap · tanh(x / cap)`.
    pub(super) fn softcap(&mut self, x: &mut Rows, cap: f32) {
        self.for_rows(x, |_, _, row| row.iter_mut().for_each(|x| *x = cap * (*x / cap).tanh()));
    }
}
