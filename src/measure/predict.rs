//! What a forward pass costs, predicted from the model alone: every operation of the list ([`trace_points`]) with the formula
//! of its shapes. Nothing runs. That the prediction is what both paths report is tested for every family
//! (`tests/forward/predict.rs`), and what they report is what a counting number type counts.
//!
//! Look first at [`pass`], then at [`decode_curve`], which the charts of FLOP, bytes and cache over the context are made of.
//!
//! What it deliberately does not do: predict seconds.

use super::inspect::{Decode, kv_read_bytes};
use super::record::schema::CostRecord;
use crate::kernels::packed::TileLayout;
use crate::kv_cache::{KvFormat, KvFormats, KvLayout, KvSide};
use crate::model::{ActFn, FeedForward, LayerConfig, LayerWeights, Matrix, Model, Norm, NormWeights, trace_points};
use crate::observe::{Cost, Group, Op, OpAt, cost};

/// The tokens of a pass: `rows` of one sequence after `before` others; the last `n_logits` of them want logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Positions that are in the cache already.
    pub before: usize,
    /// Tokens of the pass.
    pub rows: usize,
    /// Tokens that want logits.
    pub n_logits: usize,
}

/// In which form weights are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// As in the file.
    File,
    /// Decoded to f32, as the naive path keeps them.
    F32,
}

/// Every operation of a pass with its cost, in order. Keys and values are stored as `kv` says.
///
/// Of a mixture of experts so many experts are counted as one token uses, however many tokens there are: how many different
/// ones a batch uses depends on its tokens.
pub fn pass(model: &Model, kv: impl Into<KvFormats>, storage: Storage, pass: Pass) -> Vec<(OpAt, Cost)> {
    let kv = kv.into();
    let shapes = Shapes { model, layout: KvLayout::new(&model.config, kv.k, kv.v, 1), storage, pass };
    let ops = trace_points(&model.config, &model.weights).into_iter().filter_map(|point| point.op());
    ops.map(|at| (at, at.layer.map_or_else(|| shapes.outside(at.op), |layer| shapes.in_block(at.op, layer)))).collect()
}

/// A pass of a model.
struct Shapes<'a> {
    model: &'a Model,
    layout: KvLayout,
    storage: Storage,
    pass: Pass,
}

