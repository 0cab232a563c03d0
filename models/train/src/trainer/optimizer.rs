//! [`AdamW`]: one pass over flat buffers.
//!
//! Source: Loshchilov, Hutter, "Decoupled weight decay regularization" (2019). As usual, norms and embeddings do not
//! decay, and the gradient's length is clipped first.

use super::parameters::{Kind, Layout};

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.95;
const EPS: f32 = 1e-8;
const DECAY: f32 = 0.1;
/// The longest gradient that is taken at its full length.
const CLIP: f64 = 1.0;

/// Running means of each weight's gradient and its square.
#[derive(Debug, Clone)]
pub struct AdamW {
    mean: Vec<f32>,
    square: Vec<f32>,
    steps: i32,
}

impl AdamW {
    /// Before the first step.
    pub fn new(layout: &Layout) -> Self {
        Self { mean: vec![0.0; layout.len()], square: vec![0.0; layout.len()], steps: 0 }
    }

    /// Moves the weights, sets the gradient to zero for the next batch, and returns the length it had.
    pub fn step(&mut self, layout: &Layout, params: &mut [f32], grads: &mut [f32], lr: f32) -> f64 {
        let length = grads.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        let clip = (CLIP / length.max(CLIP)) as f32;
        self.steps += 1;
        // Both means start at zero; dividing by these makes them means of what was seen.
        let (seen1, seen2) = (1.0 - BETA1.powi(self.steps), 1.0 - BETA2.powi(self.steps));
        for tensor in &layout.tensors {
            let decay = match tensor.kind {
                Kind::Matrix | Kind::Branch | Kind::Router => 1.0 - lr * DECAY,
                Kind::Embedding | Kind::Norm => 1.0,
            };
            let range = tensor.range.clone();
            let weights = params[range.clone()].iter_mut().zip(&mut grads[range.clone()]);
            let moments = self.mean[range.clone()].iter_mut().zip(&mut self.square[range]);
            for ((p, g), (m, s)) in weights.zip(moments) {
                let gradient = *g * clip;
                *m = BETA1 * *m + (1.0 - BETA1) * gradient;
                *s = BETA2 * *s + (1.0 - BETA2) * gradient * gradient;
                *p = *p * decay - lr * (*m / seen1) / ((*s / seen2).sqrt() + EPS);
                *g = 0.0;
            }
        }
        length
    }
}
