//! The operations of the transformer, as formulas.
//!
//! Each is one method of [`Ops`], and its default body is the formula. To replace one, write a type that overrides that one
//! method and give it to [`Transformer::with_ops`](super::Transformer::with_ops): the model then runs with your
//! attention, your norm, your RoPE. [`ReferenceOps`] overrides nothing.
//!
//! Look first at [`Ops::linear`], then at [`Ops::attention`].
//!
//! **Matrices are stored as they are multiplied**: `y = x · W`, so a weight is `[n_in, n_out]` (GGUF stores the transpose)
//! and one row of an activation is one token.
//!
//! Every sum runs in one fixed order that does not depend on how many tokens are computed together, so a token's
//! result has the same bits in a prompt of a thousand as alone.

use super::Real;
use super::weights::Frequencies;
use crate::model::{ActFn, Experts, RopePairing};
use ndarray::{Array1, Array2, Array3, ArrayView1, Axis, s};
use std::ops::Range;

/// The operations as the papers define them.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReferenceOps;

impl<R: Real> Ops<R> for ReferenceOps {}

/// The output of a norm, and the values on the way to it.
#[derive(Debug, Clone)]
pub struct NormOutput<R> {
    /// The divisor of each row, `[n, 1]`.
    pub scale: Array2<R>,
    /// The rows after the division, `[n, d]`.
    pub normalized: Array2<R>,
    /// The rows after weight and bias, `[n, d]`.
    pub out: Array2<R>,
}

/// The output of attention. The forward pass reads only `z`; scores and pattern are for observers.
#[derive(Debug, Clone)]
pub struct AttentionOutput<R> {
    /// q · kᵀ · scale, −∞ where a position is not visible, `[n_head, n_tokens, n_kv]`.
    pub scores: Array3<R>,
    /// softmax(scores), 0 where a position is not visible, `[n_head, n_tokens, n_kv]`.
    pub pattern: Array3<R>,
    /// pattern · v, `[n_tokens, n_head, head_dim_v]`.
    pub z: Array3<R>,
}

/// The experts of each token.
#[derive(Debug, Clone)]
pub struct Routing<R> {
    /// Expert numbers, best first, `[n_tokens, n_used]`.
    pub experts: Array2<usize>,
    /// Their weights, `[n_tokens, n_used]`.
    pub weights: Array2<R>,
}

/// The operations of a transformer. Shapes are checked when a model is loaded, so none of them can fail.
pub trait Ops<R: Real> {
    /// `y = x · W + b`: each output is a weighted sum of all inputs.
    ///
    /// x `[n, n_in]`, w `[n_in, n_out]`, bias `[n_out]` → `[n, n_out]`.
    fn linear(&self, x: &Array2<R>, w: &Array2<R>, bias: Option<&Array1<R>>) -> Array2<R> {
        let mut y = Array2::from_elem((x.nrows(), w.ncols()), R::ZERO);
        // y += x_i · W_i, for one input after the other. W is read in blocks of 16 rows, so that a block is still in the
        // processor's cache for the next token. The order of each sum does not depend on the size of the blocks.
        for (x_block, w_block) in x.axis_chunks_iter(Axis(1), 16).zip(w.axis_chunks_iter(Axis(0), 16)) {
            for (token, mut y) in x_block.rows().into_iter().zip(y.rows_mut()) {
                for (&x_i, w_i) in token.iter().zip(w_block.rows()) {
                    y.zip_mut_with(&w_i, |y, &w| *y += x_i * w);
                }
            }
        }
        if let Some(bias) = bias {
            y.rows_mut().into_iter().for_each(|mut y| y.zip_mut_with(bias, |y, &b| *y += b));
        }
        y
    }

    /// As [`Ops::linear`], but each row has a matrix of its own: row `i` is multiplied by `w[experts[i]]`.
    ///
    /// x `[n, n_in]`, w n_expert × `[n_in, n_out]` → `[n, n_out]`.
    fn expert_linear(&self, x: &Array2<R>, w: &[Array2<R>], experts: &[usize]) -> Array2<R> {
        let mut y = Array2::from_elem((x.nrows(), w[0].ncols()), R::ZERO);
        for (i, &expert) in experts.iter().enumerate() {
            let row = x.slice(s![i..i + 1, ..]).to_owned();
            y.row_mut(i).assign(&self.linear(&row, &w[expert], None).row(0));
        }
        y
    }

    /// Token ids → vectors: column `t` of the embedding matrix (row `t` of GGUF's, which is the transpose), times `scale` if the
    /// model has one.
    ///
    /// table `[n_embd, n_vocab]` → `[n, n_embd]`.
    fn embed(&self, tokens: &[u32], table: &Array2<R>, scale: Option<R>) -> Array2<R> {
        Array2::from_shape_fn((tokens.len(), table.nrows()), |(i, c)| {
            let x = table[[c, tokens[i] as usize]];
            scale.map_or(x, |scale| x * scale)
        })
    }