impl Shapes<'_> {
    /// Bytes of a matrix as it is read.
    fn bytes(&self, w: &Matrix) -> usize {
        match self.storage {
            Storage::File => w.bytes().len(),
            Storage::F32 => 4 * w.n_in() * w.n_out(),
        }
    }

    fn linear(&self, n: usize, w: &Matrix, bias: bool) -> Cost {
        let dequant = if self.multiplies_blocks(w) { cost::blocks(n, w.n_in(), w.n_out(), minima(w)) } else { 0 };
        Cost { dequant, ..cost::linear(n, w.n_in(), w.n_out(), bias, self.bytes(w)) }
    }

    /// Whether a matrix is multiplied in its block format, and so reads rounded activations.
    fn multiplies_blocks(&self, w: &Matrix) -> bool {
        self.storage == Storage::File && !w.ty().is_float()
    }

    /// The cost of an operation that makes `n` numbers, which are rounded if one of these matrices reads them so.
    fn read_by<'m>(&self, cost: Cost, n: usize, matrices: impl IntoIterator<Item = &'m Matrix>) -> Cost {
        let rounds = matrices.into_iter().any(|w| self.multiplies_blocks(w));
        Cost { dequant: cost.dequant + if rounds { cost::round(n) } else { 0 }, ..cost }
    }

    /// Decoding so many positions of a cache in block formats.
    fn unpack_kv(&self, config: &LayerConfig, positions: usize) -> u64 {
        let widths = [(KvSide::K, config.n_embd_k()), (KvSide::V, config.n_embd_v())];
        let in_blocks = widths.into_iter().filter(|(side, _)| !self.layout.format(*side).ggml_type().is_float());
        in_blocks.map(|(_, width)| cost::unpack(positions * width)).sum()
    }

    fn norm(&self, n: usize, w: &NormWeights) -> Cost {
        match self.model.config.norm {
            Norm::Rms { .. } => cost::rms_norm(n, w.weight.len()),
            Norm::Layer { .. } => cost::layer_norm(n, w.weight.len(), w.bias.is_some()),
        }
    }

    /// An operation before or behind the blocks.
    fn outside(&self, op: Op) -> Cost {
        let (config, weights) = (&self.model.config, &self.model.weights);
        let Pass { rows, n_logits, .. } = self.pass;
        let row_bytes = |table: &Matrix| self.bytes(table) / table.n_out().max(1);
        match op {
            Op::TokenEmbd => {
                let table = &weights.token_embd;
                cost::embed(rows, config.n_embd, config.embedding_scale.is_some(), row_bytes(table))
            }
            Op::PositionEmbd => cost::add(rows * config.n_embd),
            Op::OutputNorm => {
                let norm = self.norm(n_logits, &weights.output_norm);
                self.read_by(norm, n_logits * config.n_embd, [weights.output_matrix()])
            }
            Op::Output => self.linear(n_logits, weights.output_matrix(), weights.output_bias.is_some()),
            _ => cost::softcap(n_logits * config.n_vocab),
        }
    }

    /// An operation of block `layer`.
    fn in_block(&self, op: Op, layer: usize) -> Cost {
        let (w, config) = (&self.model.weights.layers[layer], &self.model.config.layers[layer]);
        let (n, n_embd) = (self.pass.rows, self.model.config.n_embd);
        let optional = |norm: &Option<NormWeights>| norm.as_ref().map_or(Cost::default(), |norm| self.norm(n, norm));
        match op {
            Op::AttnNorm => {
                let readers = [&w.attn_q.weight, &w.attn_k.weight, &w.attn_v.weight];
                self.read_by(self.norm(n, &w.attn_norm), n * n_embd, readers)
            }
            Op::AttnQ => self.linear(n, &w.attn_q.weight, w.attn_q.bias.is_some()),
            Op::AttnK => self.linear(n, &w.attn_k.weight, w.attn_k.bias.is_some()),
            Op::AttnV => self.linear(n, &w.attn_v.weight, w.attn_v.bias.is_some()),
            Op::AttnQNorm => cost::rms_norm(n * config.n_head, config.head_dim_k),
            Op::AttnKNorm => cost::rms_norm(n * config.n_head_kv, config.head_dim_k),
            Op::RopeQ => rope(n, config.n_head, config),
            Op::RopeK => rope(n, config.n_head_kv, config),
            Op::KvWrite => {
                let bytes = n * self.layout.layer_position_bytes(layer);
                cost::kv_write(n, config.n_embd_k(), config.n_embd_v(), bytes)
            }
            Op::KvRead => self.kv_read(layer, config),
            Op::Attention => {
                let visible = (self.pass.before..self.pass.before + n).map(|p| seen(config, p + 1)).sum();
                let mut cost = cost::attention(n, config.n_head, config.head_dim_k, config.head_dim_v, visible);
                if self.storage == Storage::File {
                    cost.dequant = self.unpack_kv(config, self.seen_by_any(config));
                }
                self.read_by(cost, n * config.n_head * config.head_dim_v, [&w.attn_output.weight])
            }
            Op::AttnOutput => self.linear(n, &w.attn_output.weight, w.attn_output.bias.is_some()),
            Op::PostAttentionNorm => optional(&w.post_attn_norm),
            Op::AttnResidual | Op::FfnResidual => cost::add(n * n_embd),
            Op::FfnNorm => self.read_by(self.norm(n, &w.ffn_norm), n * n_embd, readers(&w.ffn)),
            Op::PostFfwNorm => optional(&w.post_ffn_norm),
            _ => self.feed_forward(op, w, config),
        }
    }

    /// Reading the cache: the naive path decodes all positions, the optimized one reads what its queries see.
    fn kv_read(&self, layer: usize, config: &LayerConfig) -> Cost {
        let end = self.pass.before + self.pass.rows;
        let position_bytes = self.layout.layer_position_bytes(layer);
        match self.storage {
            Storage::F32 => Cost {
                dequant: self.unpack_kv(config, end),
                ..cost::kv_read(end * (config.n_embd_k() + config.n_embd_v()), end * position_bytes)
            },
            Storage::File => cost::kv_read(0, self.seen_by_any(config) * position_bytes),
        }
    }

    /// Positions that at least one token of the pass sees.
    fn seen_by_any(&self, config: &LayerConfig) -> usize {
        let first = (self.pass.before + 1).saturating_sub(config.window.unwrap_or(usize::MAX));
        self.pass.before + self.pass.rows - first
    }

    /// An operation of the feed-forward network.
    fn feed_forward(&self, op: Op, w: &LayerWeights, config: &LayerConfig) -> Cost {
        let n = self.pass.rows;
        match &w.ffn {
            FeedForward::Dense { gate, up, down } => match op {
                Op::FfnGate => gate.as_ref().map_or(Cost::default(), |w| self.linear(n, &w.weight, w.bias.is_some())),
                Op::FfnUp => self.linear(n, &up.weight, up.bias.is_some()),
                Op::FfnDown => self.linear(n, &down.weight, down.bias.is_some()),
                _ => {
                    let cost = activation(self.model.config.act_fn, gate.is_some(), n * config.n_ff);
                    self.read_by(cost, n * config.n_ff, [&down.weight])
                }
            },
            FeedForward::Experts { router, gate, up, down } => {
                let Some(experts) = config.experts else { return Cost::default() };
                let (rows, n_embd) = (n * experts.n_used, self.model.config.n_embd);
                let of_experts = |w: &Matrix| {
                    let unpack =
                        if self.multiplies_blocks(w) { cost::blocks(0, w.n_in(), w.n_out(), false) } else { 0 };
                    let cost = self.linear(rows, w, false);
                    let (weight_bytes, others) = (experts.n_used as u64 * cost.weight_bytes, experts.n_used as u64 - 1);
                    Cost { weight_bytes, dequant: cost.dequant + others * unpack, ..cost }
                };
                match op {
                    Op::FfnGateInp => self.linear(n, router, false),
                    Op::FfnRoute => cost::route(n, experts.n, experts.n_used, experts.renormalize),
                    Op::FfnGate => of_experts(&gate[0]),
                    Op::FfnUp => of_experts(&up[0]),
                    Op::FfnDown => of_experts(&down[0]),
                    Op::FfnCombine => cost::combine(n, experts.n_used, n_embd),
                    _ => {
                        let cost = activation(self.model.config.act_fn, true, rows * config.n_ff);
                        self.read_by(cost, rows * config.n_ff, down)
                    }
                }
            }
        }
    }
}

