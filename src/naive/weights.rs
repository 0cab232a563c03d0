//! The weights of the naive path: every block of the file decoded to plain numbers.
//!
//! Look first at [`matrix`]. A decoded model takes 4 bytes a weight, several times its file: that is the price of
//! plain text, and what the optimized path saves.
//!
//! Also here: [`Frequencies`], the rotation per position of each pair of a head, computed once per block.

use super::Real;
use crate::model::{self, Model, Rope, RopePairing};
use crate::quant::{self, QuantError};
use ndarray::{Array1, Array2, s};

/// All weights, in the roles of [`model::Weights`]. Matrices are `[n_in, n_out]`, so that `y = x · W`.
#[derive(Debug)]
pub struct Weights<R> {
    /// `[n_embd, n_vocab]`: column `t` is the vector of token `t`. Also the unembedding where `output` is absent.
    pub token_embd: Array2<R>,
    /// `[n_ctx_train, n_embd]`: row `p` is added at position `p`.
    pub position_embd: Option<Array2<R>>,
    /// The final norm.
    pub output_norm: Norm<R>,
    /// `[n_embd, n_vocab]`; absent when tied to `token_embd`.
    pub output: Option<Array2<R>>,
    /// `[n_vocab]`.
    pub output_bias: Option<Array1<R>>,
    /// One per block.
    pub layers: Vec<Layer<R>>,
}

/// One block's weights, in the order of use.
#[derive(Debug)]
#[allow(missing_docs)] // the same roles as in `model::LayerWeights`, where each is explained
pub struct Layer<R> {
    pub attn_norm: Norm<R>,
    pub attn_q: Linear<R>,
    pub attn_k: Linear<R>,
    pub attn_v: Linear<R>,
    pub attn_q_norm: Option<Array1<R>>,
    pub attn_k_norm: Option<Array1<R>>,
    pub attn_output: Linear<R>,
    pub post_attn_norm: Option<Norm<R>>,
    pub ffn_norm: Norm<R>,
    pub ffn: FeedForward<R>,
    pub post_ffn_norm: Option<Norm<R>>,
    /// The rotation of the block's queries and keys, if it has RoPE.
    pub rope: Option<Frequencies>,
}

/// `y = x · weight + bias`.
#[derive(Debug)]
pub struct Linear<R> {
    /// `[n_in, n_out]`.
    pub weight: Array2<R>,
    /// `[n_out]`.
    pub bias: Option<Array1<R>>,
}

/// What [`super::Ops::linear`] reads: a matrix, and a bias if there is one.
#[derive(Debug, Clone, Copy)]
pub struct LinearRef<'a, R> {
    /// `[n_in, n_out]`.
    pub weight: &'a Array2<R>,
    /// `[n_out]`.
    pub bias: Option<&'a Array1<R>>,
}

impl<'a, R> From<&'a Linear<R>> for LinearRef<'a, R> {
    fn from(linear: &'a Linear<R>) -> Self {
        Self { weight: &linear.weight, bias: linear.bias.as_ref() }
    }
}

impl<'a, R> From<&'a Array2<R>> for LinearRef<'a, R> {
    fn from(weight: &'a Array2<R>) -> Self {
        Self { weight, bias: None }
    }
}

/// The learned part of a norm, `[d]` each.
#[derive(Debug)]
pub struct Norm<R> {
    /// Factor per component.
    pub weight: Array1<R>,
    /// Offset per component.
    pub bias: Option<Array1<R>>,
}

/// A feed-forward network, or several with a router.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum FeedForward<R> {
    Dense { gate: Option<Linear<R>>, up: Linear<R>, down: Linear<R> },
    Experts { router: Array2<R>, gate: Vec<Array2<R>>, up: Vec<Array2<R>>, down: Vec<Array2<R>> },
}

impl<R: Real> Weights<R> {
    /// Decodes every tensor of a model.
    ///
    /// # Errors
    /// If there is no memory for the decoded weights, or if a tensor's format has no decoder; a loaded [`Model`] holds no
    /// such tensor.
    pub fn new(model: &Model) -> Result<Self, QuantError> {
        let w = &model.weights;
        Ok(Self {
            token_embd: matrix(&w.token_embd)?,
            position_embd: w.position_embd.as_ref().map(|m| Ok(matrix(m)?.reversed_axes())).transpose()?,
            output_norm: norm(&w.output_norm),
            output: w.output.as_ref().map(matrix).transpose()?,
            output_bias: w.output_bias.as_ref().map(vector),
            layers: w
                .layers
                .iter()
                .zip(&model.config.layers)
                .map(|(layer, config)| {
                    Ok(Layer {
                        attn_norm: norm(&layer.attn_norm),
                        attn_q: linear(&layer.attn_q)?,
                        attn_k: linear(&layer.attn_k)?,
                        attn_v: linear(&layer.attn_v)?,
                        attn_q_norm: layer.attn_q_norm.as_ref().map(vector),
                        attn_k_norm: layer.attn_k_norm.as_ref().map(vector),
                        attn_output: linear(&layer.attn_output)?,
                        post_attn_norm: layer.post_attn_norm.as_ref().map(norm),
                        ffn_norm: norm(&layer.ffn_norm),
                        ffn: feed_forward(&layer.ffn)?,
                        post_ffn_norm: layer.post_ffn_norm.as_ref().map(norm),
                        rope: config.rope.as_ref().map(Frequencies::new),
                    })
                })
                .collect::<Result<_, QuantError>>()?,
        })
    }
}

