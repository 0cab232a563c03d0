//! The transformer again, built for speed: `forward → block → attention → feed_forward`.
//!
//! Read it beside [the naive one](crate::naive::transformer): the same stages with the same names in the same order, and
//! no line in common. What differs: weights are packed tiles, activations live in buffers that every block uses again
//! ([`Scratch`]), a row that a matrix will read is made whole numbers once, matrices that read the same rows run
//! together, attention reads the cache's pages where they lie, and the last block computes only what is asked for.

use super::attention::{Query, Scene, visible_to_any};
use super::experts::Routing;
use super::lens::{Hidden, Lens, look_up};
use super::ops::Team;
use super::pack::{FeedForward, Norm, PackError, Weights};
use super::pool::Pool;
use super::rope::Turns;
use super::scratch::Scratch;
use super::whole::{Activations, Reads};
use crate::batch::{Batch, Logits, SeqId};
use crate::kernels::Kernels;
use crate::kv_cache::{ForwardError, KvCache, KvFormat, KvFormats, KvLayout, Slot};
use crate::model::{Config, Model};
use crate::observe::{Event, Hook, Observer, Op, cost};
use std::ops::Range;

/// A model of the optimized path.
#[derive(Debug)]
pub struct Transformer {
    network: Network,
    team: Team,
    scratch: Scratch,
    activations: Activations,
}

/// How to compute.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads, the caller's among them; 0 for one on each physical core.
    pub n_threads: usize,
    /// The inner loops.
    pub kernels: Kernels,
    /// How finely matrices in a block format read their rows.
    pub activations: Activations,
}

impl Default for Options {
    fn default() -> Self {
        Self { n_threads: 0, kernels: Kernels::detect(), activations: Activations::default() }
    }
}

/// What does not change while a model runs.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) config: Config,
    pub(super) weights: Weights,
}

/// One batch, as the blocks need to know it.
struct Pass {
    positions: Vec<usize>, // of each row
    sequences: Vec<SeqId>, // of each row
    slots: Vec<Slot>,      // where each row is remembered
    turns: Vec<Turns>,     // sines and cosines of each row, for each kind of RoPE
    rows: Vec<usize>,      // 0..n_tokens
    wanted: Vec<usize>,    // rows that want logits
}

impl Transformer {
    /// Packs a model's weights and starts the threads.
    ///
    /// # Errors
    /// If there is no memory for the packed weights, if there are not so many threads, or if a format has no tiles (a loaded
    /// [`Model`] holds no such).
    pub fn new(model: &Model, options: Options) -> Result<Self, PackError> {
        let n_threads = if options.n_threads == 0 { super::pool::physical_cores() } else { options.n_threads };
        let mut pool = Pool::new(n_threads)?;
        let network = Network { config: model.config.clone(), weights: Weights::new(model, &mut pool)? };
        let (team, scratch) = (Team::new(pool, options.kernels), Scratch::new(options.activations));
        Ok(Self { network, team, scratch, activations: options.activations })
    }

    /// What the model is.
    pub fn config(&self) -> &Config {
        &self.network.config
    }

    /// The inner loops in use.
    pub fn kernels(&self) -> &Kernels {
        &self.team.kernels
    }

    /// How finely matrices in a block format read their rows.
    pub fn activations(&self) -> Activations {
        self.activations
    }

    /// Threads in use.
    pub fn n_threads(&self) -> usize {
        self.team.pool.n_threads()
    }

    /// Bytes of the packed weights.
    pub fn packed_bytes(&self) -> usize {
        self.network.weights.arena.used()
    }

    /// An empty cache with room for `n_positions` positions, keys and values stored as `formats` says: a [`KvFormat`] for
    /// both, or [`KvFormats`].
    pub fn new_cache(&self, formats: impl Into<KvFormats>, n_positions: usize) -> KvCache {
        let KvFormats { k, v } = formats.into();
        KvCache::new(KvLayout::new(self.config(), k, v, KvLayout::PAGE_LEN), n_positions)
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
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
        let Self { network, team, scratch: s, .. } = self;
        let mut pass = network.admit(batch, cache, obs)?;
        let mut lens = Lens::new(team, &network.weights, obs);

        network.embed(batch, &pass, &mut lens, s);
        for layer in 0..network.config.n_layer() {
            network.block(layer, &mut pass, cache, &mut lens.over(layer), s);
        }
        network.unembed(&pass, &mut lens, s);

        Ok(Logits::new(network.config.n_vocab, s.logits.take()))
    }
}

