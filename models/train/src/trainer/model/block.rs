//! One transformer block, forward and backward.
//!
//! Look first at [`forward`]; [`backward`] is the same text read from the end.

use super::attention::{self, AttentionTape};
use super::experts::{self, ExpertsTape};
use super::feed_forward::{self, Activation, FeedForwardTape};
use super::norm::{self, NormTape};
use super::rope::{Direction, Rope};
use crate::trainer::config::ModelConfig;
use crate::trainer::matmul::{Into, linear, linear_input, linear_weight};
use crate::trainer::parameters::Block;

/// What the derivative needs to know about a block's run.
#[derive(Debug, Default)]
pub(super) struct BlockTape {
    attn_norm: NormTape,
    q_norm: NormTape,
    k_norm: NormTape,
    attention: AttentionTape,
    post_attention_norm: NormTape,
    ffn_norm: NormTape,
    ffn: FeedForwardTape,
    experts: ExpertsTape,
    post_ffw_norm: NormTape,
}

#[cfg(test)]
impl BlockTape {
    /// Which tokens came to each expert.
    pub(super) fn routes(&self) -> Vec<Vec<usize>> {
        self.experts.routes()
    }
}

/// Buffers that are free again after each block.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    branch: Vec<f32>,
    normed: Vec<f32>,
    heads: Vec<f32>,
    qkv: [Vec<f32>; 3],
    before_norm: Vec<f32>,
    ffn: [Vec<f32>; 2],
}

/// What is the same for every block of a run.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) config: &'a ModelConfig,
    pub(super) rope: &'a Rope,
    pub(super) params: &'a [f32],
    pub(super) n_ctx: usize,
    pub(super) rows: usize,
}

impl Run<'_> {
    fn activation(&self) -> Activation {
        if self.config.is_gemma() { Activation::Gelu } else { Activation::Silu }
    }

    fn zeroed<'b>(&self, buffer: &'b mut Vec<f32>, width: usize) -> &'b mut [f32] {
        buffer.clear();
        buffer.resize(self.rows * width, 0.0);
        buffer
    }
}

/// Adds to the residual stream x `[rows, n_embd]` what attention and the feed-forward network make of it.
pub(super) fn forward(run: Run<'_>, il: usize, block: &Block, x: &mut [f32], tape: &mut BlockTape, s: &mut Scratch) {
    let Run { config, params, rows, n_ctx, .. } = run;
    let eps = config.norm_eps;
    s.branch.resize(x.len(), 0.0);

    norm::forward(x, &params[block.attn_norm.clone()], eps, &mut tape.attn_norm);
    let h = &tape.attn_norm.output;
    let a = &mut tape.attention;
    a.q.resize(rows * config.n_embd_q(), 0.0);
    for (buffer, weights) in [&mut a.q, &mut a.k, &mut a.v].into_iter().zip(&block.attn) {
        buffer.resize(rows * weights.len() / config.n_embd, 0.0);
        linear(buffer, h, &params[weights.clone()], rows);
    }
    if let Some([q_norm, k_norm]) = &block.qk_norm {
        norm::forward(&a.q, &params[q_norm.clone()], eps, &mut tape.q_norm);
        norm::forward(&a.k, &params[k_norm.clone()], eps, &mut tape.k_norm);
        a.q.copy_from_slice(&tape.q_norm.output);
        a.k.copy_from_slice(&tape.k_norm.output);
    }
    run.rope.turn(&mut a.q, config.n_embd_q(), n_ctx, Direction::Forward);
    run.rope.turn(&mut a.k, config.n_embd_kv(), n_ctx, Direction::Forward);
    attention::forward(config, a, n_ctx, config.span(il));
    linear(&mut s.branch, &a.heads, &params[block.attn[3].clone()], rows);
    match &block.post_attention_norm {
        None => add(x, &s.branch),
        Some(weights) => {
            norm::forward(&s.branch, &params[weights.clone()], eps, &mut tape.post_attention_norm);
            add(x, &tape.post_attention_norm.output);
        }
    }

    norm::forward(x, &params[block.ffn_norm.clone()], eps, &mut tape.ffn_norm);
    let h = &tape.ffn_norm.output;
    match config.experts.zip(block.router.as_ref()) {
        None => feed_forward::forward(run.activation(), params, &block.ffn[0], h, &mut s.branch, rows, &mut tape.ffn),
        Some((experts, router)) => {
            experts::forward(experts, params, router, &block.ffn, h, &mut s.branch, rows, &mut tape.experts)
        }
    }
    match &block.post_ffw_norm {
        None => add(x, &s.branch),
        Some(weights) => {
            norm::forward(&s.branch, &params[weights.clone()], eps, &mut tape.post_ffw_norm);
            add(x, &tape.post_ffw_norm.output);
        }
    }
}

