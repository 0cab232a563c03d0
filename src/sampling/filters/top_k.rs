//! [`TopK`]: keep the k most probable tokens.
//!
//! Source: Fan, Lewis, Dauphin, "Hierarchical Neural Story Generation", 2018, arXiv:1805.04833.

use crate::sampling::{Candidates, Filter};

/// Keeps the `k` largest logits, from the largest down.
///
/// A fixed number has a cost: it cuts good tokens where the model hesitates among many, and keeps bad ones where it is sure.
/// But it is fast, and the filters after it get a short list. `k ≤ 0` keeps everything, unsorted.
#[derive(Debug, Clone, Copy)]
pub struct TopK {
    /// How many to keep.
    pub k: i32,
}

impl Filter for TopK {
    fn name(&self) -> &'static str {
        "top_k"
    }

    fn apply(&mut self, candidates: &mut Candidates) {
        if self.k <= 0 {
            return;
        }
        let k = self.k as usize;
        candidates.sort_largest(k);
        candidates.truncate(k);
    }
}
