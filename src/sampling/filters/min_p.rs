//! [`MinP`]: keep tokens that are not much less probable than the best one.
//!
//! Source: Nguyen et al., "Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs", 2024, arXiv:2407.01082.

use crate::sampling::{Candidates, Filter};

/// Keeps the candidates whose probability is at least `p` times that of the best one, and at least `min_keep` of them.
///
/// A ratio of probabilities is a difference of logits, `l ≥ max + ln p`, so no softmax is needed. The order of the list
/// is kept. `p ≤ 0` keeps everything; `p ≥ 1` the best only (with those equal to it, for p = 1).
#[derive(Debug, Clone, Copy)]
pub struct MinP {
    /// The smallest ratio to the best candidate's probability.
    pub p: f32,
    /// Never keep fewer than this.
    pub min_keep: usize,
}

impl Filter for MinP {
    fn name(&self) -> &'static str {
        "min_p"
    }

    fn apply(&mut self, candidates: &mut Candidates) {
        if self.p <= 0.0 {
            return;
        }
        let min_logit = candidates.max_logit() + self.p.ln();
        let n_kept = candidates.as_slice().iter().filter(|c| c.logit >= min_logit).count();

        if n_kept >= self.min_keep.max(1) {
            candidates.retain(|c| c.logit >= min_logit);
        } else {
            let n_kept = self.min_keep.max(1).min(candidates.len());
            candidates.sort_largest(n_kept);
            candidates.truncate(n_kept);
        }
    }
}
