//! [`BatchContext`]: one batch as the blocks need it: its positions, its slots in the cache, and what its rows may see.
//!
//! Look first at [`BatchContext::prepare`]: whatever can fail in a forward pass fails there. What it deliberately does not do:
//! compute.

use super::attention::{Query, seen_positions};
use super::rope::{RopeFreqs, RopeTable};
use super::scratch::Scratch;
use super::traced_ops::TracedOps;
use crate::batch::{Batch, SeqId};
use crate::kv_cache::{ForwardError, KvCache, KvFormat, KvLayout, KvSide, Slot};
use crate::model::{Config, LayerConfig};
use crate::observe::watch::Watch;
use crate::observe::{Event, Op, OpWork, cost};
use std::ops::Range;

/// One batch, as the blocks need it.
pub(super) struct BatchContext {
    /// The position of each row, `[n_tokens]`.
    pub(super) positions: Vec<usize>,
    /// The sequence of each row, `[n_tokens]`.
    sequences: Vec<SeqId>,
    /// Where in the cache the key and value of each row go, `[n_tokens]`.
    slots: Vec<Slot>,
    /// Sines and cosines of each row, for each kind of RoPE of the model.
    pub(super) ropes: Vec<RopeTable>,
    /// `0..n_tokens`.
    pub(super) all_rows: Vec<usize>,
    /// The rows that want logits, `[n_logits]`.
    pub(super) logit_rows: Vec<usize>,
}

impl BatchContext {
    /// Checks that the batch can run and reserves its slots in the cache.
    pub(super) fn prepare(
        config: &Config,
        ropes: &[RopeFreqs],
        batch: &Batch,
        cache: &mut KvCache,
        obs: &mut impl Watch,
    ) -> Result<Self, ForwardError> {
        batch.check(config)?;
        let layout = KvLayout::new(config, KvFormat::F32, KvFormat::F32, 1);
        if layout.layers() != cache.layout().layers() {
            return Err(ForwardError::ForeignCache);
        }
        let slots = cache.reserve(batch)?;
        let (logit_rows, usage) = (batch.logit_rows(), cache.usage());
        let (n_tokens, n_logits, n_sequences) = (batch.len(), logit_rows.len(), batch.sequences().len());
        obs.event(|| Event::Forward { n_tokens, n_logits, n_sequences });
        obs.event(|| Event::Kv { positions: usage.positions, pages: usage.pages, bytes: usage.bytes });

        let positions: Vec<usize> = batch.rows().iter().map(|row| row.position).collect();
        let ropes = ropes.iter().map(|rope| rope.table(&positions)).collect();
        let sequences = batch.rows().iter().map(|row| row.sequence).collect();
        Ok(Self { positions, sequences, slots, ropes, all_rows: (0..n_tokens).collect(), logit_rows })
    }

    /// The rows of the batch whose queries a block computes: all of them, or, where nothing reads the others, those that
    /// want logits. In the last block the others are only needed for their keys and values; an observer sees all rows.
    pub(super) fn query_rows(&self, only_for_logits: bool) -> &[usize] {
        if only_for_logits { &self.logit_rows } else { &self.all_rows }
    }

    /// Stores the keys and values of the batch, `s.k` and `s.v`, in the cache.
    pub(super) fn write_kv(
        &self,
        layer: usize,
        config: &LayerConfig,
        cache: &mut KvCache,
        ops: &mut TracedOps<'_, impl Watch>,
        s: &Scratch,
    ) {
        let n = self.slots.len();
        let bytes = n * cache.layout().layer_position_bytes(layer);
        let (n_embd_k, n_embd_v, format) = (config.n_embd_k(), config.n_embd_v(), cache.layout().format(KvSide::K));
        let cost = || cost::kv_write(n, n_embd_k, n_embd_v, bytes);
        let work = || OpWork::new(Op::KvWrite, cost(), [n_embd_k + n_embd_v, n, 1]).writing(format.name());
        ops.op(Op::KvWrite, work, |workers| workers.write_kv(cache, layer, &self.slots, &s.k, &s.v));
    }

    /// The queries of these rows: which sequence each reads, and which of its positions. Nothing is copied here, because
    /// attention reads the pages themselves: both run as one. An observer that wants every operation by itself is told the bytes
    /// here.
    pub(super) fn read_kv(
        &self,
        layer: usize,
        config: &LayerConfig,
        rows: &[usize],
        cache: &KvCache,
        ops: &mut TracedOps<'_, impl Watch>,
    ) -> Vec<Query> {
        let query = |(row, &of_batch): (usize, &usize)| {
            let visible = visible(self.positions[of_batch], config.window);
            Query { row, sequence: self.sequences[of_batch], visible }
        };
        let mut queries: Vec<Query> = rows.iter().enumerate().map(query).collect();
        queries.sort_by_key(|query| query.sequence); // stable: positions stay in order
        if ops.shows_values() {
            let work = || {
                let (seen, width) = (seen_positions(&queries), config.n_embd_k() + config.n_embd_v());
                let cost = cost::kv_read(0, seen * cache.layout().layer_position_bytes(layer));
                OpWork::new(Op::KvRead, cost, [width, seen, 1]).reading("-", cache.layout().format(KvSide::K).name())
            };
            ops.op(Op::KvRead, work, |_| ());
        }
        queries
    }
}

/// The positions that a token may see: itself and those before it, the last `window` of them if there is one.
fn visible(position: usize, window: Option<usize>) -> Range<usize> {
    let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
    first..position + 1
}