    /// `x += y`, the residual connection. Both `[n, d]`.
    fn add(&self, x: &mut Array2<R>, y: &Array2<R>) {
        x.zip_mut_with(y, |x, &y| *x += y);
    }

    /// RMSNorm: `x / √(mean(x²) + ε) · weight` (Zhang & Sennrich 2019). x `[n, d]`, weight `[d]`.
    fn rms_norm(&self, x: &Array2<R>, weight: &Array1<R>, eps: R) -> NormOutput<R> {
        let d = R::of(x.ncols() as f32);
        let scale = x.map_axis(Axis(1), |x| {
            let sum_of_squares = sum(x.iter().map(|&x| x * x));
            (sum_of_squares * d.recip() + eps).sqrt()
        });
        scale_and_weight(x, scale, weight, None)
    }

    /// LayerNorm: `(x − mean) / √(variance + ε) · weight + bias` (Ba et al. 2016). x `[n, d]`, weight and bias `[d]`.
    fn layer_norm(&self, x: &Array2<R>, weight: &Array1<R>, bias: Option<&Array1<R>>, eps: R) -> NormOutput<R> {
        let d = R::of(x.ncols() as f32);
        let mut centred = x.clone();
        for mut row in centred.rows_mut() {
            let mean = sum(row.iter().copied()) * d.recip();
            row.mapv_inplace(|x| x - mean);
        }
        let scale = centred.map_axis(Axis(1), |x| {
            let variance = sum(x.iter().map(|&x| x * x)) * d.recip();
            (variance + eps).sqrt()
        });
        scale_and_weight(&centred, scale, weight, bias)
    }

    /// RoPE: pairs of components are rotated by the angle `position · frequency` (Su et al. 2021), so that q · k depends on how
    /// far apart two positions are, and not on where they stand.
    ///
    /// x `[n, n_head, head_dim]`; the first `2 · pairs` components of each head are rotated, the rest stay as they are.
    fn rope(&self, x: &Array3<R>, positions: &[usize], frequencies: &Frequencies) -> Array3<R> {
        let mut rotated = x.clone();
        let magnitude = R::of(frequencies.magnitude);
        let pairs = frequencies.per_pair.len();
        for (mut token, &position) in rotated.outer_iter_mut().zip(positions) {
            for (i, frequency) in frequencies.per_pair.iter().enumerate() {
                let (sin, cos) = R::sin_cos(position as f64 * frequency);
                let (sin, cos) = (sin * magnitude, cos * magnitude);
                let (a, b) = match frequencies.pairing {
                    RopePairing::Adjacent => (2 * i, 2 * i + 1),
                    RopePairing::Halves => (i, i + pairs),
                };
                for mut head in token.outer_iter_mut() {
                    let (x, y) = (head[a], head[b]);
                    head[a] = x * cos - y * sin;
                    head[b] = x * sin + y * cos;
                }
            }
        }
        rotated
    }

    /// Attention: `softmax(q · kᵀ · scale) · v` over the positions that a query may see (Vaswani et al. 2017).
    ///
    /// Query head `h` reads key/value head `h / (n_head / n_head_kv)`: each its own (MHA), one for a group (GQA), or one for
    /// all (MQA).
    ///
    /// q `[n, n_head, head_dim_k]`, k `[n_head_kv, n_kv, head_dim_k]`, v `[n_head_kv, n_kv, head_dim_v]`;
    /// `visible[i]` is the range of positions that query `i` may see: causal, and within the window if there is one.
    fn attention(
        &self,
        q: &Array3<R>,
        k: &Array3<R>,
        v: &Array3<R>,
        visible: &[Range<usize>],
        scale: R,
    ) -> AttentionOutput<R> {
        let (n, n_head, _) = q.dim();
        let (n_head_kv, n_kv, head_dim_v) = v.dim();
        let group = n_head / n_head_kv;
        let mut scores = Array3::from_elem((n_head, n, n_kv), R::NEG_INFINITY);
        let mut pattern = Array3::from_elem((n_head, n, n_kv), R::ZERO);
        let mut z = Array3::from_elem((n, n_head, head_dim_v), R::ZERO);

        for h in 0..n_head {
            let (k, v) = (k.index_axis(Axis(0), h / group), v.index_axis(Axis(0), h / group));
            for i in 0..n {
                let query = q.slice(s![i, h, ..]);
                let mut z = z.slice_mut(s![i, h, ..]);
                for j in visible[i].clone() {
                    scores[[h, i, j]] = dot(query, k.row(j)) * scale;
                }
                let seen = s![h, i, visible[i].clone()];
                pattern.slice_mut(seen).assign(&self.softmax(&scores.slice(seen).to_owned()));
                for j in visible[i].clone() {
                    let p = pattern[[h, i, j]];
                    z.zip_mut_with(&v.row(j), |z, &v| *z += p * v);
                }
            }
        }
        AttentionOutput { scores, pattern, z }
    }