/// Whether the format of a matrix has minima.
fn minima(w: &Matrix) -> bool {
    TileLayout::of(w.ty()).is_some_and(|layout| layout.scales.min())
}

/// The matrices that read what the norm before the feed-forward network makes.
fn readers(ffn: &FeedForward) -> Vec<&Matrix> {
    match ffn {
        FeedForward::Dense { gate, up, .. } => gate.iter().chain([up]).map(|linear| &linear.weight).collect(),
        FeedForward::Experts { router, gate, up, .. } => gate.iter().chain(up).chain([router]).collect(),
    }
}

fn rope(n: usize, n_head: usize, config: &LayerConfig) -> Cost {
    let n_rot = config.rope.as_ref().map_or(0, |rope| rope.n_rot);
    cost::rope(n, n_head, config.head_dim_k, n_rot)
}

/// Positions that a token sees that is the last of `n`.
fn seen(config: &LayerConfig, n: usize) -> usize {
    config.window.unwrap_or(n).min(n)
}

fn activation(act: ActFn, gated: bool, n: usize) -> Cost {
    match (act, gated) {
        (ActFn::Silu, true) => cost::swiglu(n),
        (ActFn::Silu, false) => cost::silu(n),
        (ActFn::Gelu, true) => cost::geglu(n),
        (ActFn::Gelu, false) => cost::gelu(n),
    }
}

/// The cost of one token after `context` others, with a cache and without one, for each of these contexts: the curves over the
/// context length.
pub fn decode_curve(model: &Model, kv: impl Into<KvFormats>, contexts: &[usize]) -> Vec<CostRecord> {
    let kv = kv.into();
    let point = |&context: &usize| {
        let with_cache = Pass { before: context, rows: 1, n_logits: 1 };
        let again = Pass { before: 0, rows: context + 1, n_logits: 1 };
        [("decode", with_cache), ("recompute", again)].map(|(what, pass)| record(model, kv, what, context, pass))
    };
    contexts.iter().flat_map(point).collect()
}

fn record(model: &Model, kv: KvFormats, what: &'static str, context: usize, of: Pass) -> CostRecord {
    let ops = pass(model, kv, Storage::File, of);
    let flops = |wanted: &dyn Fn(Op) -> bool| ops.iter().filter(|(at, _)| wanted(at.op)).map(|(_, c)| c.flops).sum();
    let unembeds = |op: Op| op.group() == Group::Unembedding;
    let all: Cost = ops.iter().map(|(_, cost)| *cost).sum();
    let cache = |format: KvFormat| {
        let layout = KvLayout::new(&model.config, format, format, 1);
        (format.name().to_owned(), (layout.position_bytes() * (context + 1)) as u64)
    };
    CostRecord {
        what: what.into(),
        context,
        projection_flops: flops(&|op| op != Op::Attention && !unembeds(op)),
        attention_flops: flops(&|op| op == Op::Attention),
        unembedding_flops: flops(&unembeds),
        weight_bytes: Decode::of(model).weight_bytes_per_token,
        kv_bytes: if what == "decode" { kv_read_bytes(&model.config, kv, context + 1) } else { 0 },
        activation_bytes: all.activation_read + all.activation_write,
        cache_bytes: KvFormat::ALL.into_iter().map(cache).collect(),
    }
}
