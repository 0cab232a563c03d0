//! [`Workers`]: the threads, the kernels that they use, and the buffers that each of them has for itself.
//!
//! Look first at [`Workers::run`]. How the operations of the transformer are cut into shares stands in `matmul.rs` (matrices)
//! and `ops.rs` (everything that works on single rows).

use super::pool::{Pool, SharedSlice, Worker};
use super::scratch::Rows;
use super::softmax::AttentionScratch;
use crate::kernels::{Kernels, Panel};

/// Numbers that a dispatch should at least touch: less is done sooner by the caller alone.
pub(super) const WORTH_SHARING: usize = 1 << 14;

/// The threads, the kernels they use, and the buffers of each.
#[derive(Debug)]
pub(super) struct Workers {
    pub(super) pool: Pool,
    pub(super) kernels: Kernels,
    scratch: Vec<WorkerScratch>,
}

/// The buffers of one worker.
#[derive(Debug, Default)]
pub(super) struct WorkerScratch {
    /// Unpacked weights of a few groups of rows.
    pub(super) panel: Panel,
    /// Results of two matrices before they are stored, `[n, rows]` each.
    pub(super) tiles: [Vec<f32>; 2],
    /// A row that is needed only until it is quantised.
    row: Vec<f32>,
    pub(super) attention: AttentionScratch,
}

impl Workers {
    pub(super) fn new(pool: Pool, kernels: Kernels) -> Self {
        let scratch = (0..pool.n_threads()).map(|_| WorkerScratch::default()).collect();
        Self { pool, kernels, scratch }
    }

    /// Runs `program` on all workers, each with its own buffers.
    pub(super) fn run(&mut self, program: impl Fn(Worker<'_>, &Kernels, &mut WorkerScratch) + Sync) {
        let (scratch, kernels) = (SharedSlice::new(&mut self.scratch), &self.kernels);
        self.pool.run(|worker| program(worker, kernels, &mut scratch.claim(worker.index..worker.index + 1)[0]));
    }

    /// Calls `each` for every row of `rows`; on several threads if there is enough to do.
    pub(super) fn for_rows(&mut self, rows: &mut Rows, each: impl Fn(&Kernels, usize, &mut [f32]) + Sync) {
        let (n, width) = (rows.n(), rows.width());
        let values = SharedSlice::new(rows.values_mut());
        self.share_out(n, width, |kernels, _, i| each(kernels, i, values.claim(i * width..(i + 1) * width)));
    }

    /// `each` computes a row, which is then quantised if a matrix reads it so. A row that is read in no other form is computed
    /// in the worker's own buffer and not stored.
    pub(super) fn make_rows(&mut self, rows: &mut Rows, each: impl Fn(&Kernels, usize, &mut [f32]) + Sync) {
        let (n, width, strips, forms) = (rows.n(), rows.width(), rows.strips(), rows.forms());
        let (values, blocks) = rows.shared();
        self.share_out(n, width, |kernels, scratch, i| {
            let row =
                if forms.floats { values.claim(i * width..(i + 1) * width) } else { grow(&mut scratch.row, width) };
            each(kernels, i, row);
            if forms.integers {
                blocks.quantize(kernels, row, i * strips);
            }
        });
    }

    /// Calls `each` for every row number, on several threads if `n · width` numbers are worth it.
    fn share_out(&mut self, n: usize, width: usize, each: impl Fn(&Kernels, &mut WorkerScratch, usize) + Sync) {
        if n * width < WORTH_SHARING {
            let Self { kernels, scratch, .. } = self;
            return (0..n).for_each(|i| each(kernels, &mut scratch[0], i));
        }
        self.run(|worker, kernels, scratch| worker.slice(n, 1).for_each(|i| each(kernels, scratch, i)));
    }
}

/// The first `n` numbers of a buffer, which grows if it is too short.
pub(super) fn grow(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}