    /// `e^(x − max) / Σ e^(x − max)`: positive numbers that sum to 1. Subtracting the maximum changes nothing but
    /// keeps e^x finite.
    fn softmax(&self, x: &Array1<R>) -> Array1<R> {
        let max = x.iter().fold(R::NEG_INFINITY, |max, &x| if x > max { x } else { max });
        let exp = x.mapv(|x| (x - max).exp());
        let one_over_sum = sum(exp.iter().copied()).recip();
        exp.mapv(|e| e * one_over_sum)
    }

    /// The activation function of the feed-forward network: `act(gate) · up` (SwiGLU, GeGLU: Shazeer 2020), or `act(up)`
    /// where there is no gate. All `[n, n_ff]`.
    fn activate(&self, f: ActFn, gate: Option<&Array2<R>>, up: &Array2<R>) -> Array2<R> {
        let act = match f {
            ActFn::Silu => silu,
            ActFn::Gelu => gelu,
        };
        match gate {
            Some(gate) => ndarray::Zip::from(gate).and(up).map_collect(|&gate, &up| act(gate) * up),
            None => up.mapv(act),
        }
    }

    /// The router of a mixture of experts: softmax over all experts, then the `n_used` largest, whose weights are divided by
    /// their sum if `config.renormalize` is set (Jiang et al. 2024).
    ///
    /// scores `[n, n_expert]`.
    fn route(&self, scores: &Array2<R>, config: &Experts) -> Routing<R> {
        let n_used = config.n_used;
        let mut experts = Array2::from_elem((scores.nrows(), n_used), 0);
        let mut weights = Array2::from_elem((scores.nrows(), n_used), R::ZERO);
        for (i, scores) in scores.rows().into_iter().enumerate() {
            let p = self.softmax(&scores.to_owned());
            let mut best: Vec<usize> = (0..p.len()).collect();
            best.sort_by(|&a, &b| p[b].partial_cmp(&p[a]).unwrap_or(std::cmp::Ordering::Equal)); // stable: ties by index
            experts.row_mut(i).assign(&ArrayView1::from(&best[..n_used]));
            let chosen = best[..n_used].iter().map(|&e| p[e]).collect::<Array1<R>>();
            let one_over_total = if config.renormalize {
                let total = sum(chosen.iter().copied());
                let least = R::of(config.min_weight_sum);
                Some((if total < least { least } else { total }).recip())
            } else {
                None
            };
            weights.row_mut(i).assign(&chosen.mapv(|w| one_over_total.map_or(w, |n| w * n)));
        }
        Routing { experts, weights }
    }

    /// The chosen experts' results, weighted and added: y `[n · n_used, d]`, weights `[n, n_used]` → `[n, d]`.
    fn combine(&self, y: &Array2<R>, weights: &Array2<R>) -> Array2<R> {
        let mut out = Array2::from_elem((weights.nrows(), y.ncols()), R::ZERO);
        for (y, (i, &weight)) in y.rows().into_iter().zip(weights.indexed_iter()) {
            out.row_mut(i.0).zip_mut_with(&y, |out, &y| *out += weight * y);
        }
        out
    }

    /// `cap · tanh(x / cap)`: no logit is larger than `cap`, and small ones hardly change.
    fn softcap(&self, x: &Array2<R>, cap: R) -> Array2<R> {
        x.mapv(|x| cap * (x * cap.recip()).tanh())
    }
}

/// Sum from left to right.
fn sum<R: Real>(xs: impl Iterator<Item = R>) -> R {
    xs.fold(R::ZERO, |sum, x| sum + x)
}

/// a · b.
fn dot<R: Real>(a: ArrayView1<'_, R>, b: ArrayView1<'_, R>) -> R {
    sum(a.iter().zip(b).map(|(&a, &b)| a * b))
}

/// The last step of both norms: `x / scale · weight + bias`.
fn scale_and_weight<R: Real>(
    x: &Array2<R>,
    scale: Array1<R>,
    weight: &Array1<R>,
    bias: Option<&Array1<R>>,
) -> NormOutput<R> {
    let mut normalized = x.clone();
    for (mut row, scale) in normalized.rows_mut().into_iter().zip(&scale) {
        let one_over_scale = scale.recip();
        row.mapv_inplace(|x| x * one_over_scale);
    }
    let mut out = normalized.clone();
    for mut row in out.rows_mut() {
        row.zip_mut_with(weight, |x, &w| *x = *x * w);
        if let Some(bias) = bias {
            row.zip_mut_with(bias, |x, &b| *x += b);
        }
    }
    NormOutput { scale: scale.insert_axis(Axis(1)), normalized, out }
}

/// x · sigmoid(x).
fn silu<R: Real>(x: R) -> R {
    x * (R::ONE + (-x).exp()).recip()
}

/// GELU in its tanh form: `½ x (1 + tanh(√(2/π) · x · (1 + 0.044715 x²)))` (Hendrycks & Gimpel 2016).
fn gelu<R: Real>(x: R) -> R {
    let inner = R::of(0.797_884_6) * x * (R::ONE + R::of(0.044_715) * x * x);
    R::of(0.5) * x * (R::ONE + inner.tanh())
}
