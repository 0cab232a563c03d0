//! [`Work`]: what a test has to do, counted from the shapes of the weights, and what share of the machine that took.
//!
//! Decoding is bound by bytes: every token reads all weights and the keys and values of all positions that it sees. A
//! prompt is bound by arithmetic: every weight is read once for hundreds of tokens. So a generation is compared with the roof
//! of memory, and a prompt with the roof of multiply-adds; both numbers are given for both.
//!
//! What counts is *useful* work: multiply-adds of matrices and of attention, each operand read once. Norms, activations,
//! quantising and whatever the caches do not hold come on top, and are part of what is missing to 100 %.

use super::{Phase, Test};
use crate::kv_cache::KvFormats;
use crate::measure::ceilings::Ceilings;
use crate::measure::inspect::{Decode, kv_read_bytes};
use crate::model::{FeedForward, LayerWeights, Matrix, Model};
use serde::Serialize;

/// What one run of a test has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Tokens that are processed.
    pub tokens: u64,
    /// Passes over the weights.
    pub passes: u64,
    /// Multiply-adds with quantised weights, which the optimized path does on bytes.
    pub quantised_macs: u64,
    /// Multiply-adds of floats: with float weights, and of attention.
    pub float_macs: u64,
    /// Bytes of weights in all passes; of mixtures, as much as single tokens need.
    pub weight_bytes: u64,
    /// Bytes of keys and values, each pass reading what its last token sees.
    pub kv_bytes: u64,
}

/// How an engine holds its weights and what it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Weights are decoded to f32 when the model is loaded.
    pub decoded: bool,
    /// In the last block, rows whose scores nobody wants ask no questions.
    pub last_block_for_wanted_only: bool,
}

impl Style {
    /// The naive path.
    pub const NAIVE: Self = Self { decoded: true, last_block_for_wanted_only: false };
    /// The optimized path (and llama.cpp).
    pub const OPTIMIZED: Self = Self { decoded: false, last_block_for_wanted_only: true };
}

impl Work {
    /// The work of a test in passes of at most `chunk` tokens, keys and values stored as `kv` says.
    pub fn of(model: &Model, test: Test, style: Style, chunk: usize, kv: impl Into<KvFormats>) -> Self {
        let kv = kv.into();
        let mut work = Self { tokens: 0, passes: 0, quantised_macs: 0, float_macs: 0, weight_bytes: 0, kv_bytes: 0 };
        let n = test.n_tokens();
        let (per_pass, scored) = match test.phase {
            Phase::Prompt(_) => (chunk.max(1), false),
            Phase::Generate(_) => (1, true),
        };
        for start in (0..n).step_by(per_pass) {
            let rows = per_pass.min(n - start);
            let wanted = usize::from(scored || start + rows == n);
            work.add_pass(model, style, test.depth + start, rows, wanted);
            work.kv_bytes += kv_read_bytes(&model.config, kv, test.depth + start + rows);
        }
        work.weight_bytes = work.passes * weight_bytes(model, style);
        work
    }

    /// Multiply-adds of one pass: `rows` tokens behind `before` others, of which the last `wanted` want scores.
    fn add_pass(&mut self, model: &Model, style: Style, before: usize, rows: usize, wanted: usize) {
        let mut quantised = |matrix: &Matrix, rows: usize| {
            let macs = (matrix.n_in() * matrix.n_out() * rows) as u64;
            if matrix.ty().is_float() || style.decoded { self.float_macs += macs } else { self.quantised_macs += macs }
        };
        let last = model.weights.layers.len() - 1;
        let mut attention = 0;
        for (layer, (w, config)) in model.weights.layers.iter().zip(&model.config.layers).enumerate() {
            let asking = if layer == last && style.last_block_for_wanted_only { wanted } else { rows };
            quantised(&w.attn_k.weight, rows);
            quantised(&w.attn_v.weight, rows);
            for (matrix, uses) in asked(w, config.experts.map_or(0, |experts| experts.n_used)) {
                quantised(matrix, asking * uses);
            }
            let end = before + rows;
            let visible: usize = (end - asking..end).map(|p| config.window.unwrap_or(p + 1).min(p + 1)).sum();
            attention += (config.n_head * (config.head_dim_k + config.head_dim_v) * visible) as u64;
        }
        quantised(model.weights.output_matrix(), wanted);
        self.float_macs += attention;
        self.tokens += rows as u64;
        self.passes += 1;
    }

    /// All multiply-adds.
    pub fn macs(&self) -> u64 {
        self.quantised_macs + self.float_macs
    }

    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.weight_bytes + self.kv_bytes
    }
}

/// Matrices of a block that only rows with questions go through, and how many times.
fn asked(w: &LayerWeights, n_used: usize) -> Vec<(&Matrix, usize)> {
    let mut matrices = vec![(&w.attn_q.weight, 1), (&w.attn_output.weight, 1)];
    match &w.ffn {
        FeedForward::Dense { gate, up, down } => {
            matrices.extend(gate.iter().chain([up, down]).map(|linear| (&linear.weight, 1)));
        }
        FeedForward::Experts { router, gate, up, down } => {
            matrices.push((router, 1));
            matrices.extend([gate, up, down].into_iter().filter_map(|alike| alike.first()).map(|one| (one, n_used)));
        }
    }
    matrices
}

/// Bytes of weights that one token reads.
fn weight_bytes(model: &Model, style: Style) -> u64 {
    if !style.decoded {
        return Decode::of(model).weight_bytes_per_token;
    }
    // Each number is read once for one token: four bytes for every multiply-add of a token that sees nothing.
    let mut one = Work { tokens: 0, passes: 0, quantised_macs: 0, float_macs: 0, weight_bytes: 0, kv_bytes: 0 };
    one.add_pass(model, style, 0, 1, 1);
    let of_itself: usize = model.config.layers.iter().map(|l| l.n_head * (l.head_dim_k + l.head_dim_v)).sum();
    4 * (one.macs() - of_itself as u64)
}

/// What a measured speed is a share of. Shares are of 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shares {
    /// Bytes per second.
    pub bytes_per_second: f64,
    /// Of the roof of memory, for a working set as large as what one pass reads.
    pub of_read_roof: Option<f64>,
    /// Operations per second, two for a multiply-add.
    pub operations_per_second: f64,
    /// The time that the operations would take at the roofs, those on bytes and those on floats each at their own, as a
    /// share of the time they took.
    pub of_compute_roof: Option<f64>,
}

impl Shares {
    /// The shares of one run of `work` that took so many seconds on so many threads.
    pub fn of(work: &Work, seconds: f64, threads: usize, ceilings: &Ceilings) -> Self {
        let bytes_per_second = work.bytes() as f64 / seconds;
        let read_roof = ceilings.read_roof(threads, work.bytes() / work.passes.max(1));
        let at_roofs = ceilings
            .dot_roof(threads)
            .zip(ceilings.fma_roof(threads))
            .map(|(dot, fma)| 2.0 * work.quantised_macs as f64 / dot + 2.0 * work.float_macs as f64 / fma);
        Self {
            bytes_per_second,
            of_read_roof: read_roof.map(|roof| bytes_per_second / roof),
            operations_per_second: 2.0 * work.macs() as f64 / seconds,
            of_compute_roof: at_roofs.map(|ideal| ideal / seconds),
        }
    }

    /// The roof that is nearest: `reading` or `computing`.
    pub fn nearest_roof(&self) -> &'static str {
        if self.of_read_roof > self.of_compute_roof { "reading" } else { "computing" }
    }
}
