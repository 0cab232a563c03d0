//! The transformer: `forward → block → attention → feed_forward`. Read it from top to bottom.
//!
//! Every line that computes goes through a [`Lens`]: it runs one operation of [`ops`](super::ops) and shows the result
//! to whoever watches. Variants are features of the model (a bias, a norm, a window, experts) and never its name.
//!
//! The optimized path has the same functions with the same names in the same order; nothing of this file is shared
//! with it, so that this one stays an independent witness.
//!
//! Sources: Vaswani et al. 2017 (attention), Touvron et al. 2023 (Llama), Jiang et al. 2024 (Mixtral), Gemma Team 2025.

use super::lens::{Lens, Recalled};
use super::weights::{FeedForward, Norm, Weights};
use super::{Ops, Real, Textbook};
use crate::batch::{Batch, Logits, SeqId};
use crate::kv_cache::{ForwardError, KvCache, KvFormat, KvFormats, KvLayout, Side, Slot};
use crate::model::{Config, Model};
use crate::observe::{Event, Hook, Observer, Op, cost};
use crate::quant::QuantError;
use ndarray::{Array2, Array3, Axis};
use std::ops::Range;

/// A model of the naive path: numbers of type `R`, operations `O`.
#[derive(Debug)]
pub struct Transformer<R = f32, O = Textbook> {
    config: Config,
    weights: Weights<R>,
    ops: O,
}

impl Transformer {
    /// Decodes a model's weights to f32.
    ///
    /// # Errors
    /// If a format has no decoder; a loaded [`Model`] holds no such tensor.
    pub fn new(model: &Model) -> Result<Self, QuantError> {
        Self::with_ops(model, Textbook)
    }
}

/// One batch, as attention needs to know it.
struct Pass {
    positions: Vec<usize>,               // of each row
    slots: Vec<Slot>,                    // where each row is remembered
    sequences: Vec<(SeqId, Vec<usize>)>, // and the rows of each
}

impl<R, O> Transformer<R, O> {
    /// What the model is.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What it knows.
    pub fn weights(&self) -> &Weights<R> {
        &self.weights
    }

    /// Takes the model apart and gives its operations back, with what they may have noted.
    pub fn into_ops(self) -> O {
        self.ops
    }

    /// An empty cache with room for `n_positions` positions, keys and values stored as `formats` says: a [`KvFormat`] for
    /// both, or [`KvFormats`].
    pub fn new_cache(&self, formats: impl Into<KvFormats>, n_positions: usize) -> KvCache {
        let KvFormats { k, v } = formats.into();
        KvCache::new(KvLayout::new(&self.config, k, v, KvLayout::PAGE_LEN), n_positions)
    }
}

impl<R: Real, O: Ops<R>> Transformer<R, O> {
    /// As [`Transformer::new`], with operations of your own: override the one you want to try.
    ///
    /// # Errors
    /// As [`Transformer::new`].
    pub fn with_ops(model: &Model, ops: O) -> Result<Self, QuantError> {
        Ok(Self { config: model.config.clone(), weights: Weights::new(model)?, ops })
    }

    /// Runs a batch: embeds its tokens, sends them through every block, and scores the vocabulary for the rows that
    /// want it. Their keys and values stay in `cache`.
    ///
    /// # Errors
    /// If the batch does not fit the model or the cache. Nothing has happened then.
    pub fn forward(
        &mut self,
        batch: &Batch,
        cache: &mut KvCache,
        obs: &mut impl Observer,
    ) -> Result<Logits, ForwardError> {
        let pass = self.admit(batch, cache, obs)?;
        let mut lens = Lens::new(&self.ops, obs);

        let mut x = self.embed(batch, &pass, &mut lens); // [n_tokens, n_embd]
        for layer in 0..self.config.n_layer() {
            self.block(layer, &mut x, &pass, cache, &mut lens.over(layer));
        }
        let logits = self.unembed(&x.select(Axis(0), &batch.wanted()), &mut lens); // [n_logits, n_vocab]

        Ok(Logits::new(self.config.n_vocab, logits.iter().map(|l| l.to_f32()).collect()))
    }

    /// Tokens become vectors: the residual stream, `[n_tokens, n_embd]`.
    fn embed<Obs: Observer>(&self, batch: &Batch, pass: &Pass, lens: &mut Lens<'_, O, Obs>) -> Array2<R> {
        let tokens: Vec<u32> = batch.rows().iter().map(|row| row.token).collect();
        let mut x = lens.embed(&tokens, &self.weights.token_embd, self.config.embedding_scale.map(R::of));
        if let Some(table) = &self.weights.position_embd {
            let mut positions = table.select(Axis(0), &pass.positions); // [n_tokens, n_embd]
            lens.pass(Hook::PosEmbed, &mut positions);
            lens.add(Op::PositionEmbd, &mut x, &positions);
        }
        x
    }

