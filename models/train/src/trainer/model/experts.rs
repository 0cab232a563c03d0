//! A mixture of experts and its derivative: a router sends each token to a few feed-forward networks.
//!
//! Router logits → softmax → the largest few → their weights divided by their sum → weighted sum of those experts'
//! outputs. Without help a router may fall in love with one expert, which alone then learns: a small loss on uneven
//! use (Fedus, Zoph, Shazeer, "Switch Transformers", 2021, §2.2) keeps all of them busy.

use super::feed_forward::{self, Activation, FeedForwardTape};
use super::math::{dot, softmax};
use crate::trainer::config::Experts;
use crate::trainer::matmul::{Into, linear, linear_input, linear_weight};
use std::ops::Range;

/// Factor on the balancing loss `n · Σₑ share(e) · mean probability(e)`, which is 1 when use is even.
pub(super) const BALANCE: f32 = 0.01;

/// What the derivative needs to know about a mixture's run.
#[derive(Debug, Default)]
pub(super) struct ExpertsTape {
    /// Router probabilities, `[n_tokens, n]`.
    probs: Vec<f32>,
    visits: Vec<Visits>,
}

/// The tokens that came to one expert.
#[derive(Debug, Default)]
struct Visits {
    /// Which they are.
    tokens: Vec<usize>,
    /// The weight of the expert's output in each one's sum.
    weights: Vec<f32>,
    /// Their inputs, gathered, `[visits, n_embd]`.
    x: Vec<f32>,
    /// The expert's outputs.
    y: Vec<f32>,
    tape: FeedForwardTape,
}

/// Runs x `[rows, n_embd]` through the mixture into y.
#[allow(clippy::too_many_arguments)]
pub(super) fn forward(
    experts: Experts,
    params: &[f32],
    router: &Range<usize>,
    weights: &[[Range<usize>; 3]],
    x: &[f32],
    y: &mut [f32],
    rows: usize,
    tape: &mut ExpertsTape,
) {
    let n_embd = x.len() / rows;
    tape.probs.resize(rows * experts.n, 0.0);
    linear(&mut tape.probs, x, &params[router.clone()], rows);
    tape.visits.resize_with(experts.n, Visits::default);
    for visits in &mut tape.visits {
        visits.tokens.clear();
        visits.weights.clear();
        visits.x.clear();
    }
    for (token, probs) in tape.probs.chunks_exact_mut(experts.n).enumerate() {
        softmax(probs);
        let mut order: Vec<usize> = (0..experts.n).collect();
        order.sort_by(|&a, &b| probs[b].total_cmp(&probs[a]));
        let chosen = &order[..experts.n_used];
        let total: f32 = chosen.iter().map(|&e| probs[e]).sum();
        for &e in chosen {
            let visits = &mut tape.visits[e];
            visits.tokens.push(token);
            visits.weights.push(probs[e] / total);
            visits.x.extend_from_slice(&x[token * n_embd..][..n_embd]);
        }
    }
    y.fill(0.0);
    for (visits, weights) in tape.visits.iter_mut().zip(weights) {
        visits.y.resize(visits.x.len(), 0.0);
        let n = visits.tokens.len();
        feed_forward::forward(Activation::Silu, params, weights, &visits.x, &mut visits.y, n, &mut visits.tape);
        for ((&token, &weight), out) in visits.tokens.iter().zip(&visits.weights).zip(visits.y.chunks_exact(n_embd)) {
            for (y, &out) in y[token * n_embd..][..n_embd].iter_mut().zip(out) {
                *y += weight * out;
            }
        }
    }
}

