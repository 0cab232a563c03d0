//! The transformer: `forward → block → attention → feed_forward`. Read it from top to bottom.
//!
//! A block adds two branches to the residual stream: `x += attention(norm(x))`, `x += feed_forward(norm(x))`. Every line
//! that computes calls one operation of [`ops`](super::ops) through [`TracedOps`], which reports it to the observer.
//! Variants are features of the model (a bias, a norm, a window, experts) and never its name.
//!
//! The optimized path has the same functions with the same names in the same order. It shares no line with this file, so
//! that an error in one of them is not in the other.
//!
//! Sources: Vaswani et al. 2017 (attention), Touvron et al. 2023 (Llama), Jiang et al. 2024 (Mixtral), Gemma Team 2025.

use super::context::BatchContext;
use super::traced_ops::TracedOps;
use super::weights::{FeedForward, LinearRef, Weights};
use super::{Ops, Real, ReferenceOps};
use crate::batch::{Batch, Logits};
use crate::kv_cache::{ForwardError, KvCache, KvFormats, KvLayout};
use crate::model::{Config, Model, TracePoint, trace_points};
use crate::observe::watch::{Unwatched, Watch, Watched};
use crate::observe::{Hook, HookAt, Observer, Op, OpAt};
use crate::quant::QuantError;
use ndarray::{Array2, Axis};

/// A model of the naive path, with numbers of type `R`.
pub struct Transformer<R = f32> {
    config: Config,
    weights: Weights<R>,
    ops: Box<dyn Ops<R> + Send>,
    ops_name: &'static str,
    trace: Vec<TracePoint>,
}

impl<R: std::fmt::Debug> std::fmt::Debug for Transformer<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Transformer");
        shown.field("config", &self.config).field("weights", &self.weights).field("ops", &self.ops_name);
        shown.finish_non_exhaustive()
    }
}

impl Transformer {
    /// Makes f32 matrices of a model's quantised weights.
    ///
    /// # Errors
    /// If a format has no decoder; a loaded [`Model`] holds no such tensor.
    pub fn new(model: &Model) -> Result<Self, QuantError> {
        Self::with_ops(model, ReferenceOps)
    }
}

impl<R> Transformer<R> {
    /// What the model is.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The weights as f32 matrices.
    pub fn weights(&self) -> &Weights<R> {
        &self.weights
    }

    /// Every activation that a forward pass shows, in order.
    pub fn hooks(&self) -> Vec<HookAt> {
        self.trace.iter().filter_map(|point| point.hook()).collect()
    }

    /// Every operation that a forward pass runs, in order.
    pub fn ops(&self) -> Vec<OpAt> {
        self.trace.iter().filter_map(|point| point.op()).collect()
    }

    /// The type of its operations: that of [`ReferenceOps`], or the one given to [`Transformer::with_ops`].
    pub fn ops_name(&self) -> &'static str {
        self.ops_name
    }

    /// An empty cache for `n_positions` positions. `formats` says how keys and values are stored: a [`KvFormat`](crate::kv_cache::KvFormat) for
    /// both, or [`KvFormats`].
    pub fn new_cache(&self, formats: impl Into<KvFormats>, n_positions: usize) -> KvCache {
        let KvFormats { k, v } = formats.into();
        KvCache::new(KvLayout::new(&self.config, k, v, KvLayout::page_len_for(n_positions)), n_positions)
    }
}

