//! The buffers of a forward pass: allocated once, as large as the largest pass so far, and used by every block in turn. Only
//! the logits are given away each time.
//!
//! Look first at [`Rows`], the type of nearly all of them, then at [`Scratch`], whose fields follow a block from top to
//! bottom.

use super::act_quant::{ActPrecision, Blocks, BlocksRef, RowForms, SharedBlocks};
use super::pack::{FeedForward, Layer};
use super::pool::SharedSlice;
use super::softmax::ChunkResults;
use crate::kernels::packed::STRIP;
use crate::observe::Hook;
use crate::quant::GgmlType;
use std::collections::TryReserveError;
use std::ops::Range;

/// Activations, `[n, width]`: a row is one token. Rows that matrices read are stored in the forms that these want
/// ([`RowForms`]).
#[derive(Debug)]
pub(super) struct Rows {
    n: usize,
    width: usize,
    forms: RowForms,
    /// `[n, width]` if the rows are stored as floats.
    values: Vec<f32>,
    /// `[n, width / 32]` if the rows are stored as integers.
    blocks: Blocks,
}

/// What a matrix reads: some rows, as floats and as integers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) n: usize,
    /// `[n, width]`, or nothing if no matrix reads floats.
    pub(super) values: &'a [f32],
    /// `[n, width / 32]`, or nothing if no matrix reads integers.
    pub(super) blocks: BlocksRef<'a>,
}

impl Rows {
    /// No rows yet. Their integers, if there will be any, have this precision.
    pub(super) fn new(activations: ActPrecision) -> Self {
        Self { n: 0, width: 0, forms: RowForms::FLOATS, values: Vec::new(), blocks: Blocks::new(activations) }
    }

    /// Sets the forms in which rows are stored from the next shape on. Until then there are no rows.
    pub(super) fn set_forms(&mut self, forms: RowForms) {
        (self.n, self.forms) = (0, forms);
    }

    pub(super) fn forms(&self) -> RowForms {
        self.forms
    }

    /// Makes sure that there is memory for this shape, in any form.
    pub(super) fn reserve(&mut self, n: usize, width: usize) -> Result<(), TryReserveError> {
        let n_values = n.saturating_mul(width);
        self.values.try_reserve_exact(n_values.saturating_sub(self.values.len()))?;
        self.blocks.reserve(n_values / STRIP)
    }

    /// Sets the shape. The contents are undefined until they are written; memory only grows.
    pub(super) fn shape(&mut self, n: usize, width: usize) {
        (self.n, self.width) = (n, width);
        if self.values.len() < self.n_values() {
            self.values.resize(self.n_values(), 0.0);
        }
        self.blocks.grow(n * self.strips());
    }

    /// Floats stored of a row.
    fn stored_width(&self) -> usize {
        if self.forms.floats { self.width } else { 0 }
    }

    fn n_values(&self) -> usize {
        self.n * self.stored_width()
    }

    pub(super) fn n(&self) -> usize {
        self.n
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Blocks stored of a row.
    pub(super) fn strips(&self) -> usize {
        if self.forms.integers { self.width / STRIP } else { 0 }
    }

    /// `[n, width]`, or nothing if the rows are not stored as floats.
    pub(super) fn values(&self) -> &[f32] {
        &self.values[..self.n_values()]
    }

    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        let n = self.n_values();
        &mut self.values[..n]
    }

    /// Gives the values away; the next shape allocates new ones.
    pub(super) fn take(&mut self) -> Vec<f32> {
        let mut values = std::mem::take(&mut self.values);
        values.truncate(self.n_values());
        values
    }

    /// Values and blocks, for several workers to write.
    pub(super) fn shared(&mut self) -> (SharedSlice<'_, f32>, SharedBlocks<'_>) {
        let n = self.n_values();
        (SharedSlice::new(&mut self.values[..n]), self.blocks.shared())
    }

    pub(super) fn row(&self, i: usize) -> &[f32] {
        &self.values()[i * self.width..][..self.width]
    }