/// Turns dx, the derivative after the block, into the one before it; adds those of the weights to `grads`.
#[allow(clippy::too_many_arguments)]
pub(super) fn backward(
    run: Run<'_>,
    il: usize,
    block: &Block,
    dx: &mut [f32],
    grads: &mut [f32],
    tape: &BlockTape,
    balance: f32,
    s: &mut Scratch,
) {
    let Run { config, params, rows, n_ctx, .. } = run;
    s.normed.resize(dx.len(), 0.0);

    branch_slope(run, dx, block.post_ffw_norm.as_ref(), &tape.post_ffw_norm, grads, &mut s.branch);
    let (h, dy, dh) = (&tape.ffn_norm.output, &s.branch, &mut s.normed);
    match config.experts.zip(block.router.as_ref()) {
        None => {
            let (act, weights) = (run.activation(), &block.ffn[0]);
            feed_forward::backward(act, params, weights, h, dy, dh, grads, rows, &tape.ffn, &mut s.ffn)
        }
        Some((experts, router)) => {
            let (weights, tape) = (&block.ffn, &tape.experts);
            experts::backward(experts, params, router, weights, h, dy, dh, grads, rows, tape, &mut s.ffn, balance)
        }
    }
    norm::backward(dh, &params[block.ffn_norm.clone()], &tape.ffn_norm, dx, &mut grads[block.ffn_norm.clone()]);

    branch_slope(run, dx, block.post_attention_norm.as_ref(), &tape.post_attention_norm, grads, &mut s.branch);
    let a = &tape.attention;
    s.heads.resize(a.heads.len(), 0.0);
    linear_weight(&mut grads[block.attn[3].clone()], &s.branch, &a.heads, rows);
    linear_input(&mut s.heads, &s.branch, &params[block.attn[3].clone()], rows, Into::Set);
    let [dq, dk, dv] = &mut s.qkv;
    dq.resize(a.q.len(), 0.0);
    dk.resize(a.k.len(), 0.0);
    dv.resize(a.v.len(), 0.0);
    attention::backward(config, a, &s.heads, (dq, dk, dv), n_ctx, config.span(il));
    run.rope.turn(dq, config.n_embd_q(), n_ctx, Direction::Backward);
    run.rope.turn(dk, config.n_embd_kv(), n_ctx, Direction::Backward);
    if let Some(norms) = &block.qk_norm {
        for ((weights, tape), d) in norms.iter().zip([&tape.q_norm, &tape.k_norm]).zip([dq, dk]) {
            let before = run.zeroed(&mut s.before_norm, d.len() / rows);
            norm::backward(d, &params[weights.clone()], tape, before, &mut grads[weights.clone()]);
            d.copy_from_slice(before);
        }
    }
    let h = &tape.attn_norm.output;
    for (i, (d, weights)) in s.qkv.iter().zip(&block.attn).enumerate() {
        linear_weight(&mut grads[weights.clone()], d, h, rows);
        let into = if i == 0 { Into::Set } else { Into::Add };
        linear_input(&mut s.normed, d, &params[weights.clone()], rows, into);
    }
    let weights = block.attn_norm.clone();
    norm::backward(&s.normed, &params[weights.clone()], &tape.attn_norm, dx, &mut grads[weights]);
}

/// The derivative of a branch's output: the residual stream's, through the norm if there is one.
fn branch_slope(
    run: Run<'_>,
    dx: &[f32],
    post_norm: Option<&std::ops::Range<usize>>,
    tape: &NormTape,
    grads: &mut [f32],
    branch: &mut Vec<f32>,
) {
    let branch = run.zeroed(branch, run.config.n_embd);
    match post_norm {
        None => branch.copy_from_slice(dx),
        Some(weights) => norm::backward(dx, &run.params[weights.clone()], tape, branch, &mut grads[weights.clone()]),
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
