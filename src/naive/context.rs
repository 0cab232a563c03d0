//! [`BatchContext`]: one batch as the blocks need it: its positions, its slots in the cache, and what its rows may see.
//!
//! Look first at [`BatchContext::prepare`]: whatever can fail in a forward pass fails there. What it deliberately does not do:
//! compute.

use super::Real;
use super::traced_ops::{SequenceKv, TracedOps};
use crate::batch::{Batch, SeqId};
use crate::kv_cache::{ForwardError, KvCache, KvFormat, KvLayout, KvSide, Slot};
use crate::model::{Config, LayerConfig};
use crate::observe::watch::Watch;
use crate::observe::{Cost, Event, Op, OpWork, cost};
use ndarray::Array3;
use std::ops::Range;

/// One batch, as the blocks need it.
pub(super) struct BatchContext {
    /// The position of each row, `[n_tokens]`.
    pub(super) positions: Vec<usize>,
    /// Where in the cache the key and value of each row go, `[n_tokens]`.
    slots: Vec<Slot>,
    /// The sequences of the batch, and the rows of each.
    sequences: Vec<(SeqId, Vec<usize>)>,
}

impl BatchContext {
    /// Checks that the batch can run and reserves its slots in the cache.
    pub(super) fn prepare(
        config: &Config,
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
        let (sequences, usage) = (batch.sequences(), cache.usage());
        obs.event(|| Event::Forward {
            n_tokens: batch.len(),
            n_logits: batch.logit_rows().len(),
            n_sequences: sequences.len(),
        });
        obs.event(|| Event::Kv { positions: usage.positions, pages: usage.pages, bytes: usage.bytes });
        Ok(Self { positions: batch.rows().iter().map(|row| row.position).collect(), slots, sequences })
    }

    /// Stores the keys and values of the batch in the cache. k `[n_tokens, n_head_kv, head_dim_k]`, v likewise.
    pub(super) fn write_kv<R: Real>(
        &self,
        layer: usize,
        config: &LayerConfig,
        k: &Array3<R>,
        v: &Array3<R>,
        cache: &mut KvCache,
        ops: &mut TracedOps<'_, R, impl Watch>,
    ) {
        let bytes = self.slots.len() * cache.layout().layer_position_bytes(layer);
        let (n, n_embd_k, n_embd_v) = (self.slots.len(), config.n_embd_k(), config.n_embd_v());
        let k_format = cache.layout().format(KvSide::K).name();
        let cost = || cost::kv_write(n, n_embd_k, n_embd_v, bytes);
        let work = || OpWork::new(Op::KvWrite, cost(), [n_embd_k + n_embd_v, n, 1]).writing(k_format);
        ops.op(Op::KvWrite, work, || {
            for ((&slot, k), v) in self.slots.iter().zip(k.outer_iter()).zip(v.outer_iter()) {
                let k: Vec<f32> = k.iter().map(|k| k.to_f32()).collect();
                let v: Vec<f32> = v.iter().map(|v| v.to_f32()).collect();
                cache.write(layer, slot, &k, &v);
            }
        });
    }

    /// For each sequence of the batch: the keys and values of all its positions, and what each of its rows may see.
    pub(super) fn read_kv<R: Real>(
        &self,
        layer: usize,
        config: &LayerConfig,
        cache: &KvCache,
        ops: &mut TracedOps<'_, R, impl Watch>,
    ) -> Vec<SequenceKv<R>> {
        let positions: usize = self.sequences.iter().map(|(sequence, _)| cache.len(*sequence)).sum();
        let values = positions * (config.n_embd_k() + config.n_embd_v());
        let in_blocks = |side, width| if cache.layout().format(side).ggml_type().is_float() { 0 } else { width };
        let decoded = in_blocks(KvSide::K, config.n_embd_k()) + in_blocks(KvSide::V, config.n_embd_v());
        let cost = || Cost {
            dequant: cost::unpack(positions * decoded),
            ..cost::kv_read(values, positions * cache.layout().layer_position_bytes(layer))
        };
        let width = config.n_embd_k() + config.n_embd_v();
        let work = || {
            OpWork::new(Op::KvRead, cost(), [width, positions, 1]).reading("-", cache.layout().format(KvSide::K).name())
        };
        let stored = |side, sequence, head_dim| {
            let values = cache.read(layer, side, sequence).into_iter().map(R::of).collect();
            Array3::from_shape_vec((config.n_head_kv, cache.len(sequence), head_dim), values)
                .expect("the cache has the model's shape, checked in `prepare`")
        };
        let read = |(sequence, rows): &(SeqId, Vec<usize>)| SequenceKv {
            rows: rows.clone(),
            visible: rows.iter().map(|&row| visible(self.positions[row], config.window)).collect(),
            k: stored(KvSide::K, *sequence, config.head_dim_k),
            v: stored(KvSide::V, *sequence, config.head_dim_v),
        };
        ops.op(Op::KvRead, work, || self.sequences.iter().map(read).collect())
    }
}

/// The positions that a token may see: itself and those before it, the last `window` of them if there is one.
fn visible(position: usize, window: Option<usize>) -> Range<usize> {
    let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
    first..position + 1
}
