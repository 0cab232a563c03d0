//! The weights as the optimized path keeps them: tiles of sixteen rows (see [`crate::kernels::packed`]), one after the
//! other in an [`Arena`], in the order in which a forward pass reads them.
//!
//! Look first at [`Weights::new`]. Packing loses nothing: the same codes and scales lie in another order, so the file's
//! own pages are no longer needed, except for the rows of the embedding that tokens look up.

use super::arena::Arena;
use super::pool::{Pool, SharedSlice, ThreadsError};
use super::rope::RopeFreqs;
use crate::kernels::{pack, packed};
use crate::model::{self, Model};
use crate::quant::GgmlType;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes that a worker packs before it lets go of the file's pages that it has read: so the weights are never twice in memory.
const AT_ONCE: usize = 1 << 20;

/// Why a model could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The system has no room for the packed weights.
    #[error("no memory for {bytes} bytes of packed weights")]
    Memory {
        /// What is needed.
        bytes: usize,
        /// What the system says.
        source: std::io::Error,
    },
    /// There are not so many threads.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// A format without tiles; a loaded [`Model`] holds no such tensor.
    #[error("tensor {name}: rows of {n_in} weights in {ty} cannot be packed")]
    Format {
        /// The tensor.
        name: String,
        /// Its format.
        ty: GgmlType,
        /// Weights in a row.
        n_in: usize,
    },
}

/// A packed weight matrix.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub(super) ty: GgmlType,
    pub(super) n_in: usize,
    pub(super) n_out: usize,
    /// Bytes of sixteen rows.
    pub(super) group_bytes: usize,
    /// Where its tiles lie in the arena.
    pub(super) tiles: Range<usize>,
}

/// `y = weight · x + bias`.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) weight: Matrix,
    pub(super) bias: Option<Vec<f32>>,
}

/// The learned part of a norm; an absent bias is zeros.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    /// Whether the model has a bias.
    pub(super) biased: bool,
}

/// One block, in the order of use.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attn_norm: Norm,
    pub(super) attn_q: Linear,
    pub(super) attn_k: Linear,
    pub(super) attn_v: Linear,
    pub(super) attn_q_norm: Option<Vec<f32>>,
    pub(super) attn_k_norm: Option<Vec<f32>>,
    /// Number of its kind of RoPE in [`Weights::ropes`].
    pub(super) rope: Option<usize>,
    pub(super) attn_output: Linear,
    pub(super) post_attn_norm: Option<Norm>,
    pub(super) ffn_norm: Norm,
    pub(super) ffn: FeedForward,
    pub(super) post_ffn_norm: Option<Norm>,
}

/// A feed-forward network, or several with a router.
#[derive(Debug)]
pub(super) enum FeedForward {
    Dense { gate: Option<Linear>, up: Linear, down: Linear },
    Experts { router: Linear, gate: Vec<Linear>, up: Vec<Linear>, down: Vec<Linear> },
}

/// Everything a forward pass reads.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) arena: Arena,
    /// The file's own rows: a token looks up one of them.
    pub(super) token_embd: model::Matrix,
    pub(super) position_embd: Option<model::Matrix>,
    /// The kinds of RoPE, each once.
    pub(super) ropes: Vec<RopeFreqs>,
    pub(super) layers: Vec<Layer>,
    pub(super) output_norm: Norm,
    /// The unembedding, which is the embedding where the two are tied.
    pub(super) output: Linear,
}

impl Weights {
    /// Packs all matrices of a model; the pool's workers pack the rows that they will later multiply.
    ///
    /// # Errors
    /// If there is no memory, or if a format has no tiles.
    pub(super) fn new(model: &Model, pool: &mut Pool) -> Result<Self, PackError> {
        let w = &model.weights;
        let mut bytes = 0;
        for matrix in matrices(w) {
            bytes += Arena::room_for(matrix_bytes(matrix)?);
        }
        let arena = Arena::new(bytes).map_err(|source| PackError::Memory { bytes, source })?;
        let mut packer = Packer { arena, pool, ropes: Vec::new() };
        let layers = w.layers.iter().zip(&model.config.layers);
        let layers = layers.map(|(layer, config)| packer.layer(layer, config)).collect::<Result<_, _>>()?;
        let output = packer.matrix(w.output_matrix())?;
        Ok(Self {
            token_embd: w.token_embd.clone(),
            position_embd: w.position_embd.clone(),
            ropes: packer.ropes,
            layers,
            output_norm: norm(&w.output_norm),
            output: Linear { weight: output, bias: w.output_bias.as_ref().map(|bias| bias.to_vec()) },
            arena: packer.arena,
        })
    }

    /// The tiles of a matrix.
    pub(super) fn tiles(&self, matrix: &Matrix) -> &[u8] {
        self.arena.bytes(&matrix.tiles)
    }
}