fn feed_forward<R: Real>(ffn: &model::FeedForward) -> Result<FeedForward<R>, QuantError> {
    let all = |matrices: &[model::Matrix]| matrices.iter().map(matrix).collect::<Result<Vec<_>, _>>();
    Ok(match ffn {
        model::FeedForward::Dense { gate, up, down } => {
            FeedForward::Dense { gate: gate.as_ref().map(linear).transpose()?, up: linear(up)?, down: linear(down)? }
        }
        model::FeedForward::Experts { router, gate, up, down } => {
            FeedForward::Experts { router: matrix(router)?, gate: all(gate)?, up: all(up)?, down: all(down)? }
        }
    })
}

fn linear<R: Real>(linear: &model::Linear) -> Result<Linear<R>, QuantError> {
    Ok(Linear { weight: matrix(&linear.weight)?, bias: linear.bias.as_ref().map(vector) })
}

fn norm<R: Real>(norm: &model::NormWeights) -> Norm<R> {
    Norm { weight: vector(&norm.weight), bias: norm.bias.as_ref().map(vector) }
}

fn vector<R: Real>(vector: &model::Vector) -> Array1<R> {
    vector.iter().map(|&x| R::of(x)).collect()
}

/// A weight matrix, decoded and transposed: the file has `n_out` rows of `n_in`, the result is `[n_in, n_out]`.
///
/// # Errors
/// If there is no memory for it, or if its format has no decoder.
pub fn matrix<R: Real>(m: &model::Matrix) -> Result<Array2<R>, QuantError> {
    let (n_in, n_out) = (m.n_in(), m.n_out());
    let numbers = zeros(n_in * n_out, R::ZERO)?;
    let mut transposed = Array2::from_shape_vec((n_in, n_out), numbers).expect("as many numbers as the shape has");
    // Transposing a handful of rows at a time writes whole cache lines; a row at a time would touch one number in each.
    const ROWS: usize = 32;
    let mut rows = zeros(ROWS.min(n_out) * n_in, 0.0)?; // [ROWS, n_in]
    for first in (0..n_out).step_by(ROWS) {
        let n = ROWS.min(n_out - first);
        let bytes = &m.bytes()[first * m.row_bytes()..(first + n) * m.row_bytes()];
        quant::dequantize(m.ty(), bytes, &mut rows[..n * n_in])?;
        let mut columns = transposed.slice_mut(s![.., first..first + n]);
        for (i, mut column) in columns.rows_mut().into_iter().enumerate() {
            column.iter_mut().enumerate().for_each(|(o, w)| *w = R::of(rows[o * n_in + i]));
        }
    }
    Ok(transposed)
}

/// `n` zeros, if there is memory for them.
fn zeros<T: Clone>(n: usize, zero: T) -> Result<Vec<T>, QuantError> {
    let mut zeros = Vec::new();
    let no_memory = QuantError::NoMemory { weights: n, bytes: n.saturating_mul(size_of::<T>()) };
    zeros.try_reserve_exact(n).map_err(|_| no_memory)?;
    zeros.resize(n, zero);
    Ok(zeros)
}

/// The rotation per position of each pair of components: the angle of pair `i` at position `p` is `p · per_pair[i]` radians.
#[derive(Debug, Clone, PartialEq)]
pub struct Frequencies {
    /// Radians per position, one for each pair, fastest first.
    pub per_pair: Vec<f64>,
    /// Factor on sine and cosine (1 but for YaRN and longrope).
    pub magnitude: f32,
    /// Which components form a pair.
    pub pairing: RopePairing,
}

impl Frequencies {
    /// θᵢ = base^(−2i/n_rot), changed by what stretches the context.
    ///
    /// YaRN (Peng et al. 2023) keeps the frequency of pairs that turn often, multiplies the frequency of pairs that turn less
    /// than once within the original context by `freq_scale`, and interpolates in between.
    pub fn new(rope: &Rope) -> Self {
        let pairs = rope.n_rot / 2;
        let (base, n_rot) = (f64::from(rope.base), rope.n_rot as f64);
        let freq_scale = f64::from(rope.freq_scale);

        // The pair that turns `turns` times within the original context.
        let pair_turning = |turns: f32| {
            let wavelength = rope.n_ctx_orig as f64 / f64::from(turns);
            n_rot * (wavelength / (2.0 * std::f64::consts::PI)).ln() / (2.0 * base.ln())
        };
        let low = pair_turning(rope.beta_fast).floor().max(0.0);
        let high = pair_turning(rope.beta_slow).ceil().min(n_rot - 1.0);

        let per_pair = (0..pairs).map(|i| {
            let factor = rope.freq_factors.as_ref().map_or(1.0, |factors| f64::from(factors[i]));
            let theta = base.powf(-2.0 * i as f64 / n_rot) / factor;
            let past_low = ((i as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
            let keep = (1.0 - past_low) * f64::from(rope.ext_factor); // share of the unstretched frequency
            theta * freq_scale * (1.0 - keep) + theta * keep
        });
        let stretch = if rope.ext_factor != 0.0 { 1.0 + 0.1 * (1.0 / freq_scale).ln() } else { 1.0 };
        Self {
            per_pair: per_pair.collect(),
            magnitude: (f64::from(rope.attn_factor) * stretch) as f32,
            pairing: rope.pairing,
        }
    }
}