    /// One transformer block. `x` is the residual stream, `[n_tokens, n_embd]`.
    fn block<Obs: Observer>(
        &self,
        layer: usize,
        x: &mut Array2<R>,
        pass: &Pass,
        cache: &mut KvCache,
        lens: &mut Lens<'_, O, Obs>,
    ) {
        let (w, norm) = (&self.weights.layers[layer], self.config.norm);
        lens.pass(Hook::ResidPre, x);

        let h = lens.norm(Op::AttnNorm, x, &w.attn_norm, norm); // [n_tokens, n_embd]
        let branch = self.attention(layer, &h, pass, cache, lens); // what other positions know
        let ops = [Op::PostAttentionNorm, Op::AttnResidual];
        self.rejoin(ops, Hook::AttnOut, w.post_attn_norm.as_ref(), branch, x, lens);

        let h = lens.norm(Op::FfnNorm, x, &w.ffn_norm, norm); // [n_tokens, n_embd]
        let branch = self.feed_forward(layer, &h, lens); // what this position makes of it
        self.rejoin([Op::PostFfwNorm, Op::FfnResidual], Hook::MlpOut, w.post_ffn_norm.as_ref(), branch, x, lens);
    }

    /// Attention: each token asks, with its query, what the positions before it have to say. h `[n_tokens, n_embd]`.
    fn attention<Obs: Observer>(
        &self,
        layer: usize,
        h: &Array2<R>,
        pass: &Pass,
        cache: &mut KvCache,
        lens: &mut Lens<'_, O, Obs>,
    ) -> Array2<R> {
        let (w, config) = (&self.weights.layers[layer], &self.config.layers[layer]);

        let mut q = lens.heads(Op::AttnQ, h, &w.attn_q, config.n_head); // [n_tokens, n_head, head_dim]
        let mut k = lens.heads(Op::AttnK, h, &w.attn_k, config.n_head_kv); // [n_tokens, n_head_kv, head_dim]
        let v = lens.heads(Op::AttnV, h, &w.attn_v, config.n_head_kv); // [n_tokens, n_head_kv, head_dim]

        if let Some(weight) = &w.attn_q_norm {
            q = lens.head_norm(Op::AttnQNorm, q, weight, self.config.norm.eps());
        }
        if let Some(weight) = &w.attn_k_norm {
            k = lens.head_norm(Op::AttnKNorm, k, weight, self.config.norm.eps());
        }
        if let Some(rope) = &w.rope {
            q = lens.rope(Op::RopeQ, &q, &pass.positions, rope);
            k = lens.rope(Op::RopeK, &k, &pass.positions, rope);
        }

        self.remember(layer, &k, &v, pass, cache, lens);
        let memory = self.recall(layer, pass, cache, lens); // k, v of every position so far
        let z = lens.attention(&q, &memory, config.attn_scale); // [n_tokens, n_head · head_dim]

        lens.linear(Op::AttnOutput, &z, &w.attn_output) // [n_tokens, n_embd]
    }

    /// The feed-forward network: each token by itself, through a wide hidden layer. h `[n_tokens, n_embd]`.
    fn feed_forward<Obs: Observer>(&self, layer: usize, h: &Array2<R>, lens: &mut Lens<'_, O, Obs>) -> Array2<R> {
        match &self.weights.layers[layer].ffn {
            FeedForward::Dense { gate, up, down } => {
                let gate = gate.as_ref().map(|gate| lens.linear(Op::FfnGate, h, gate)); // [n_tokens, n_ff]
                let mut up = lens.linear(Op::FfnUp, h, up); // [n_tokens, n_ff]
                let hidden = lens.activate(self.config.activation, gate.as_ref(), &mut up); // [n_tokens, n_ff]
                lens.linear(Op::FfnDown, &hidden, down) // [n_tokens, n_embd]
            }
            FeedForward::Experts { router, gate, up, down } => {
                let config =
                    self.config.layers[layer].experts.as_ref().expect("experts have their numbers, checked at load");
                let scores = lens.matmul(Op::FfnGateInp, h, router, None); // [n_tokens, n_expert]
                let (experts, weights) = lens.route(&scores, config); // [n_tokens · n_used], [n_tokens, n_used]

                // From here on a row is one visit of one token to one expert: [n_tokens · n_used, …].
                let visits: Vec<usize> = (0..experts.len()).map(|visit| visit / config.n_used).collect();
                let h = h.select(Axis(0), &visits);
                let gate = lens.expert_linear(Op::FfnGate, &h, gate, &experts);
                let mut up = lens.expert_linear(Op::FfnUp, &h, up, &experts);
                let hidden = lens.activate(self.config.activation, Some(&gate), &mut up);
                let out = lens.expert_linear(Op::FfnDown, &hidden, down, &experts);

                lens.combine(&out, &weights) // [n_tokens, n_embd]
            }
        }
    }

