//! Online softmax: results over parts of the positions, and how two of them are merged.
//!
//! Over some positions a query finds `m`, its largest score, `l = Σ e^(score − m)` and `acc = Σ e^(score − m) · v`. Two such
//! results become one when both are scaled to the larger maximum ([`merge`]); in the end `z = acc / l` ([`finish`]).
//!
//! Sources: Milakov & Gimelshein 2018; Dao et al. 2022 (FlashAttention), whose names `m` and `l` are.

/// The largest score and the sum of exponentials of one query head over some positions.
#[derive(Debug, Clone, Copy)]
pub(super) struct SoftmaxState {
    pub(super) m: f32,
    pub(super) l: f32,
}

impl SoftmaxState {
    /// Over no positions.
    pub(super) const EMPTY: Self = Self { m: f32::NEG_INFINITY, l: 0.0 };
}

/// The results of some query heads over some positions.
#[derive(Debug, Default)]
pub(super) struct ChunkResults {
    /// `[n_q]`.
    pub(super) states: Vec<SoftmaxState>,
    /// Weighted sums of values, `[n_q, head_dim_v]`.
    pub(super) acc: Vec<f32>,
}

impl ChunkResults {
    /// `n_q` results over no positions.
    pub(super) fn clear(&mut self, n_q: usize, head_dim: usize) {
        self.states.clear();
        self.states.resize(n_q, SoftmaxState::EMPTY);
        self.acc.clear();
        self.acc.resize(n_q * head_dim, 0.0);
    }

    /// Room for `n_q` results; those that are there stay.
    pub(super) fn grow(&mut self, n_q: usize, head_dim: usize) {
        if self.states.len() < n_q {
            self.states.resize(n_q, SoftmaxState::EMPTY);
        }
        if self.acc.len() < n_q * head_dim {
            self.acc.resize(n_q * head_dim, 0.0);
        }
    }
}

/// The buffers that attention needs for one worker.
#[derive(Debug, Default)]
pub(super) struct AttentionScratch {
    pub(super) q: Vec<f32>,      // [n_q, head_dim_k]
    pub(super) k: Vec<f32>,      // [positions of a page / 16, head_dim_k, 16]
    pub(super) v: Vec<f32>,      // [positions of a page, head_dim_v]
    pub(super) scores: Vec<f32>, // [n_q, positions of a chunk and some more]
    pub(super) z: Vec<f32>,      // [head_dim_v]: a head of z until it is quantised
    /// Over one chunk.
    pub(super) chunk: ChunkResults,
    /// Over all chunks so far.
    pub(super) total: ChunkResults,
}

/// Merges the result over a further chunk into the total: state and `acc`, `[head_dim_v]`, of each.
pub(super) fn merge(total: (&mut SoftmaxState, &mut [f32]), chunk: (&SoftmaxState, &[f32])) {
    let ((total, total_acc), (chunk, chunk_acc)) = (total, chunk);
    if chunk.m == f32::NEG_INFINITY {
        return; // nothing visible there
    }
    let m = total.m.max(chunk.m);
    let (old, new) = ((total.m - m).exp(), (chunk.m - m).exp());
    *total = SoftmaxState { m, l: total.l * old + chunk.l * new };
    total_acc.iter_mut().zip(chunk_acc).for_each(|(total, chunk)| *total = *total * old + chunk * new);
}

/// `z = acc / l`, all `[head_dim_v]`.
pub(super) fn finish(state: &SoftmaxState, acc: &[f32], z: &mut [f32]) {
    let normalizer = 1.0 / state.l;
    z.iter_mut().zip(acc).for_each(|(z, acc)| *z = acc * normalizer);
}
