//! [`Muon`]: momentum whose direction is made orthogonal, for the matrices inside the blocks.
//!
//! A gradient of a matrix is mostly a few directions that all tokens share; what one rare word teaches is a faint
//! direction beside them. Replacing the momentum by the nearest (semi-)orthogonal matrix gives every direction the same
//! length of step, and so a model learns early what each name needs in order to be copied.
//!
//! Look first at [`orthogonal`]. Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024);
//! the length of a step is that of Liu et al., "Muon is scalable for LLM training" (2025), §2.2.

use super::matmul::{Into, View, ViewMut, matmul};

const MOMENTUM: f32 = 0.95;
const DECAY: f32 = 0.1;
/// Newton–Schulz steps: after five, all singular values lie between about 0.7 and 1.2.
const STEPS: usize = 5;
/// Coefficients of the quintic, chosen by Jordan et al. for their speed at small singular values.
const QUINTIC: [f32; 3] = [3.4445, -4.7750, 2.0315];
/// Root mean square of a step's elements, as a share of the learning rate: about that of AdamW's.
const RMS: f32 = 0.2;

/// The momentum of one matrix, `[n_out, n_in]`, and room to work in.
#[derive(Debug, Clone)]
pub struct Muon {
    n_out: usize,
    n_in: usize,
    momentum: Vec<f32>,
}

impl Muon {
    /// Before the first step.
    pub fn new(n_out: usize, n_in: usize) -> Self {
        Self { n_out, n_in, momentum: vec![0.0; n_out * n_in] }
    }

    /// Moves the weights along the orthogonalised momentum, and sets the gradient to zero for the next batch.
    pub fn step(&mut self, weights: &mut [f32], grads: &mut [f32], clip: f32, lr: f32) {
        let mut direction = vec![0.0; self.momentum.len()];
        for ((m, g), d) in self.momentum.iter_mut().zip(grads).zip(&mut direction) {
            *m = MOMENTUM * *m + *g * clip;
            *d = *g * clip + MOMENTUM * *m; // Nesterov: look one step ahead
            *g = 0.0;
        }
        orthogonal(&mut direction, self.n_out, self.n_in);
        // An orthogonal matrix of this shape has elements of root mean square 1/√max(n_out, n_in).
        let size = lr * RMS * (self.n_out.max(self.n_in) as f32).sqrt();
        for (w, d) in weights.iter_mut().zip(&direction) {
            *w = *w * (1.0 - lr * DECAY) - size * d;
        }
    }
}

/// Moves all singular values of x `[rows, cols]` close to 1, and leaves its singular vectors.
///
/// `x ← a·x + (b·xxᵀ + c·(xxᵀ)²)·x`, where the square matrix is the smaller of `xxᵀ` and `xᵀx`.
pub fn orthogonal(x: &mut [f32], rows: usize, cols: usize) {
    let length = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt().max(1e-12) as f32;
    x.iter_mut().for_each(|x| *x /= length);
    let [a, b, c] = QUINTIC;
    let n = rows.min(cols);
    let (mut gram, mut poly, mut next) = (vec![0.0; n * n], vec![0.0; n * n], vec![0.0; x.len()]);
    for _ in 0..STEPS {
        let view = View::new(x, rows, cols);
        let (left, right) = if rows <= cols { (view, view.t()) } else { (view.t(), view) };
        matmul(ViewMut::new(&mut gram, n, n), left, right, 1.0, Into::Set);
        let square = View::new(&gram, n, n);
        poly.iter_mut().zip(&gram).for_each(|(p, g)| *p = b * g);
        matmul(ViewMut::new(&mut poly, n, n), square, square, c, Into::Add);
        next.iter_mut().zip(&*x).for_each(|(n, x)| *n = a * x);
        let (poly, product) = (View::new(&poly, n, n), ViewMut::new(&mut next, rows, cols));
        match rows <= cols {
            true => matmul(product, poly, view, 1.0, Into::Add),
            false => matmul(product, view, poly, 1.0, Into::Add),
        }
        x.copy_from_slice(&next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::random::Random;

    /// Of a random matrix, tall or wide, x·xᵀ (or xᵀ·x) becomes close to the identity.
    #[test]
    fn singular_values_come_close_to_one() {
        for (rows, cols) in [(8, 8), (8, 24), (24, 8)] {
            let mut random = Random::new(1);
            let mut x: Vec<f32> = (0..rows * cols).map(|_| random.normal()).collect();
            orthogonal(&mut x, rows, cols);
            let n = rows.min(cols);
            let trace: f32 = x.iter().map(|x| x * x).sum();
            assert!((trace / n as f32 - 1.0).abs() < 0.3, "{rows}×{cols}: {trace}");
            let at = |i: usize, k: usize| if rows <= cols { x[i * cols + k] } else { x[k * cols + i] };
            for (i, j) in (0..n).flat_map(|i| (0..i).map(move |j| (i, j))) {
                let product: f32 = (0..rows.max(cols)).map(|k| at(i, k) * at(j, k)).sum();
                assert!(product.abs() < 0.35, "{rows}×{cols}: rows {i} and {j}: {product}");
            }
        }
    }
}