/// Writes the derivative with respect to x into `dx`, adds those of the weights to `grads`. `balance` is the factor on
/// the balancing loss of these rows.
#[allow(clippy::too_many_arguments)]
pub(super) fn backward(
    experts: Experts,
    params: &[f32],
    router: &Range<usize>,
    weights: &[[Range<usize>; 3]],
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    grads: &mut [f32],
    rows: usize,
    tape: &ExpertsTape,
    scratch: &mut [Vec<f32>; 2],
    balance: f32,
) {
    let (n, n_embd) = (experts.n, x.len() / rows);
    let mut d_logits = balance_slope(experts, tape, rows, balance);
    // w = softmax over the chosen logits, so ∂/∂logit(e) = w(e) · (dw(e) − Σ w·dw).
    let mut means = vec![0.0; rows];
    let mut d_weights: Vec<Vec<f32>> = vec![vec![]; n];
    for (visits, d_weights) in tape.visits.iter().zip(&mut d_weights) {
        for (i, &token) in visits.tokens.iter().enumerate() {
            let d = dot(&dy[token * n_embd..][..n_embd], &visits.y[i * n_embd..][..n_embd]);
            means[token] += visits.weights[i] * d;
            d_weights.push(d);
        }
    }
    dx.fill(0.0);
    let (mut d_out, mut d_in) = (vec![], vec![]);
    for (e, visits) in tape.visits.iter().enumerate() {
        d_out.clear();
        for (i, &token) in visits.tokens.iter().enumerate() {
            let weight = visits.weights[i];
            d_logits[token * n + e] += weight * (d_weights[e][i] - means[token]);
            d_out.extend(dy[token * n_embd..][..n_embd].iter().map(|d| weight * d));
        }
        d_in.resize(d_out.len(), 0.0);
        let (n, act) = (visits.tokens.len(), Activation::Silu);
        feed_forward::backward(act, params, &weights[e], &visits.x, &d_out, &mut d_in, grads, n, &visits.tape, scratch);
        for (&token, d_in) in visits.tokens.iter().zip(d_in.chunks_exact(n_embd)) {
            for (dx, d) in dx[token * n_embd..][..n_embd].iter_mut().zip(d_in) {
                *dx += d;
            }
        }
    }
    linear_weight(&mut grads[router.clone()], &d_logits, x, rows);
    linear_input(dx, &d_logits, &params[router.clone()], rows, Into::Add);
}

/// The derivative of the balancing loss with respect to the router's logits. Shares are counts, without derivative.
fn balance_slope(experts: Experts, tape: &ExpertsTape, rows: usize, balance: f32) -> Vec<f32> {
    let visits = (rows * experts.n_used) as f32;
    let pull: Vec<f32> = (tape.visits.iter())
        .map(|v| balance * experts.n as f32 * v.tokens.len() as f32 / visits / rows as f32)
        .collect();
    let mut slope = vec![0.0; tape.probs.len()];
    for (probs, slope) in tape.probs.chunks_exact(experts.n).zip(slope.chunks_exact_mut(experts.n)) {
        let mean = dot(probs, &pull);
        for e in 0..experts.n {
            slope[e] = probs[e] * (pull[e] - mean);
        }
    }
    slope
}

#[cfg(test)]
impl ExpertsTape {
    /// Which tokens came to each expert.
    pub(super) fn routes(&self) -> Vec<Vec<usize>> {
        self.visits.iter().map(|visits| visits.tokens.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With shares held fixed, the balancing loss is `balance · n · Σₑ share(e) · mean probability(e)`.
    #[test]
    fn the_balancing_slope_is_that_of_the_balancing_loss() {
        let (experts, balance) = (Experts { n: 4, n_used: 2 }, 0.7);
        let logits = [0.3f32, -0.2, 0.9, 0.1, -1.0, 0.4, 0.2, 0.0, 0.5, 0.5, -0.3, 1.2];
        let shares = [vec![0, 1], vec![2], vec![0], vec![1, 2]];
        let tape = |logits: &[f32]| {
            let mut probs = logits.to_vec();
            probs.chunks_exact_mut(4).for_each(softmax);
            let visits = shares.iter().map(|tokens| Visits { tokens: tokens.clone(), ..Visits::default() }).collect();
            ExpertsTape { probs, visits }
        };
        let loss = |logits: &[f32]| -> f32 {
            let tape = tape(logits);
            let mean = |e: usize| tape.probs.iter().skip(e).step_by(4).sum::<f32>() / 3.0;
            (0..4).map(|e| balance * 4.0 * shares[e].len() as f32 / 6.0 * mean(e)).sum()
        };
        let slope = balance_slope(experts, &tape(&logits), 3, balance);
        for i in 0..12 {
            let at = |step: f32| {
                let mut moved = logits;
                moved[i] += step;
                loss(&moved)
            };
            let measured = (at(0.01) - at(-0.01)) / 0.02;
            assert!((measured - slope[i]).abs() < 1e-4, "{i}: {measured} measured, {} computed", slope[i]);
        }
    }
}
