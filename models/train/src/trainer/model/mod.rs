//! [`Model`]: a transformer with its derivative, written out for one kind of architecture and nothing else.
//!
//! A library for automatic derivatives builds a graph of small operations; here each operation of the block is one
//! function forward and one backward, over slices, and what the second needs from the first is kept in a [`Tape`].
//! Look first at [`Model::forward`], then at `block`, then at the operations. `tests` compares every derivative with
//! differences of the loss.

mod attention;
mod block;
mod experts;
mod feed_forward;
mod math;
mod norm;
mod rope;
#[cfg(test)]
mod tests;

use super::config::ModelConfig;
use super::matmul::{Into, linear, linear_input, linear_weight};
use super::parameters::Layout;
use block::{BlockTape, Run, Scratch};
use norm::NormTape;
use rope::Rope;

/// A model's shape and everything that follows from it. The weights are passed to each call.
#[derive(Debug)]
pub struct Model {
    /// The shape.
    pub config: ModelConfig,
    /// Where each weight lies.
    pub layout: Layout,
    rope: Rope,
    /// Factor on the mixture's balancing loss.
    balance: f32,
}

/// What the derivative needs to know about a forward pass; also its result. Its memory is used again and again.
#[derive(Debug, Default)]
pub struct Tape {
    blocks: Vec<BlockTape>,
    output_norm: NormTape,
    /// Logits, `[n_tokens, n_vocab]`.
    pub logits: Vec<f32>,
    x: Vec<f32>,
    dx: Vec<f32>,
    d_normed: Vec<f32>,
    scratch: Scratch,
}

impl Model {
    /// A model of this shape.
    pub fn new(config: ModelConfig) -> Self {
        Self { layout: Layout::new(&config), rope: Rope::new(&config), balance: experts::BALANCE, config }
    }

    /// Logits for every position of sequences of `n_ctx` tokens, laid one after another in `tokens`.
    ///
    /// # Panics
    /// If `tokens` is not whole sequences, or `n_ctx` is more than the model was made for.
    pub fn forward(&self, params: &[f32], tokens: &[u32], n_ctx: usize, tape: &mut Tape) {
        let (config, layout) = (&self.config, &self.layout);
        assert!(tokens.len().is_multiple_of(n_ctx) && n_ctx <= config.n_ctx);
        let run = Run { config, rope: &self.rope, params, n_ctx, rows: tokens.len() };
        let table = &params[layout.token_embd.clone()];

        tape.x.clear();
        for &token in tokens {
            let row = &table[token as usize * config.n_embd..][..config.n_embd];
            tape.x.extend(row.iter().map(|w| w * config.embedding_scale()));
        }
        tape.blocks.resize_with(config.n_layer, BlockTape::default);
        for (il, (block, block_tape)) in layout.blocks.iter().zip(&mut tape.blocks).enumerate() {
            block::forward(run, il, block, &mut tape.x, block_tape, &mut tape.scratch);
        }
        norm::forward(&tape.x, &params[layout.output_norm.clone()], config.norm_eps, &mut tape.output_norm);
        tape.logits.resize(tokens.len() * config.n_vocab, 0.0);
        linear(&mut tape.logits, &tape.output_norm.output, table, tokens.len());
    }

    /// Adds to `grads` the derivative of `factor ·` the sum of all targets' losses; returns that sum, in nats.
    ///
    /// `tokens` and `n_ctx` must be those of the forward pass that filled the tape. The mixture's balancing loss, which
    /// counts as one more part in each target's loss, is in the derivative and not in the sum.
    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        params: &[f32],
        tokens: &[u32],
        targets: &[u32],
        n_ctx: usize,
        factor: f32,
        tape: &mut Tape,
        grads: &mut [f32],
    ) -> f64 {
        let (config, layout) = (&self.config, &self.layout);
        let rows = tokens.len();
        let run = Run { config, rope: &self.rope, params, n_ctx, rows };

        let loss = cross_entropy(&mut tape.logits, targets, config.n_vocab, factor);
        let embd = layout.token_embd.clone();
        linear_weight(&mut grads[embd.clone()], &tape.logits, &tape.output_norm.output, rows);
        tape.d_normed.resize(rows * config.n_embd, 0.0);
        linear_input(&mut tape.d_normed, &tape.logits, &params[embd.clone()], rows, Into::Set);
        tape.dx.clear();
        tape.dx.resize(rows * config.n_embd, 0.0);
        let weights = layout.output_norm.clone();
        let d_weights = &mut grads[weights.clone()];
        norm::backward(&tape.d_normed, &params[weights], &tape.output_norm, &mut tape.dx, d_weights);

        let balance = self.balance * factor * rows as f32;
        for (il, (block, block_tape)) in layout.blocks.iter().zip(&tape.blocks).enumerate().rev() {
            block::backward(run, il, block, &mut tape.dx, grads, block_tape, balance, &mut tape.scratch);
        }
        let table = &mut grads[embd];
        for (&token, dx) in tokens.iter().zip(tape.dx.chunks_exact(config.n_embd)) {
            let row = &mut table[token as usize * config.n_embd..][..config.n_embd];
            for (d, dx) in row.iter_mut().zip(dx) {
                *d += dx * config.embedding_scale();
            }
        }
        loss
    }
}

impl Tape {
    /// Mean loss of the last forward pass, in nats. The logits are used up.
    pub fn loss(&mut self, targets: &[u32]) -> f64 {
        let n_vocab = self.logits.len() / targets.len();
        cross_entropy(&mut self.logits, targets, n_vocab, 0.0) / targets.len() as f64
    }
}

/// Sum of `−ln p(target)` over all rows; logits become `factor ·` its derivative, `softmax − 1 at the target`.
fn cross_entropy(logits: &mut [f32], targets: &[u32], n_vocab: usize, factor: f32) -> f64 {
    let mut loss = 0.0;
    for (row, &target) in logits.chunks_exact_mut(n_vocab).zip(targets) {
        math::softmax(row);
        loss -= f64::from(row[target as usize].max(f32::MIN_POSITIVE)).ln();
        row[target as usize] -= 1.0;
        for d in row {
            *d *= factor;
        }
    }
    loss
}
