//! RMSNorm and its derivative: `y = x / √(mean(x²) + eps) · w`.

use super::math::dot;

/// What the derivative needs to know about a norm's run.
#[derive(Debug, Default)]
pub(super) struct NormTape {
    input: Vec<f32>,
    /// `1 / √(mean(x²) + eps)` of each row.
    scale: Vec<f32>,
    /// The result.
    pub(super) output: Vec<f32>,
}

/// Normalises rows as long as `w`.
pub(super) fn forward(x: &[f32], w: &[f32], eps: f32, tape: &mut NormTape) {
    let n = w.len();
    tape.input.resize(x.len(), 0.0);
    tape.input.copy_from_slice(x);
    tape.output.resize(x.len(), 0.0);
    tape.scale.resize(x.len() / n, 0.0);
    for ((x, y), scale) in x.chunks_exact(n).zip(tape.output.chunks_exact_mut(n)).zip(&mut tape.scale) {
        *scale = 1.0 / (dot(x, x) / n as f32 + eps).sqrt();
        for i in 0..n {
            y[i] = x[i] * *scale * w[i];
        }
    }
}

/// Adds the derivatives to `dx` and `dw`.
///
/// With x̂ = x · scale: `dx = scale · (w∘dy − x̂ · mean(w∘dy∘x̂))`, `dw = Σ dy∘x̂`.
pub(super) fn backward(dy: &[f32], w: &[f32], tape: &NormTape, dx: &mut [f32], dw: &mut [f32]) {
    let n = w.len();
    let rows = dy.chunks_exact(n).zip(tape.input.chunks_exact(n)).zip(dx.chunks_exact_mut(n)).zip(&tape.scale);
    let mut weighted = vec![0.0; n];
    for (((dy, x), dx), &scale) in rows {
        for i in 0..n {
            weighted[i] = w[i] * dy[i];
        }
        let along = dot(&weighted, x) * scale * scale / n as f32;
        for i in 0..n {
            dx[i] += scale * (weighted[i] - x[i] * along);
            dw[i] += dy[i] * x[i] * scale;
        }
    }
}
