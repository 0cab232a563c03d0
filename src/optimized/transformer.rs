//! The transformer again, built for speed: `forward → block → attention → feed_forward`.
//!
//! Read it beside [the naive one](crate::naive::transformer): the same stages with the same names in the same order, and
//! no line in common. What differs:
//!
//! - weights are packed tiles ([`super::pack`]),
//! - activations are stored in buffers that every block uses again ([`Scratch`]),
//! - rows that a matrix reads are quantised once, where they are made ([`super::act_quant`]),
//! - matrices that read the same rows run in one dispatch ([`TracedOps::linears`]),
//! - attention reads keys and values from the pages of the cache, without a copy ([`super::attention`]),
//! - the last block computes queries only for the rows that want logits ([`BatchContext::query_rows`]).

use super::act_quant::RowForms;
use super::attention::AttentionArgs;
use super::context::BatchContext;
use super::options::Options;
use super::pack::{FeedForward, PackError, Weights};
use super::pool::{Pool, physical_cores};
use super::scratch::{Rows, Scratch};
use super::traced_ops::{Branch, Hidden, Projection, TracedOps, look_up};
use super::workers::Workers;
use crate::batch::{Batch, Logits};
use crate::kernels::Kernels;
use crate::kv_cache::{ForwardError, KvCache, KvFormats, KvLayout};
use crate::model::{Config, Model, TracePoint, trace_points};
use crate::observe::watch::{Unwatched, Watch, Watched};
use crate::observe::{Hook, HookAt, Observer, Op, OpAt};

/// A model of the optimized path.
#[derive(Debug)]
pub struct Transformer {
    network: Network,
    workers: Workers,
    /// The residual stream, `[n_tokens, n_embd]`.
    x: Rows,
    scratch: Scratch,
    options: Options,
    trace: Vec<TracePoint>,
}

/// What does not change while a model runs.
#[derive(Debug)]
struct Network {
    config: Config,
    weights: Weights,
}

impl Transformer {
    /// What the naive path shows and this one cannot: attention holds the scores of one chunk at a time.
    pub const UNAVAILABLE: &'static [Hook] = &[Hook::AttnScores, Hook::Pattern];

    /// Packs a model's weights and starts the threads.
    ///
    /// # Errors
    /// If there is no memory for the packed weights, if the system does not start so many threads, or if a weight has a format
    /// that cannot be packed (a loaded [`Model`] has no such weight).
    pub fn new(model: &Model, options: Options) -> Result<Self, PackError> {
        let n_threads = if options.n_threads == 0 { physical_cores() } else { options.n_threads };
        let mut pool = Pool::new(n_threads)?;
        let network = Network { config: model.config.clone(), weights: Weights::new(model, &mut pool)? };
        Ok(Self {
            network,
            workers: Workers::new(pool, options.kernels),
            x: Rows::new(options.activations),
            scratch: Scratch::new(options.activations),
            options,
            trace: trace_points(&model.config, &model.weights),
        })
    }

    /// What the model is.
    pub fn config(&self) -> &Config {
        &self.network.config
    }

    /// The kernels in use.
    pub fn kernels(&self) -> &Kernels {
        &self.workers.kernels
    }

    /// The precision to which activations are rounded before they are multiplied with a matrix in a block format.
    pub fn activations(&self) -> super::ActPrecision {
        self.options.activations
    }

    /// Threads in use.
    pub fn n_threads(&self) -> usize {
        self.workers.pool.n_threads()
    }

    /// Bytes of the packed weights.
    pub fn packed_bytes(&self) -> usize {
        self.network.weights.arena.used()
    }

    /// Every activation that a forward pass shows, in order: all of the model's but [`Transformer::UNAVAILABLE`].
    pub fn hooks(&self) -> Vec<HookAt> {
        let hooks = self.trace.iter().filter_map(|point| point.hook());
        hooks.filter(|at| !Self::UNAVAILABLE.contains(&at.hook)).collect()
    }

    /// Every operation that a forward pass runs while it is watched, in order.
    pub fn ops(&self) -> Vec<OpAt> {
        self.trace.iter().filter_map(|point| point.op()).collect()
    }

    /// An empty cache for `n_positions` positions. `formats` says how keys and values are stored: a [`KvFormat`](crate::kv_cache::KvFormat) for
    /// both, or [`KvFormats`].
    pub fn new_cache(&self, formats: impl Into<KvFormats>, n_positions: usize) -> KvCache {
        let KvFormats { k, v } = formats.into();
        KvCache::new(KvLayout::new(self.config(), k, v, KvLayout::page_len_for(n_positions)), n_positions)
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
        let Self { network, workers, x, scratch: s, .. } = self;
        s.reserve(x, &network.config, batch.len(), batch.logit_rows().len())?;
        let context = BatchContext::prepare(&network.config, &network.weights.ropes, batch, cache, obs)?;
        workers.pool.time_jobs(obs.interests().threads);
        let mut ops = TracedOps::new(workers, &network.weights, obs);

        network.embed(batch, &context, x, &mut ops, s);
        for layer in 0..network.config.n_layer() {
            network.block(layer, x, &context, cache, &mut ops.for_layer(layer), s);
        }
        network.unembed(x, &context, &mut ops, s);

        Ok(Logits::new(network.config.n_vocab, s.logits.take()))
    }
}