/// All matrices that are packed, in the order of use.
fn matrices(w: &model::Weights) -> impl Iterator<Item = &model::Matrix> {
    let layers = w.layers.iter().flat_map(|layer| {
        let attention = [&layer.attn_q, &layer.attn_k, &layer.attn_v, &layer.attn_output];
        let attention = attention.into_iter().map(|linear| &linear.weight);
        let ffn: Vec<&model::Matrix> = match &layer.ffn {
            model::FeedForward::Dense { gate, up, down } => {
                gate.iter().chain([up, down]).map(|linear| &linear.weight).collect()
            }
            model::FeedForward::Experts { router, gate, up, down } => {
                std::iter::once(router).chain(gate).chain(up).chain(down).collect()
            }
        };
        attention.chain(ffn)
    });
    layers.chain([w.output_matrix()])
}

fn matrix_bytes(matrix: &model::Matrix) -> Result<usize, PackError> {
    packed::packed_bytes(matrix.ty(), matrix.n_in(), matrix.n_out()).ok_or_else(|| unpackable(matrix))
}

fn unpackable(matrix: &model::Matrix) -> PackError {
    PackError::Format { name: matrix.name().to_owned(), ty: matrix.ty(), n_in: matrix.n_in() }
}

fn norm(norm: &model::NormWeights) -> Norm {
    let weight = norm.weight.to_vec();
    let bias = norm.bias.as_ref().map_or_else(|| vec![0.0; weight.len()], |bias| bias.to_vec());
    Norm { weight, bias, biased: norm.bias.is_some() }
}

struct Packer<'a> {
    arena: Arena,
    pool: &'a mut Pool,
    ropes: Vec<RopeFreqs>,
}

impl Packer<'_> {
    fn layer(&mut self, layer: &model::LayerWeights, config: &model::LayerConfig) -> Result<Layer, PackError> {
        Ok(Layer {
            attn_norm: norm(&layer.attn_norm),
            attn_q: self.linear(&layer.attn_q)?,
            attn_k: self.linear(&layer.attn_k)?,
            attn_v: self.linear(&layer.attn_v)?,
            attn_q_norm: layer.attn_q_norm.as_ref().map(|weight| weight.to_vec()),
            attn_k_norm: layer.attn_k_norm.as_ref().map(|weight| weight.to_vec()),
            rope: config.rope.as_ref().map(|rope| self.rope(rope)),
            attn_output: self.linear(&layer.attn_output)?,
            post_attn_norm: layer.post_attn_norm.as_ref().map(norm),
            ffn_norm: norm(&layer.ffn_norm),
            ffn: self.feed_forward(&layer.ffn)?,
            post_ffn_norm: layer.post_ffn_norm.as_ref().map(norm),
        })
    }

    fn feed_forward(&mut self, ffn: &model::FeedForward) -> Result<FeedForward, PackError> {
        Ok(match ffn {
            model::FeedForward::Dense { gate, up, down } => FeedForward::Dense {
                gate: gate.as_ref().map(|gate| self.linear(gate)).transpose()?,
                up: self.linear(up)?,
                down: self.linear(down)?,
            },
            model::FeedForward::Experts { router, gate, up, down } => FeedForward::Experts {
                router: Linear { weight: self.matrix(router)?, bias: None },
                gate: self.experts(gate)?,
                up: self.experts(up)?,
                down: self.experts(down)?,
            },
        })
    }

    fn experts(&mut self, matrices: &[model::Matrix]) -> Result<Vec<Linear>, PackError> {
        matrices.iter().map(|matrix| Ok(Linear { weight: self.matrix(matrix)?, bias: None })).collect()
    }

    fn linear(&mut self, linear: &model::Linear) -> Result<Linear, PackError> {
        let bias = linear.bias.as_ref().map(|bias| bias.to_vec());
        Ok(Linear { weight: self.matrix(&linear.weight)?, bias })
    }

    fn rope(&mut self, rope: &model::Rope) -> usize {
        let freqs = RopeFreqs::new(rope);
        self.ropes.iter().position(|known| *known == freqs).unwrap_or_else(|| {
            self.ropes.push(freqs);
            self.ropes.len() - 1
        })
    }

    fn matrix(&mut self, matrix: &model::Matrix) -> Result<Matrix, PackError> {
        let (ty, n_in, n_out) = (matrix.ty(), matrix.n_in(), matrix.n_out());
        let group_bytes = packed::group_bytes(ty, n_in).ok_or_else(|| unpackable(matrix))?;
        let (tiles, bytes) = self.arena.take(matrix_bytes(matrix)?);
        let shared = SharedSlice::new(bytes);
        let packed = AtomicBool::new(true);
        let groups_at_once = (AT_ONCE / group_bytes.max(1)).max(1);
        self.pool.run(|worker| {
            let share = worker.slice(n_out.div_ceil(packed::ROWS), 1);
            for first in share.clone().step_by(groups_at_once) {
                let groups = first..(first + groups_at_once).min(share.end);
                let rows = matrix.rows(groups.start * packed::ROWS..(groups.end * packed::ROWS).min(n_out));
                let to = shared.claim(groups.start * group_bytes..groups.end * group_bytes);
                if pack::pack(ty, n_in, rows.n_out(), rows.bytes(), to).is_none() {
                    packed.store(false, Ordering::Relaxed);
                }
                rows.release();
            }
        });
        if !packed.into_inner() {
            return Err(unpackable(matrix));
        }
        Ok(Matrix { ty, n_in, n_out, group_bytes, tiles })
    }
}