impl Network {
    /// Tokens become vectors: the residual stream, `s.x`.
    fn embed<Obs: Observer>(&self, batch: &Batch, pass: &Pass, lens: &mut Lens<'_, Obs>, s: &mut Scratch) {
        let tokens = batch.rows().iter().map(|row| row.token as usize);
        lens.embed(&self.weights.token_embd, tokens, self.config.embedding_scale, &mut s.x);
        if let Some(table) = &self.weights.position_embd {
            s.y.shape(s.x.n(), s.x.width());
            for (&position, row) in pass.positions.iter().zip(s.y.values_mut().chunks_exact_mut(s.x.width())) {
                look_up(table, position, row);
            }
            lens.pass(Hook::PosEmbed, &mut s.y);
            lens.add(Op::PositionEmbd, &mut s.x, &s.y);
        }
    }

    /// One transformer block on the residual stream `s.x`.
    fn block<Obs: Observer>(
        &self,
        layer: usize,
        pass: &mut Pass,
        cache: &mut KvCache,
        lens: &mut Lens<'_, Obs>,
        s: &mut Scratch,
    ) {
        let (w, norm) = (&self.weights.layers[layer], self.config.norm);
        s.serve(w, Lens::<Obs>::WATCHED);
        lens.pass(Hook::ResidPre, &mut s.x);

        lens.norm(Op::AttnNorm, &s.x, &w.attn_norm, norm, &mut s.h_attn);
        let at_once = !Lens::<Obs>::WATCHED && w.post_attn_norm.is_none();
        self.attention(layer, at_once, pass, cache, lens, s); // s.h_attn → s.y or s.x: what other positions know
        if !at_once {
            let ops = [Op::PostAttentionNorm, Op::AttnResidual];
            self.rejoin(ops, Hook::AttnOut, w.post_attn_norm.as_ref(), lens, s);
        }

        lens.norm(Op::FfnNorm, &s.x, &w.ffn_norm, norm, &mut s.h_ffn);
        let dense = matches!(w.ffn, FeedForward::Dense { .. });
        let at_once = !Lens::<Obs>::WATCHED && w.post_ffn_norm.is_none() && dense;
        self.feed_forward(layer, at_once, lens, s); // s.h_ffn → s.y or s.x: what this position makes of it
        if !at_once {
            self.rejoin([Op::PostFfwNorm, Op::FfnResidual], Hook::MlpOut, w.post_ffn_norm.as_ref(), lens, s);
        }
    }

    /// Attention: each token asks, with its query, what the positions before it have to say. `s.h_attn` → `s.y`, or `at_once`
    /// added to `s.x`.
    fn attention<Obs: Observer>(
        &self,
        layer: usize,
        at_once: bool,
        pass: &mut Pass,
        cache: &mut KvCache,
        lens: &mut Lens<'_, Obs>,
        s: &mut Scratch,
    ) {
        let (w, config, eps) = (&self.weights.layers[layer], &self.config.layers[layer], self.config.norm.eps());
        let (n_head, n_head_kv) = (config.n_head, config.n_head_kv);

        // In the last block every row is remembered, but only the wanted ones have questions left.
        let asking = if self.asks_less(layer, pass, lens) { pass.wanted.as_slice() } else { &pass.rows };
        if asking.len() < pass.rows.len() {
            lens.linears(
                &s.h_attn,
                [(Op::AttnK, &w.attn_k, &mut s.k, n_head_kv), (Op::AttnV, &w.attn_v, &mut s.v, n_head_kv)],
            );
            s.h_attn.keep(asking);
            s.x.keep(asking);
            lens.linears(&s.h_attn, [(Op::AttnQ, &w.attn_q, &mut s.q, n_head)]);
        } else {
            let q = (Op::AttnQ, &w.attn_q, &mut s.q, n_head);
            let k = (Op::AttnK, &w.attn_k, &mut s.k, n_head_kv);
            lens.linears(&s.h_attn, [q, k, (Op::AttnV, &w.attn_v, &mut s.v, n_head_kv)]);
        }

        if let Some(weight) = &w.attn_q_norm {
            lens.head_norm(Op::AttnQNorm, &mut s.q, weight, eps);
        }
        if let Some(weight) = &w.attn_k_norm {
            lens.head_norm(Op::AttnKNorm, &mut s.k, weight, eps);
        }
        if let Some(rope) = w.rope {
            let (turns, pairing) = (&pass.turns[rope], self.weights.ropes[rope].pairing);
            lens.rope(Op::RopeQ, &mut s.q, n_head, asking, turns, pairing);
            lens.rope(Op::RopeK, &mut s.k, n_head_kv, &pass.rows, turns, pairing);
        }

        self.remember(layer, pass, cache, lens, s);
        let queries = self.recall(layer, asking, pass, cache, lens);
        lens.attention(Scene { cache, layer, config, queries: &queries }, s); // s.q → s.z

        match at_once {
            true => lens.linear_onto(&s.z, &w.attn_output, &mut s.x),
            false => lens.linears(&s.z, [(Op::AttnOutput, &w.attn_output, &mut s.y, 0)]),
        }
    }

