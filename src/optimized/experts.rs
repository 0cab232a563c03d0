//! Mixture of experts: who goes where.
//!
//! A *visit* is one token at one of its experts. Tokens choose their experts in order of preference; the visits are then
//! sorted by expert, so that each expert's matrices are read once for all its visitors.

use super::scratch::Rows;
use crate::kernels::Kernels;
use crate::model::Experts;
use std::ops::Range;

/// The visits of a batch.
#[derive(Debug, Default)]
pub(super) struct Routing {
    /// Chosen experts of each token, best first, `[n, n_used]`.
    pub(super) experts: Vec<usize>,
    /// Their weights, `[n, n_used]`.
    pub(super) weights: Vec<f32>,
    /// The visits sorted by expert: which token each is of.
    pub(super) tokens: Vec<usize>,
    /// Each expert that is used, and its visits among the sorted ones.
    pub(super) segments: Vec<(usize, Range<usize>)>,
    /// Where among the sorted visits each of `experts` is found.
    pub(super) in_order: Vec<usize>,
}

impl Routing {
    /// Softmax over all experts, the best few, their weights made to sum to 1. scores `[n, n_expert]`.
    pub(super) fn new(kernels: &Kernels, scores: &Rows, config: &Experts) -> Self {
        let mut routing = Routing::default();
        for scores in scores.values().chunks_exact(config.n) {
            let mut p = scores.to_vec();
            let sum = (kernels.exp_sum)(&mut p, (kernels.max)(scores));
            let mut best: Vec<usize> = (0..config.n).collect();
            best.sort_by(|&a, &b| p[b].total_cmp(&p[a])); // stable: of equals the first
            best.truncate(config.n_used);
            let chosen: f32 = best.iter().map(|&expert| p[expert] / sum).sum();
            let divisor = if config.renormalize { chosen.max(config.min_weight_sum) } else { 1.0 };
            routing.weights.extend(best.iter().map(|&expert| p[expert] / sum / divisor));
            routing.experts.extend(best);
        }
        routing.sort(config);
        routing
    }

    /// Sends the visits, in order of preference, to other experts; a number that no expert has means the last one.
    pub(super) fn choose(&mut self, experts: impl Iterator<Item = usize>, config: &Experts) {
        self.experts = experts.map(|expert| expert.min(config.n - 1)).collect();
        self.sort(config);
    }

    fn sort(&mut self, config: &Experts) {
        self.tokens.clear();
        self.segments.clear();
        self.in_order = vec![0; self.experts.len()];
        for expert in 0..config.n {
            let first = self.tokens.len();
            for (visit, _) in self.experts.iter().enumerate().filter(|(_, chosen)| **chosen == expert) {
                self.in_order[visit] = self.tokens.len();
                self.tokens.push(visit / config.n_used);
            }
            if first < self.tokens.len() {
                self.segments.push((expert, first..self.tokens.len()));
            }
        }
    }

    /// The experts' results, weighted and added in order of preference: `[n_visits, d]` → `[n, d]`.
    pub(super) fn combine(&self, kernels: &Kernels, visited: &Rows, n_used: usize, out: &mut Rows) {
        let width = visited.width();
        out.shape(visited.n() / n_used.max(1), width);
        out.values_mut().fill(0.0);
        for (i, (&visit, &weight)) in self.in_order.iter().zip(&self.weights).enumerate() {
            let out = &mut out.values_mut()[i / n_used * width..][..width];
            (kernels.add_scaled)(out, weight, visited.row(visit));
        }
    }
}