impl Network {
    /// Tokens become vectors: the residual stream, `[n_tokens, n_embd]`.
    fn embed(
        &self,
        batch: &Batch,
        context: &BatchContext,
        x: &mut Rows,
        ops: &mut TracedOps<'_, impl Watch>,
        s: &mut Scratch,
    ) {
        let tokens = batch.rows().iter().map(|row| row.token as usize);
        ops.embed(&self.weights.token_embd, tokens, self.config.embedding_scale, x);
        if let Some(table) = &self.weights.position_embd {
            s.y.shape(x.n(), x.width());
            for (&position, row) in context.positions.iter().zip(s.y.values_mut().chunks_exact_mut(x.width())) {
                look_up(table, position, row);
            }
            ops.tap(Hook::PosEmbed, &mut s.y);
            ops.add(Op::PositionEmbd, x, Branch::Rows(&mut s.y));
        }
    }

    /// One transformer block. `x` is the residual stream, `[n_tokens, n_embd]`; in the last block it loses the rows that
    /// want no logits.
    fn block(
        &self,
        layer: usize,
        x: &mut Rows,
        context: &BatchContext,
        cache: &mut KvCache,
        ops: &mut TracedOps<'_, impl Watch>,
        s: &mut Scratch,
    ) {
        let (w, norm) = (&self.weights.layers[layer], self.config.norm);
        s.set_row_forms(w, ops.shows_values());
        ops.tap(Hook::ResidPre, x);

        ops.norm(Op::AttnNorm, x, &w.attn_norm, norm, &mut s.h_attn); // [n_tokens, n_embd]
        let last = layer + 1 == self.config.n_layer();
        let rows = context.query_rows(last && !ops.shows_values());
        x.retain_rows(rows); // removes rows in the last block only
        let out = self.attention(layer, rows, context, cache, ops, s); // reads other positions
        ops.add(Op::AttnResidual, x, out); // x += attention(norm(x))

        ops.norm(Op::FfnNorm, x, &w.ffn_norm, norm, &mut s.h_ffn); // [n_queries, n_embd]
        let out = self.feed_forward(layer, ops, s); // reads this position only
        ops.add(Op::FfnResidual, x, out); // x += feed_forward(norm(x))
    }

