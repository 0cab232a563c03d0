//! Every derivative against differences of the loss.

use super::*;
use crate::trainer::config::{Experts, Window};
use crate::trainer::random::Random;

/// A small model with a feature that `change` switches on.
fn small(name: &str) -> ModelConfig {
    let mut config = ModelConfig::named(name).expect("a member");
    (config.n_vocab, config.n_embd, config.head_dim, config.n_layer) = (32, 32, 8, 3);
    (config.n_ff, config.n_ctx) = (32, 96);
    config.window = config.window.map(|_| Window { size: 5, pattern: 3 });
    config.experts = config.experts.map(|_| Experts { n: 4, n_used: 2 });
    config
}

struct Setting {
    model: Model,
    params: Vec<f32>,
    tokens: Vec<u32>,
    targets: Vec<u32>,
    n_ctx: usize,
}

impl Setting {
    /// Two sequences, longer than one block of queries.
    fn new(name: &str) -> Self {
        let model = Model { balance: 0.0, ..Model::new(small(name)) };
        let mut random = Random::new(7);
        let mut params = model.layout.initial(&model.config, 7);
        for p in &mut params {
            *p += 0.2 * random.normal();
        }
        let mut tokens = |n: usize| -> Vec<u32> { (0..n).map(|_| (random.bits() % 32) as u32).collect() };
        let (n_ctx, tokens, targets) = (70, tokens(140), tokens(140));
        Self { model, params, tokens, targets, n_ctx }
    }

    /// The loss, and which way each token went.
    fn loss(&self, params: &[f32]) -> (f64, Vec<Vec<Vec<usize>>>) {
        let mut tape = Tape::default();
        self.model.forward(params, &self.tokens, self.n_ctx, &mut tape);
        let routes = tape.blocks.iter().map(BlockTape::routes).collect();
        (cross_entropy(&mut tape.logits, &self.targets, self.model.config.n_vocab, 1.0), routes)
    }

    fn grads(&self) -> Vec<f32> {
        let mut tape = Tape::default();
        let mut grads = vec![0.0; self.params.len()];
        self.model.forward(&self.params, &self.tokens, self.n_ctx, &mut tape);
        let (tokens, targets) = (&self.tokens, &self.targets);
        self.model.backward(&self.params, tokens, targets, self.n_ctx, 1.0, &mut tape, &mut grads);
        grads
    }
}

/// Along a random direction in each tensor, the derivative predicts how the loss changes.
///
/// The tolerance is what is left of f32 in a difference of two sums of 140 losses, some 1e-5 over a step of 1e-3, and
/// the third derivative times the step squared, against derivatives that the 3 keeps from counting as zero. Where the
/// small step sends a token to another expert there is no derivative, and nothing is compared: `least` tensors must be.
fn derivative_predicts(name: &str, least: usize) {
    let setting = Setting::new(name);
    let grads = setting.grads();
    let mut random = Random::new(11);
    let mut compared = 0;
    for tensor in &setting.model.layout.tensors {
        let g = &grads[tensor.range.clone()];
        let norm = g.iter().map(|g| g * g).sum::<f32>().sqrt();
        assert!(norm > 1e-3, "{name} {}: no gradient", tensor.name);
        // Mostly along the gradient, so that the change is large, and partly anywhere, so that a wrong length shows.
        let direction: Vec<f32> =
            g.iter().map(|g| g / norm + 0.3 * random.normal() / (tensor.range.len() as f32).sqrt()).collect();
        let at = |step: f32| {
            let mut params = setting.params.clone();
            for (p, d) in params[tensor.range.clone()].iter_mut().zip(&direction) {
                *p += step * d;
            }
            setting.loss(&params)
        };
        let step = 5e-4f32;
        let ((after, routes), (before, other_routes)) = (at(step), at(-step));
        if routes != other_routes {
            continue;
        }
        compared += 1;
        let measured = (after - before) / (2.0 * f64::from(step));
        let predicted: f64 = g.iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum();
        let error = (measured - predicted).abs() / (predicted.abs() + 3.0);
        assert!(error < 0.02, "{name} {}: {measured} measured, {predicted} predicted", tensor.name);
    }
    assert!(compared >= least, "{name}: {compared} tensors compared");
}

#[test]
fn the_derivative_predicts_the_loss_with_shared_heads() {
    derivative_predicts("tiny", 29);
    derivative_predicts("tiny-mqa", 29);
}

#[test]
fn the_derivative_predicts_the_loss_with_windows_and_extra_norms() {
    derivative_predicts("tiny-swa", 41);
}

#[test]
fn the_derivative_predicts_the_loss_with_experts() {
    derivative_predicts("tiny-moe", 24);
}

#[test]
fn no_token_knows_the_next_one() {
    for name in ["tiny", "tiny-swa", "tiny-moe"] {
        let mut setting = Setting::new(name);
        let logits = |setting: &Setting| {
            let mut tape = Tape::default();
            setting.model.forward(&setting.params, &setting.tokens, setting.n_ctx, &mut tape);
            tape.logits
        };
        let before = logits(&setting);
        setting.tokens[40] = (setting.tokens[40] + 1) % 32;
        let after = logits(&setting);
        assert_eq!(before[..40 * 32], after[..40 * 32], "{name}");
        assert_ne!(before[40 * 32..41 * 32], after[40 * 32..41 * 32], "{name}");
    }
}