    /// A branch `[n_tokens, n_embd]` returns to the residual stream `x`: through a norm, if the model has one there.
    fn rejoin<Obs: Observer>(
        &self,
        [norm, add]: [Op; 2],
        hook: Hook,
        post: Option<&Norm<R>>,
        mut branch: Array2<R>,
        x: &mut Array2<R>,
        lens: &mut Lens<'_, O, Obs>,
    ) {
        if let Some(post) = post {
            branch = lens.norm(norm, &branch, post, self.config.norm);
        }
        lens.pass(hook, &mut branch);
        lens.add(add, x, &branch);
    }

    /// The residual stream becomes one score per token of the vocabulary: x `[n, n_embd]` → `[n, n_vocab]`.
    fn unembed<Obs: Observer>(&self, x: &Array2<R>, lens: &mut Lens<'_, O, Obs>) -> Array2<R> {
        if x.is_empty() {
            return Array2::from_elem((0, self.config.n_vocab), R::ZERO);
        }
        let w = &self.weights;
        let h = lens.norm(Op::OutputNorm, x, &w.output_norm, self.config.norm);
        let output = w.output.as_ref().unwrap_or(&w.token_embd); // tied: the embedding, read the other way round
        let logits = lens.matmul(Op::Output, &h, output, w.output_bias.as_ref());
        match self.config.logit_softcap {
            Some(cap) => lens.softcap(&logits, cap),
            None => logits,
        }
    }

    /// Checks that the batch can run and makes room for it. All that can go wrong goes wrong here.
    fn admit(&self, batch: &Batch, cache: &mut KvCache, obs: &mut impl Observer) -> Result<Pass, ForwardError> {
        batch.check(&self.config)?;
        let layout = KvLayout::new(&self.config, KvFormat::F32, KvFormat::F32, 1);
        if layout.layers() != cache.layout().layers() {
            return Err(ForwardError::ForeignCache);
        }
        let slots = cache.admit(batch)?;
        let (sequences, usage) = (batch.sequences(), cache.usage());
        obs.event(&Event::Forward {
            n_tokens: batch.len(),
            n_logits: batch.wanted().len(),
            n_sequences: sequences.len(),
        });
        obs.event(&Event::Kv { positions: usage.positions, pages: usage.pages, bytes: usage.bytes });
        Ok(Pass { positions: batch.rows().iter().map(|row| row.position).collect(), slots, sequences })
    }

    /// The keys and values of this batch enter the cache. k, v `[n_tokens, n_head_kv, head_dim]`.
    fn remember<Obs: Observer>(
        &self,
        layer: usize,
        k: &Array3<R>,
        v: &Array3<R>,
        pass: &Pass,
        cache: &mut KvCache,
        lens: &mut Lens<'_, O, Obs>,
    ) {
        let bytes = pass.slots.len() * cache.layout().layer_position_bytes(layer);
        let config = &self.config.layers[layer];
        let cost = || cost::kv_write(pass.slots.len(), config.n_embd_k(), config.n_embd_v(), bytes);
        lens.run(Op::KvWrite, cost, |_| {
            for ((&slot, k), v) in pass.slots.iter().zip(k.outer_iter()).zip(v.outer_iter()) {
                let k: Vec<f32> = k.iter().map(|k| k.to_f32()).collect();
                let v: Vec<f32> = v.iter().map(|v| v.to_f32()).collect();
                cache.write(layer, slot, &k, &v);
            }
        });
    }

    /// For each sequence of the batch: the keys and values of all its positions, and what each of its rows may see.
    fn recall<Obs: Observer>(
        &self,
        layer: usize,
        pass: &Pass,
        cache: &KvCache,
        lens: &mut Lens<'_, O, Obs>,
    ) -> Vec<Recalled<R>> {
        let config = &self.config.layers[layer];
        let positions: usize = pass.sequences.iter().map(|(sequence, _)| cache.len(*sequence)).sum();
        let values = positions * (config.n_embd_k() + config.n_embd_v());
        let cost = || cost::kv_read(values, positions * cache.layout().layer_position_bytes(layer));
        let stored = |side, sequence, head_dim| {
            let values = cache.read(layer, side, sequence).into_iter().map(R::of).collect();
            Array3::from_shape_vec((config.n_head_kv, cache.len(sequence), head_dim), values)
                .expect("the cache has the model's shape, checked on admission")
        };
        let recall = |(sequence, rows): &(SeqId, Vec<usize>)| Recalled {
            rows: rows.clone(),
            visible: rows.iter().map(|&row| visible(pass.positions[row], config.window)).collect(),
            k: stored(Side::K, *sequence, config.head_dim_k),
            v: stored(Side::V, *sequence, config.head_dim_v),
        };
        lens.run(Op::KvRead, cost, |_| pass.sequences.iter().map(recall).collect())
    }
}

/// The positions that a token may see: itself and those before it, the last `window` of them if there is one.
fn visible(position: usize, window: Option<usize>) -> Range<usize> {
    let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
    first..position + 1
}