impl<R: Real> Transformer<R> {
    /// As [`Transformer::new`], with operations of your own: override the one you want to try.
    ///
    /// # Errors
    /// As [`Transformer::new`].
    pub fn with_ops<O: Ops<R> + Send + 'static>(model: &Model, ops: O) -> Result<Self, QuantError> {
        let trace = trace_points(&model.config, &model.weights);
        let (weights, ops_name) = (Weights::new(model)?, std::any::type_name::<O>());
        Ok(Self { config: model.config.clone(), weights, ops: Box::new(ops), ops_name, trace })
    }

    /// Runs a batch: embeds its tokens, sends them through every block, and scores the vocabulary for the rows that
    /// want logits. The keys and values of all rows stay in `cache`.
    ///
    /// # Errors
    /// If the batch does not fit the model or the cache. Nothing has happened then.
    pub fn forward(
        &mut self,
        batch: &Batch,
        cache: &mut KvCache,
        obs: &mut dyn Observer,
    ) -> Result<Logits, ForwardError> {
        match Watched::by(obs) {
            Some(mut watch) => self.run(batch, cache, &mut watch),
            None => self.run(batch, cache, &mut Unwatched),
        }
    }

    /// The forward pass, watched or not.
    fn run(&mut self, batch: &Batch, cache: &mut KvCache, obs: &mut impl Watch) -> Result<Logits, ForwardError> {
        let context = BatchContext::prepare(&self.config, batch, cache, obs)?;
        let mut ops = TracedOps::new(&*self.ops, obs);

        let mut x = self.embed(batch, &context, &mut ops); // [n_tokens, n_embd]
        for layer in 0..self.config.n_layer() {
            self.block(layer, &mut x, &context, cache, &mut ops.for_layer(layer));
        }
        let x = x.select(Axis(0), &batch.logit_rows()); // [n_logits, n_embd]
        let logits = self.unembed(&x, &mut ops); // [n_logits, n_vocab]

        Ok(Logits::new(self.config.n_vocab, logits.iter().map(|l| l.to_f32()).collect()))
    }

    /// Tokens become vectors: the residual stream, `[n_tokens, n_embd]`.
    fn embed(&self, batch: &Batch, context: &BatchContext, ops: &mut TracedOps<'_, R, impl Watch>) -> Array2<R> {
        let tokens: Vec<u32> = batch.rows().iter().map(|row| row.token).collect();
        let mut x = ops.embed(&tokens, &self.weights.token_embd, self.config.embedding_scale.map(R::of));
        if let Some(table) = &self.weights.position_embd {
            let mut positions = table.select(Axis(0), &context.positions); // [n_tokens, n_embd]
            ops.tap(Hook::PosEmbed, &mut positions);
            ops.add(Op::PositionEmbd, &mut x, &positions);
        }
        x
    }

    /// One transformer block. `x` is the residual stream, `[n_tokens, n_embd]`.
    fn block(
        &self,
        layer: usize,
        x: &mut Array2<R>,
        context: &BatchContext,
        cache: &mut KvCache,
        ops: &mut TracedOps<'_, R, impl Watch>,
    ) {
        let (w, norm) = (&self.weights.layers[layer], self.config.norm);
        ops.tap(Hook::ResidPre, x);

        let h = ops.norm(Op::AttnNorm, x, &w.attn_norm, norm); // [n_tokens, n_embd]
        let out = self.attention(layer, &h, context, cache, ops); // reads other positions
        ops.add(Op::AttnResidual, x, &out); // x += attention(norm(x))

        let h = ops.norm(Op::FfnNorm, x, &w.ffn_norm, norm); // [n_tokens, n_embd]
        let out = self.feed_forward(layer, &h, ops); // reads this position only
        ops.add(Op::FfnResidual, x, &out); // x += feed_forward(norm(x))
    }

    /// Attention: the query of each token is compared with the keys of all positions that it may see, its own among them. The
    /// result is the sum of their values, weighted by how well the keys fit. h `[n_tokens, n_embd]` → `[n_tokens, n_embd]`.
    fn attention(
        &self,
        layer: usize,
        h: &Array2<R>,
        context: &BatchContext,
        cache: &mut KvCache,
        ops: &mut TracedOps<'_, R, impl Watch>,
    ) -> Array2<R> {
        let (w, config, eps) = (&self.weights.layers[layer], &self.config.layers[layer], self.config.norm.eps());

        let mut q = ops.heads(Op::AttnQ, h, &w.attn_q, config.n_head); // [n_tokens, n_head, head_dim_k]
        let mut k = ops.heads(Op::AttnK, h, &w.attn_k, config.n_head_kv); // [n_tokens, n_head_kv, head_dim_k]
        let v = ops.heads(Op::AttnV, h, &w.attn_v, config.n_head_kv); // [n_tokens, n_head_kv, head_dim_v]

        if let Some(weight) = &w.attn_q_norm {
            q = ops.head_norm(Op::AttnQNorm, q, weight, eps);
        }
        if let Some(weight) = &w.attn_k_norm {
            k = ops.head_norm(Op::AttnKNorm, k, weight, eps);
        }
        if let Some(rope) = &w.rope {
            q = ops.rope(Op::RopeQ, &q, &context.positions, rope);
            k = ops.rope(Op::RopeK, &k, &context.positions, rope);
        }

        context.write_kv(layer, config, &k, &v, cache, ops);
        let kv = context.read_kv(layer, config, cache, ops); // k, v of every position so far
        let z = ops.attention(&q, &kv, config.attn_scale); // [n_tokens, n_head · head_dim_v]

        let mut out = ops.linear(Op::AttnOutput, &z, &w.attn_output); // [n_tokens, n_embd]
        if let Some(post) = &w.post_attn_norm {
            out = ops.norm(Op::PostAttentionNorm, &out, post, self.config.norm);
        }
        ops.tap(Hook::AttnOut, &mut out);
        out
    }

    /// The feed-forward network: each token by itself, through a wide hidden layer.
    /// h `[n_tokens, n_embd]` → `[n_tokens, n_embd]`.
    fn feed_forward(&self, layer: usize, h: &Array2<R>, ops: &mut TracedOps<'_, R, impl Watch>) -> Array2<R> {
        let (w, act) = (&self.weights.layers[layer], self.config.act_fn);
        let mut out = match &w.ffn {
            FeedForward::Dense { gate, up, down } => {
                let gate = gate.as_ref().map(|gate| ops.linear(Op::FfnGate, h, gate)); // [n_tokens, n_ff]
                let mut up = ops.linear(Op::FfnUp, h, up); // [n_tokens, n_ff]
                let hidden = ops.activate(act, gate.as_ref(), &mut up); // [n_tokens, n_ff]
                ops.linear(Op::FfnDown, &hidden, down) // [n_tokens, n_embd]
            }
            FeedForward::Experts { router, gate, up, down } => {
                let config = self.config.layers[layer]
                    .experts
                    .as_ref()
                    .expect("a block with experts has their configuration, checked at load");
                let scores = ops.linear(Op::FfnGateInp, h, router); // [n_tokens, n_expert]
                let (experts, weights) = ops.route(&scores, config); // [n_tokens · n_used], [n_tokens, n_used]

                // A row is now one assignment of a token to an expert: [n_tokens · n_used, …].
                let token_of: Vec<usize> = (0..experts.len()).map(|assignment| assignment / config.n_used).collect();
                let h = h.select(Axis(0), &token_of);
                let gate = ops.expert_linear(Op::FfnGate, &h, gate, &experts);
                let mut up = ops.expert_linear(Op::FfnUp, &h, up, &experts);
                let hidden = ops.activate(act, Some(&gate), &mut up);
                let out = ops.expert_linear(Op::FfnDown, &hidden, down, &experts);

                ops.combine(&out, &weights) // [n_tokens, n_embd]
            }
        };
        if let Some(post) = &w.post_ffn_norm {
            out = ops.norm(Op::PostFfwNorm, &out, post, self.config.norm);
        }
        ops.tap(Hook::MlpOut, &mut out);
        out
    }

    /// The residual stream becomes one score per token of the vocabulary: x `[n_logits, n_embd]` → `[n_logits, n_vocab]`.
    fn unembed(&self, x: &Array2<R>, ops: &mut TracedOps<'_, R, impl Watch>) -> Array2<R> {
        if x.is_empty() {
            return Array2::from_elem((0, self.config.n_vocab), R::ZERO);
        }
        let w = &self.weights;
        let h = ops.norm(Op::OutputNorm, x, &w.output_norm, self.config.norm);
        let weight = w.output.as_ref().unwrap_or(&w.token_embd); // tied: the embedding matrix is used twice
        let logits = ops.linear(Op::Output, &h, LinearRef { weight, bias: w.output_bias.as_ref() });
        match self.config.logit_softcap {
            Some(cap) => ops.softcap(&logits, cap),
            None => logits,
        }
    }
}