    /// All rows, for a matrix to read.
    pub(super) fn input(&self) -> Input<'_> {
        self.input_of(0..self.n)
    }

    /// Some of the rows, for a matrix to read.
    pub(super) fn input_of(&self, rows: Range<usize>) -> Input<'_> {
        let (width, strips) = (self.stored_width(), self.strips());
        Input {
            n: rows.len(),
            values: &self.values[rows.start * width..rows.end * width],
            blocks: self.blocks.part(rows.start * strips..rows.end * strips),
        }
    }

    /// What is stored of them: `f32`, or `a8`, `a16` for integers.
    pub(super) fn stored_type(&self) -> &'static str {
        if self.forms.integers { self.blocks.name() } else { "f32" }
    }

    /// What a matrix of this format reads of them.
    pub(super) fn read_type(&self, weights: GgmlType) -> &'static str {
        if weights.is_float() { "f32" } else { self.blocks.name() }
    }

    /// Removes all rows but these, which are given in ascending order.
    pub(super) fn retain_rows(&mut self, rows: &[usize]) {
        if rows.len() == self.n {
            return;
        }
        let (width, strips) = (self.stored_width(), self.strips());
        for (to, &from) in rows.iter().enumerate() {
            self.values.copy_within(from * width..(from + 1) * width, to * width);
            self.blocks.copy_within(from * strips..(from + 1) * strips, to * strips);
        }
        self.n = rows.len();
    }

    /// Becomes a copy of these rows of `source`, in any order; a row may be copied several times.
    pub(super) fn gather(&mut self, source: &Rows, rows: impl ExactSizeIterator<Item = usize>) {
        self.shape(rows.len(), source.width);
        let (width, strips) = (self.width, self.strips());
        for (to, from) in rows.enumerate() {
            if self.forms.floats {
                self.values[to * width..][..width].copy_from_slice(source.row(from));
            }
            self.blocks.copy_from(&source.blocks, from * strips..(from + 1) * strips, to * strips);
        }
    }
}

/// The buffers of a block and of the last matrix. `n_queries` is `n_tokens`, but in the last block `n_logits`.
#[derive(Debug)]
pub(super) struct Scratch {
    /// What attention reads: x, normalised, always with 16 bits, `[n_tokens, n_embd]`.
    pub(super) h_attn: Rows,
    /// Queries, `[n_queries, n_head · head_dim_k]`.
    pub(super) q: Rows,
    /// Keys, `[n_tokens, n_head_kv · head_dim_k]`.
    pub(super) k: Rows,
    /// Values, `[n_tokens, n_head_kv · head_dim_v]`.
    pub(super) v: Rows,
    /// Weighted sums of values, `[n_queries, n_head · head_dim_v]`.
    pub(super) z: Rows,
    /// The output of a branch, `[n_queries, n_embd]`, where it is not added at once.
    pub(super) y: Rows,
    /// As `y`, after the norm that some models have there.
    pub(super) post: Rows,
    /// What the feed-forward network reads: x, normalised, `[n_queries, n_embd]`.
    pub(super) h_ffn: Rows,
    /// `[n_queries, n_ff]`, as the next two; with experts a row is an assignment, `[n_queries · n_used, n_ff]`.
    pub(super) gate: Rows,
    pub(super) up: Rows,
    pub(super) hidden: Rows,
    /// The router's scores, `[n_queries, n_expert]`.
    pub(super) scores: Rows,
    /// Inputs and outputs of the experts, `[n_queries · n_used, n_embd]`, sorted by expert.
    pub(super) expert_in: Rows,
    pub(super) expert_out: Rows,
    /// What the last matrix reads: x, normalised, always with 16 bits, `[n_logits, n_embd]`.
    pub(super) h_last: Rows,
    /// `[n_logits, n_vocab]`.
    pub(super) logits: Rows,
    /// The results of attention over single chunks of positions, before they are merged.
    pub(super) chunks: ChunkResults,
}

impl Scratch {
    /// Empty buffers.
    pub(super) fn new(activations: ActPrecision) -> Self {
        let rows = || Rows::new(activations);
        Self {
            h_attn: Rows::new(activations.at(Hook::Ln1Out)),
            q: rows(),
            k: rows(),
            v: rows(),
            z: rows(),
            y: rows(),
            post: rows(),
            h_ffn: rows(),
            gate: rows(),
            up: rows(),
            hidden: rows(),
            scores: rows(),
            expert_in: rows(),
            expert_out: rows(),
            h_last: Rows::new(activations.at(Hook::LnFinalOut)),
            logits: rows(),
            chunks: ChunkResults::default(),
        }
    }

    /// Stores rows as the matrices of this block read them; as floats too, if somebody watches.
    pub(super) fn set_row_forms(&mut self, layer: &Layer, watched: bool) {
        let set = |rows: &mut Rows, forms: RowForms| rows.set_forms(forms.with_floats(watched));
        set(&mut self.h_attn, RowForms::of([&layer.attn_q, &layer.attn_k, &layer.attn_v]));
        set(&mut self.z, RowForms::of([&layer.attn_output]));
        match &layer.ffn {
            FeedForward::Dense { gate, up, down } => {
                set(&mut self.h_ffn, RowForms::of(gate.iter().chain([up])));
                set(&mut self.hidden, RowForms::of([down]));
            }
            FeedForward::Experts { router, gate, up, down } => {
                set(&mut self.h_ffn, RowForms::of(gate.iter().chain(up).chain([router])));
                set(&mut self.expert_in, RowForms::of(gate.iter().chain(up)));
                set(&mut self.hidden, RowForms::of(down));
            }
        }
    }
}
