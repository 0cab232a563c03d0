//! [`Work`]: the bytes and multiply-adds of a test, counted from the shapes of the weights, and [`Shares`]: which share of the
//! machine's ceilings a measured speed is.
//!
//! Decoding is limited by memory: every token reads all weights, and the keys and values of all positions that it sees. A
//! prompt is limited by arithmetic: every weight is read once for hundreds of tokens. So compare a generation with the memory
//! roof and a prompt with the compute roof; both shares are given for both.
//!
//! Only *useful* work is counted: the multiply-adds of matrices and of attention, and each operand read once. Norms, activation
//! functions, quantisation and repeated reads are not counted. They are one reason why shares stay below 100 %.
//!
//! What it deliberately does not do: time anything.

use super::{Test, TestKind};
use crate::kv_cache::KvFormats;
use crate::measure::ceilings::Ceilings;
use crate::measure::inspect::{Decode, kv_read_bytes};
use crate::model::{FeedForward, LayerWeights, Matrix, Model};
use serde::Serialize;

/// The work of one run of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Tokens that are processed.
    pub tokens: u64,
    /// Forward passes; each reads all weights once.
    pub passes: u64,
    /// Multiply-adds with quantised weights, which the optimized path does on integers.
    pub quantised_macs: u64,
    /// Multiply-adds of floats: those with float weights, and those of attention.
    pub float_macs: u64,
    /// Bytes of weights in all passes. Of a mixture of experts only the experts of one token are counted.
    pub weight_bytes: u64,
    /// Bytes of keys and values. Each pass reads what its last token sees.
    pub kv_bytes: u64,
}

/// The properties of a path that its work depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathProfile {
    /// The weights are decoded to f32 when the model is loaded.
    pub decodes_weights: bool,
    /// The last block computes queries only for the rows whose logits are wanted.
    pub prunes_last_block: bool,
}

impl PathProfile {
    /// The naive path.
    pub const NAIVE: Self = Self { decodes_weights: true, prunes_last_block: false };
    /// The optimized path (and llama.cpp).
    pub const OPTIMIZED: Self = Self { decodes_weights: false, prunes_last_block: true };
}

impl Work {
    /// The work of a test in passes of at most `chunk` tokens, keys and values stored as `kv` says.
    pub fn of(model: &Model, test: Test, profile: PathProfile, chunk: usize, kv: impl Into<KvFormats>) -> Self {
        let kv = kv.into();
        let mut work = Self { tokens: 0, passes: 0, quantised_macs: 0, float_macs: 0, weight_bytes: 0, kv_bytes: 0 };
        let n = test.n_tokens();
        let (per_pass, scored) = match test.kind {
            TestKind::Prompt(_) => (chunk.max(1), false),
            TestKind::Generate(_) => (1, true),
        };
        for start in (0..n).step_by(per_pass) {
            let rows = per_pass.min(n - start);
            let n_logits = usize::from(scored || start + rows == n);
            work.add_pass(model, profile, test.depth + start, rows, n_logits);
            work.kv_bytes += kv_read_bytes(&model.config, kv, test.depth + start + rows);
        }
        work.weight_bytes = work.passes * weight_bytes(model, profile);
        work
    }

    /// Adds the multiply-adds of one pass: `rows` tokens after `before` others. The last `n_logits` of them want logits.
    fn add_pass(&mut self, model: &Model, profile: PathProfile, before: usize, rows: usize, n_logits: usize) {
        let mut add = |matrix: &Matrix, rows: usize| {
            let macs = (matrix.n_in() * matrix.n_out() * rows) as u64;
            if matrix.ty().is_float() || profile.decodes_weights {
                self.float_macs += macs
            } else {
                self.quantised_macs += macs
            }
        };
        let last = model.weights.layers.len() - 1;
        let mut attention = 0;
        for (layer, (w, config)) in model.weights.layers.iter().zip(&model.config.layers).enumerate() {
            let n_queries = if layer == last && profile.prunes_last_block { n_logits } else { rows };
            add(&w.attn_k.weight, rows);
            add(&w.attn_v.weight, rows);
            for (matrix, uses) in query_matrices(w, config.experts.map_or(0, |experts| experts.n_used)) {
                add(matrix, n_queries * uses);
            }
            let end = before + rows;
            let visible: usize = (end - n_queries..end).map(|p| config.window.unwrap_or(p + 1).min(p + 1)).sum();
            attention += (config.n_head * (config.head_dim_k + config.head_dim_v) * visible) as u64;
        }
        add(model.weights.output_matrix(), n_logits);
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

/// The matrices of a block that only rows with a query go through, and how many times.
fn query_matrices(w: &LayerWeights, n_used: usize) -> Vec<(&Matrix, usize)> {
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
fn weight_bytes(model: &Model, profile: PathProfile) -> u64 {
    if !profile.decodes_weights {
        return Decode::of(model).weight_bytes_per_token;
    }
    // Each weight is read once for one token: four bytes for every multiply-add, without those of attention.
    let mut one = Work { tokens: 0, passes: 0, quantised_macs: 0, float_macs: 0, weight_bytes: 0, kv_bytes: 0 };
    one.add_pass(model, profile, 0, 1, 1);
    let attention: usize = model.config.layers.iter().map(|l| l.n_head * (l.head_dim_k + l.head_dim_v)).sum();
    4 * (one.macs() - attention as u64)
}

/// A measured speed as shares of the machine's ceilings, 1 for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shares {
    /// Bytes per second.
    pub bytes_per_second: f64,
    /// The share of the memory roof, for a working set as large as what one pass reads.
    pub of_read_roof: Option<f64>,
    /// Operations per second; a multiply-add is two.
    pub operations_per_second: f64,
    /// The share of the compute roof: the time that the operations would take at the roofs (operations on bytes and on floats
    /// each at their own) divided by the measured time.
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

    /// The roof with the larger share: `reading` or `computing`.
    pub fn nearest_roof(&self) -> &'static str {
        if self.of_read_roof > self.of_compute_roof { "reading" } else { "computing" }
    }
}