    /// The feed-forward network: each token by itself, through a wide hidden layer. `s.h_ffn` → `s.y`, or `at_once`
    /// added to `s.x`.
    fn feed_forward<Obs: Observer>(&self, layer: usize, at_once: bool, lens: &mut Lens<'_, Obs>, s: &mut Scratch) {
        let kind = self.config.activation;
        match &self.weights.layers[layer].ffn {
            FeedForward::Dense { gate, up, down } => {
                match gate {
                    Some(gate) => {
                        let hidden = Hidden { gate: &mut s.gate, up: &mut s.up, hidden: &mut s.hidden };
                        lens.gated(&s.h_ffn, gate, up, kind, hidden);
                    }
                    None => {
                        lens.linears(&s.h_ffn, [(Op::FfnUp, up, &mut s.up, 0)]);
                        lens.pass(Hook::MlpPre, &mut s.up);
                        lens.activate(kind, None, &s.up, &mut s.hidden);
                        lens.pass(Hook::MlpPost, &mut s.hidden);
                    }
                }
                match at_once {
                    true => lens.linear_onto(&s.hidden, down, &mut s.x),
                    false => lens.linears(&s.hidden, [(Op::FfnDown, down, &mut s.y, 0)]),
                }
            }
            FeedForward::Experts { router, gate, up, down } => {
                let Some(config) = &self.config.layers[layer].experts else { return };
                lens.linears(&s.h_ffn, [(Op::FfnGateInp, router, &mut s.scores, 0)]);
                let (n, n_used) = (s.h_ffn.n(), config.n_used);
                let cost = || cost::route(n, config.n, n_used, config.renormalize);
                let mut visits = lens.run(Op::FfnRoute, cost, |team| Routing::new(&team.kernels, &s.scores, config));
                lens.pass_routing(&mut visits, config);

                // From here on a row is one visit of one token to one expert, the visits of an expert together.
                let (segments, order) = (&visits.segments, &visits.in_order);
                s.visitors.gather(&s.h_ffn, visits.tokens.iter().copied());
                lens.expert_linears(Op::FfnGate, &s.visitors, gate, segments, order, &mut s.gate);
                lens.expert_linears(Op::FfnUp, &s.visitors, up, segments, order, &mut s.up);
                lens.pass_visits(Hook::MlpPreLinear, &mut s.up, order);
                lens.activate(kind, Some(&s.gate), &s.up, &mut s.hidden);
                lens.pass_visits(Hook::MlpPost, &mut s.hidden, order);
                lens.expert_linears(Op::FfnDown, &s.hidden, down, segments, order, &mut s.visited);

                let (visited, y) = (&s.visited, &mut s.y);
                let cost = || cost::combine(n, n_used, visited.width());
                lens.run(Op::FfnCombine, cost, |team| visits.combine(&team.kernels, visited, n_used, y));
                lens.pass(Hook::ExpertsOut, &mut s.y);
            }
        }
    }

    /// A branch, `s.y`, returns to the residual stream, `s.x`: through a norm, if the model has one there.
    fn rejoin<Obs: Observer>(
        &self,
        [norm, add]: [Op; 2],
        hook: Hook,
        post: Option<&Norm>,
        lens: &mut Lens<'_, Obs>,
        s: &mut Scratch,
    ) {
        if let Some(post) = post {
            lens.norm(norm, &s.y, post, self.config.norm, &mut s.post);
            std::mem::swap(&mut s.y, &mut s.post);
        }
        lens.pass(hook, &mut s.y);
        lens.add(add, &mut s.x, &s.y);
    }