    /// Attention: the query of each token is compared with the keys of all positions that it may see, its own among them. The
    /// result is the sum of their values, weighted by how well the keys fit. `s.h_attn`, `[n_tokens, n_embd]` → `[n_queries, n_embd]`, for the rows of the batch in `rows`.
    fn attention<'a>(
        &'a self,
        layer: usize,
        rows: &[usize],
        context: &BatchContext,
        cache: &mut KvCache,
        ops: &mut TracedOps<'_, impl Watch>,
        s: &'a mut Scratch,
    ) -> Branch<'a> {
        let (w, config, eps) = (&self.weights.layers[layer], &self.config.layers[layer], self.config.norm.eps());
        let (n_head, n_head_kv) = (config.n_head, config.n_head_kv);

        let q = Projection::heads(Op::AttnQ, &w.attn_q, &mut s.q, n_head); // [n_queries, n_head · head_dim_k]
        let k = Projection::heads(Op::AttnK, &w.attn_k, &mut s.k, n_head_kv); // [n_tokens, n_head_kv · head_dim_k]
        let v = Projection::heads(Op::AttnV, &w.attn_v, &mut s.v, n_head_kv); // [n_tokens, n_head_kv · head_dim_v]
        if rows.len() == s.h_attn.n() {
            ops.linears(&s.h_attn, [q, k, v]);
        } else {
            ops.linears(&s.h_attn, [k, v]);
            s.h_attn.retain_rows(rows);
            ops.linears(&s.h_attn, [q]);
        }

        if let Some(weight) = &w.attn_q_norm {
            ops.head_norm(Op::AttnQNorm, &mut s.q, weight, eps);
        }
        if let Some(weight) = &w.attn_k_norm {
            ops.head_norm(Op::AttnKNorm, &mut s.k, weight, eps);
        }
        if let Some(rope) = w.rope {
            ops.rope(Op::RopeQ, &mut s.q, n_head, rows, &context.ropes[rope]);
            ops.rope(Op::RopeK, &mut s.k, n_head_kv, &context.all_rows, &context.ropes[rope]);
        }

        context.write_kv(layer, config, cache, ops, s);
        let queries = context.read_kv(layer, config, rows, cache, ops);
        ops.attention(AttentionArgs { cache, layer, config, queries: &queries }, s); // s.q → s.z

        let mut out = ops.branch(Op::AttnOutput, &s.z, &w.attn_output, &mut s.y); // [n_queries, n_embd]
        if let Some(post) = &w.post_attn_norm {
            out = ops.post_norm(Op::PostAttentionNorm, out, post, self.config.norm, &mut s.post);
        }
        ops.tap_branch(Hook::AttnOut, &mut out);
        out
    }

    /// The feed-forward network: each token by itself, through a wide hidden layer.
    /// `s.h_ffn`, `[n_queries, n_embd]` → `[n_queries, n_embd]`.
    fn feed_forward<'a>(&'a self, layer: usize, ops: &mut TracedOps<'_, impl Watch>, s: &'a mut Scratch) -> Branch<'a> {
        let (w, act) = (&self.weights.layers[layer], self.config.act_fn);
        let mut out = match &w.ffn {
            FeedForward::Dense { gate: Some(gate), up, down } => {
                let hidden = Hidden { gate: &mut s.gate, up: &mut s.up, hidden: &mut s.hidden };
                ops.gated(&s.h_ffn, gate, up, act, hidden); // [n_queries, n_ff]
                ops.branch(Op::FfnDown, &s.hidden, down, &mut s.y) // [n_queries, n_embd]
            }
            FeedForward::Dense { gate: None, up, down } => {
                ops.linears(&s.h_ffn, [Projection::rows(Op::FfnUp, up, &mut s.up)]); // [n_queries, n_ff]
                ops.tap(Hook::MlpPre, &mut s.up);
                ops.activate(act, None, &s.up, &mut s.hidden); // [n_queries, n_ff]
                ops.tap(Hook::MlpPost, &mut s.hidden);
                ops.branch(Op::FfnDown, &s.hidden, down, &mut s.y) // [n_queries, n_embd]
            }
            FeedForward::Experts { router, gate, up, down } => {
                let config = self.config.layers[layer]
                    .experts
                    .as_ref()
                    .expect("a block with experts has their configuration, checked at load");
                ops.linears(&s.h_ffn, [Projection::rows(Op::FfnGateInp, router, &mut s.scores)]); // [n_queries, n_expert]
                let routing = ops.route(&s.scores, config);

                // A row is now one assignment of a token to an expert, sorted by expert: [n_queries · n_used, …].
                s.expert_in.gather(&s.h_ffn, routing.tokens.iter().copied());
                ops.expert_linear(Op::FfnGate, &s.expert_in, gate, &routing, &mut s.gate);
                ops.expert_linear(Op::FfnUp, &s.expert_in, up, &routing, &mut s.up);
                ops.tap_assignments(Hook::MlpPreLinear, &mut s.up, &routing);
                ops.activate(act, Some(&s.gate), &s.up, &mut s.hidden);
                ops.tap_assignments(Hook::MlpPost, &mut s.hidden, &routing);
                ops.expert_linear(Op::FfnDown, &s.hidden, down, &routing, &mut s.expert_out);

                ops.combine(&s.expert_out, &routing, &mut s.y); // [n_queries, n_embd]
                Branch::Rows(&mut s.y)
            }
        };
        if let Some(post) = &w.post_ffn_norm {
            out = ops.post_norm(Op::PostFfwNorm, out, post, self.config.norm, &mut s.post);
        }
        ops.tap_branch(Hook::MlpOut, &mut out);
        out
    }

    /// The residual stream becomes one score per token of the vocabulary: x `[n, n_embd]` → `s.logits`, `[n_logits, n_vocab]`.
    fn unembed(&self, x: &mut Rows, context: &BatchContext, ops: &mut TracedOps<'_, impl Watch>, s: &mut Scratch) {
        let w = &self.weights;
        if x.n() > context.logit_rows.len() {
            x.retain_rows(&context.logit_rows); // [n_logits, n_embd]
        }
        s.logits.shape(x.n(), self.config.n_vocab);
        if x.n() == 0 {
            return;
        }
        s.h_last.set_forms(RowForms::of([&w.output]).with_floats(ops.shows_values()));
        ops.norm(Op::OutputNorm, x, &w.output_norm, self.config.norm, &mut s.h_last);
        ops.linears(&s.h_last, [Projection::rows(Op::Output, &w.output, &mut s.logits)]);
        if let Some(cap) = self.config.logit_softcap {
            ops.softcap(&mut s.logits, cap);
        }
    }
}
