//! [`Optimizer`]: [`Muon`] for the matrices inside the blocks, [`AdamW`] for everything else.
//!
//! Sources: Loshchilov, Hutter, "Decoupled weight decay regularization" (2019), and those of [`super::muon`]. As usual,
//! norms and embeddings do not decay, and the gradient's length is clipped first.

use super::muon::Muon;
use super::parameters::{Kind, Layout, Tensor};

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.95;
const EPS: f32 = 1e-8;
const DECAY: f32 = 0.1;
/// The longest gradient that is taken at its full length.
const CLIP: f64 = 1.0;

/// The state of every tensor's steps.
#[derive(Debug, Clone)]
pub struct Optimizer {
    states: Vec<State>,
}

#[derive(Debug, Clone)]
enum State {
    /// A matrix; of a mixture, one for each expert.
    Muon(Vec<Muon>),
    AdamW(AdamW),
}

impl Optimizer {
    /// Before the first step.
    pub fn new(layout: &Layout) -> Self {
        let state = |tensor: &Tensor| match tensor.kind {
            Kind::Matrix | Kind::Branch => {
                let (n_in, n_out) = (tensor.ne[0], tensor.ne[1]);
                State::Muon(vec![Muon::new(n_out, n_in); tensor.range.len() / (n_in * n_out)])
            }
            Kind::Router => State::AdamW(AdamW::new(tensor.range.len(), DECAY)),
            Kind::Embedding | Kind::Norm => State::AdamW(AdamW::new(tensor.range.len(), 0.0)),
        };
        Self { states: layout.tensors.iter().map(state).collect() }
    }

    /// Moves the weights, sets the gradient to zero for the next batch, and returns the length it had.
    pub fn step(&mut self, layout: &Layout, params: &mut [f32], grads: &mut [f32], lr: f32) -> f64 {
        let length = grads.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        let clip = (CLIP / length.max(CLIP)) as f32;
        for (tensor, state) in layout.tensors.iter().zip(&mut self.states) {
            let (weights, grads) = (&mut params[tensor.range.clone()], &mut grads[tensor.range.clone()]);
            match state {
                State::AdamW(adam) => adam.step(weights, grads, clip, lr),
                State::Muon(matrices) => {
                    let size = weights.len() / matrices.len();
                    let parts = weights.chunks_exact_mut(size).zip(grads.chunks_exact_mut(size));
                    for (muon, (weights, grads)) in matrices.iter_mut().zip(parts) {
                        muon.step(weights, grads, clip, lr);
                    }
                }
            }
        }
        length
    }
}

/// Running means of each weight's gradient and its square.
#[derive(Debug, Clone)]
struct AdamW {
    mean: Vec<f32>,
    square: Vec<f32>,
    decay: f32,
    steps: i32,
}

impl AdamW {
    fn new(len: usize, decay: f32) -> Self {
        Self { mean: vec![0.0; len], square: vec![0.0; len], decay, steps: 0 }
    }

    fn step(&mut self, weights: &mut [f32], grads: &mut [f32], clip: f32, lr: f32) {
        self.steps += 1;
        // Both means start at zero; dividing by these makes them means of what was seen.
        let (seen1, seen2) = (1.0 - BETA1.powi(self.steps), 1.0 - BETA2.powi(self.steps));
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((p, g), (m, s)) in weights.iter_mut().zip(grads).zip(moments) {
            let gradient = *g * clip;
            *m = BETA1 * *m + (1.0 - BETA1) * gradient;
            *s = BETA2 * *s + (1.0 - BETA2) * gradient * gradient;
            *p = *p * (1.0 - lr * self.decay) - lr * (*m / seen1) / ((*s / seen2).sqrt() + EPS);
            *g = 0.0;
        }
    }
}
