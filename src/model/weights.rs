//! [`Weights`]: every tensor of a model, by its role, already checked.
//!
//! Look first at [`LayerWeights`]: its fields, in order, are what a block does. A [`Matrix`] is a window onto the
//! file's bytes, still in the file's format; a [`Vector`] (norms, biases) is small and already f32. Optional weights
//! are `Option`s: a forward path asks "is there a bias?", never "which family is this?".
//!
//! What it deliberately does not do: find the tensors (`loader`), decode blocks (`quant`), multiply.
//! Fused tensors do not appear: `attn_qkv` is three matrices, phi3's double `ffn_up` is `gate` and `up`, and the
//! experts' 3-D tensors are one matrix per expert, all of them row ranges of the same bytes.

use crate::gguf::{Gguf, TensorInfo};
use crate::quant::{self, GgmlType};
use std::ops::{Deref, Range};
use std::sync::Arc;

/// All weights of a model. Shapes are written `[rows, columns]` = `[n_out, n_in]`, as a matrix that multiplies a column.
#[derive(Debug, Clone)]
pub struct Weights {
    /// `[n_vocab, n_embd]`: row `t` is the embedding of token `t`.
    pub token_embd: Matrix,
    /// `[n_ctx_train, n_embd]`: row `p` is added at position `p`. Present where positions are learned (gpt2).
    pub position_embd: Option<Matrix>,
    /// The last normalisation, `[n_embd]`.
    pub output_norm: NormWeights,
    /// `[n_vocab, n_embd]`: residual stream → logits. `None`: tied, `token_embd` is used; see [`Weights::output_matrix`].
    pub output: Option<Matrix>,
    /// `[n_vocab]`, added to the logits.
    pub output_bias: Option<Vector>,
    /// One per transformer block.
    pub layers: Vec<LayerWeights>,
}

impl Weights {
    /// The matrix that makes logits, tied or not: `[n_vocab, n_embd]`.
    pub fn output_matrix(&self) -> &Matrix {
        self.output.as_ref().unwrap_or(&self.token_embd)
    }
}

/// The weights of one transformer block, in the order in which they are used.
#[derive(Debug, Clone)]
pub struct LayerWeights {
    /// Normalises what attention reads, `[n_embd]`.
    pub attn_norm: NormWeights,
    /// `[n_head · head_dim_k, n_embd]`.
    pub attn_q: Linear,
    /// `[n_head_kv · head_dim_k, n_embd]`.
    pub attn_k: Linear,
    /// `[n_head_kv · head_dim_v, n_embd]`.
    pub attn_v: Linear,
    /// `[head_dim_k]`: RMS norm of each query head, before RoPE (qwen3, gemma3).
    pub attn_q_norm: Option<Vector>,
    /// `[head_dim_k]`: RMS norm of each key head, before RoPE (qwen3, gemma3).
    pub attn_k_norm: Option<Vector>,
    /// `[n_embd, n_head · head_dim_v]`.
    pub attn_output: Linear,
    /// `[n_embd]`: normalises attention's output before it is added to the residual stream (gemma3).
    pub post_attn_norm: Option<NormWeights>,
    /// Normalises what the feed-forward network reads, `[n_embd]`.
    pub ffn_norm: NormWeights,
    /// The feed-forward network.
    pub ffn: FeedForward,
    /// `[n_embd]`: normalises the feed-forward output before it is added to the residual stream (gemma3).
    pub post_ffn_norm: Option<NormWeights>,
}

/// The feed-forward network of a block. With a gate: `down(act(gate(x)) · up(x))`; without: `down(act(up(x)))`.
#[derive(Debug, Clone)]
pub enum FeedForward {
    /// One network that every token passes.
    Dense {
        /// `[n_ff, n_embd]`, absent in gpt2.
        gate: Option<Linear>,
        /// `[n_ff, n_embd]`.
        up: Linear,
        /// `[n_embd, n_ff]`.
        down: Linear,
    },
    /// Many networks; a router picks a few per token (see [`Experts`](super::config::Experts)). Vectors have one entry
    /// per expert.
    Experts {
        /// `[n_expert, n_embd]`: one logit per expert (`ffn_gate_inp`).
        router: Matrix,
        /// `[n_ff, n_embd]` each.
        gate: Vec<Matrix>,
        /// `[n_ff, n_embd]` each.
        up: Vec<Matrix>,
        /// `[n_embd, n_ff]` each.
        down: Vec<Matrix>,
    },
}

