//! Mixture of experts: which token goes to which experts.
//!
//! An *assignment* is one token at one of its experts. The router orders the experts of each token from best to worst; the
//! assignments are then sorted by expert, so that each expert's matrices are read once for all its tokens.

use super::scratch::Rows;
use crate::kernels::Kernels;
use crate::model::Experts;
use std::ops::Range;

/// The assignments of a batch.
#[derive(Debug, Default)]
pub(super) struct Routing {
    /// Experts of a token.
    pub(super) n_used: usize,
    /// Chosen experts of each token, best first, `[n, n_used]`.
    pub(super) experts: Vec<usize>,
    /// Their weights, `[n, n_used]`.
    pub(super) weights: Vec<f32>,
    /// The token of each assignment, sorted by expert, `[n · n_used]`.
    pub(super) tokens: Vec<usize>,
    /// Each expert that is used, and its assignments among the sorted ones.
    pub(super) segments: Vec<(usize, Range<usize>)>,
    /// The place of each of `experts` among the sorted assignments, `[n, n_used]`.
    pub(super) in_order: Vec<usize>,
}

impl Routing {
    /// Softmax over all experts, the best few, their weights made to sum to 1. scores `[n, n_expert]`.
    pub(super) fn new(kernels: &Kernels, scores: &Rows, config: &Experts) -> Self {
        let mut routing = Routing { n_used: config.n_used, ..Routing::default() };
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

    /// Assigns the tokens to other experts, given from best to worst, `[n, n_used]`; a number that no expert has means the last one.
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
            for (assignment, _) in self.experts.iter().enumerate().filter(|(_, chosen)| **chosen == expert) {
                self.in_order[assignment] = self.tokens.len();
                self.tokens.push(assignment / config.n_used);
            }
            if first < self.tokens.len() {
                self.segments.push((expert, first..self.tokens.len()));
            }
        }
    }

    /// The experts' results, weighted and added from best to worst: y `[n · n_used, d]`, sorted by expert → `[n, d]`.
    pub(super) fn combine(&self, kernels: &Kernels, y: &Rows, out: &mut Rows) {
        let width = y.width();
        out.shape(y.n() / self.n_used.max(1), width);
        out.values_mut().fill(0.0);
        for (i, (&row, &weight)) in self.in_order.iter().zip(&self.weights).enumerate() {
            let out = &mut out.values_mut()[i / self.n_used * width..][..width];
            (kernels.add_scaled)(out, weight, y.row(row));
        }
    }
}
