//! [`TopP`]: nucleus sampling, keep the fewest tokens that together have probability p.
//!
//! Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020, arXiv:1904.09751.

use crate::sampling::{Candidates, Filter};

/// Keeps the shortest prefix of the sorted candidates whose probabilities add up to `p`, and at least `min_keep` of them.
///
/// Unlike top-k its length follows the model: one token where it is sure, hundreds where it is not. `p ≥ 1` keeps
/// everything, unsorted.
#[derive(Debug, Clone, Copy)]
pub struct TopP {
    /// The probability to cover.
    pub p: f32,
    /// Never keep fewer than this.
    pub min_keep: usize,
}

impl Filter for TopP {
    fn name(&self) -> &'static str {
        "top_p"
    }

    fn apply(&mut self, candidates: &mut Candidates) {
        if self.p >= 1.0 {
            return;
        }
        let max = candidates.max_logit();
        let total: f32 = candidates.exponentials().1.iter().sum();

        // The nucleus is usually short: sort the best few, and more only if they do not reach p.
        let n = candidates.len();
        let mut n_sorted = if candidates.is_sorted() { n } else { n.min(256) };
        candidates.sort_largest(n_sorted);

        let mut cumulative = 0.0_f32;
        for i in 0..n {
            if i == n_sorted {
                n_sorted = n;
                candidates.sort_largest(n);
            }
            let logit = candidates.as_slice()[i].logit;
            cumulative += f64::from(logit - max).exp() as f32 / total;
            if cumulative >= self.p && i + 1 >= self.min_keep {
                candidates.truncate(i + 1);
                return;
            }
        }
        // Rounding may leave the sum of all just below p: then all stay, sorted.
    }
}