    /// The residual stream becomes one score per token of the vocabulary: `s.x` → `s.logits`.
    fn unembed<Obs: Observer>(&self, pass: &Pass, lens: &mut Lens<'_, Obs>, s: &mut Scratch) {
        if s.x.n() > pass.wanted.len() {
            s.x.keep(&pass.wanted);
        }
        s.logits.shape(s.x.n(), self.config.n_vocab);
        if s.x.n() == 0 {
            return;
        }
        s.h_last.keep_for(Reads::of([&self.weights.output]).and_numbers(Lens::<Obs>::WATCHED));
        lens.norm(Op::OutputNorm, &s.x, &self.weights.output_norm, self.config.norm, &mut s.h_last);
        lens.linears(&s.h_last, [(Op::Output, &self.weights.output, &mut s.logits, 0)]);
        if let Some(cap) = self.config.logit_softcap {
            lens.softcap(&mut s.logits, cap);
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
        let (wanted, usage) = (batch.wanted(), cache.usage());
        let (n_tokens, n_logits, n_sequences) = (batch.len(), wanted.len(), batch.sequences().len());
        obs.event(&Event::Forward { n_tokens, n_logits, n_sequences });
        obs.event(&Event::Kv { positions: usage.positions, pages: usage.pages, bytes: usage.bytes });

        let positions: Vec<usize> = batch.rows().iter().map(|row| row.position).collect();
        let turns = self.weights.ropes.iter().map(|speeds| speeds.turns(&positions)).collect();
        let sequences = batch.rows().iter().map(|row| row.sequence).collect();
        Ok(Pass { positions, sequences, slots, turns, rows: (0..n_tokens).collect(), wanted })
    }

    /// The keys and values of this batch, `s.k` and `s.v`, enter the cache.
    fn remember<Obs: Observer>(
        &self,
        layer: usize,
        pass: &Pass,
        cache: &mut KvCache,
        lens: &mut Lens<'_, Obs>,
        s: &Scratch,
    ) {
        let (n, config) = (pass.slots.len(), &self.config.layers[layer]);
        let bytes = n * cache.layout().layer_position_bytes(layer);
        let cost = || cost::kv_write(n, config.n_embd_k(), config.n_embd_v(), bytes);
        lens.run(Op::KvWrite, cost, |team| team.remember(cache, layer, &pass.slots, &s.k, &s.v));
    }

    /// What each asking row may see of its sequence's past. Nothing is copied: attention reads the pages themselves, so
    /// the bytes are counted here and moved there.
    fn recall<Obs: Observer>(
        &self,
        layer: usize,
        asking: &[usize],
        pass: &Pass,
        cache: &KvCache,
        lens: &mut Lens<'_, Obs>,
    ) -> Vec<Query> {
        let window = self.config.layers[layer].window;
        let query = |(row, &asking): (usize, &usize)| {
            let visible = visible(pass.positions[asking], window);
            Query { row, sequence: pass.sequences[asking], visible }
        };
        let mut queries: Vec<Query> = asking.iter().enumerate().map(query).collect();
        queries.sort_by_key(|query| query.sequence); // stable: positions stay in order
        let cost = || {
            let seen = queries.chunk_by(|a, b| a.sequence == b.sequence).map(|rows| visible_to_any(rows).len());
            cost::kv_read(0, seen.sum::<usize>() * cache.layout().layer_position_bytes(layer))
        };
        lens.run(Op::KvRead, cost, |_| ());
        queries
    }

    /// Whether this is the last block, some rows want no logits, and nobody watches them.
    fn asks_less<Obs: Observer>(&self, layer: usize, pass: &Pass, _: &Lens<'_, Obs>) -> bool {
        layer + 1 == self.config.n_layer() && pass.wanted.len() < pass.rows.len() && !Lens::<Obs>::WATCHED
    }
}

/// The positions that a token may see: itself and those before it, the last `window` of them if there is one.
fn visible(position: usize, window: Option<usize>) -> Range<usize> {
    let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
    first..position + 1
}