/// `y = weight · x + bias`.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[n_out, n_in]`.
    pub weight: Matrix,
    /// `[n_out]`.
    pub bias: Option<Vector>,
}

/// The learned part of a normalisation: `y = normalised(x) · weight + bias`.
#[derive(Debug, Clone)]
pub struct NormWeights {
    /// `[n]`.
    pub weight: Vector,
    /// `[n]`; present with LayerNorm.
    pub bias: Option<Vector>,
}

/// A weight matrix in the file's own format: `n_out` rows of `n_in` weights each, row after row, without gaps.
///
/// Cloning is cheap (the bytes are shared). Invariants, proven at load: [`Matrix::ty`] is one of
/// [`GgmlType::WEIGHTS`], `n_in` is a whole number of its blocks, and [`Matrix::bytes`] is exactly `n_out` rows.
#[derive(Clone)]
pub struct Matrix {
    name: Arc<str>,
    ty: GgmlType,
    n_in: usize,
    n_out: usize,
    gguf: Arc<Gguf>,
    /// Where the rows lie in the file.
    range: Range<usize>,
}

impl Matrix {
    /// A whole tensor as rows of `info.ne[0]` weights, all outer dimensions taken together. The caller has checked its
    /// type and shape.
    pub(super) fn of_tensor(gguf: &Arc<Gguf>, info: &TensorInfo<'_>) -> Self {
        let (n_in, n_out) = (info.ne[0], info.ne[1..].iter().product());
        Self { name: info.name.into(), ty: info.ty, n_in, n_out, gguf: Arc::clone(gguf), range: gguf.range(info) }
    }

    /// The tensor's name in the file. Parts of one fused tensor share it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The format of the weights.
    pub fn ty(&self) -> GgmlType {
        self.ty
    }

    /// Weights in a row: the length of the input vector.
    pub fn n_in(&self) -> usize {
        self.n_in
    }

    /// Rows: the length of the output vector.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// Bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.n_in / self.ty.block_len() * self.ty.block_bytes()
    }

    /// All rows, `n_out · row_bytes` bytes, as they lie in the file: nothing is copied.
    pub fn bytes(&self) -> &[u8] {
        &self.gguf.bytes()[self.range.clone()]
    }

    /// The bytes of row `i`. Panics if `i >= n_out`, as indexing does.
    pub fn row(&self, i: usize) -> &[u8] {
        &self.bytes()[i * self.row_bytes()..][..self.row_bytes()]
    }

    /// The matrix of some of the rows, sharing the bytes. Panics if they reach beyond `n_out`, as slicing does.
    pub fn rows(&self, rows: Range<usize>) -> Matrix {
        assert!(rows.start <= rows.end && rows.end <= self.n_out, "rows {rows:?} of {}", self.n_out);
        let at = |row| self.range.start + row * self.row_bytes();
        Matrix { n_out: rows.len(), range: at(rows.start)..at(rows.end), ..self.clone() }
    }

    /// Says that these rows will not be read soon ([`Gguf::release`]).
    pub fn release(&self) {
        self.gguf.release(self.range.clone());
    }

    /// The whole matrix as weights, row after row: `n_out · n_in` numbers.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut weights = vec![0.0; self.n_out * self.n_in];
        quant::dequantize(self.ty, self.bytes(), &mut weights).expect("type and lengths were proven at load");
        weights
    }
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matrix({} {} [{}, {}])", self.name, self.ty, self.n_out, self.n_in)
    }
}

/// A small tensor (a norm's weight, a bias), decoded to f32 when the model was loaded. Reads as `&[f32]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector(Vec<f32>);

impl Vector {
    /// The numbers as a vector of that length.
    pub(super) fn new(values: Vec<f32>) -> Self {
        Self(values)
    }
}

impl Deref for Vector {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}
