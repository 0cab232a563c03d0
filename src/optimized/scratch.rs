//! The buffers of a forward pass: taken once, as large as the largest pass so far, and used by every block in turn. Only the
//! logits are given away each time.
//!
//! Look first at [`Rows`], the shape of nearly all of them, then at [`Scratch`], whose fields are a block from top to
//! bottom.

use super::attention::Partial;
use super::pack::{FeedForward, Layer};
use super::pool::SharedSlice;
use super::whole::{Activations, Blocks, Part, Reads, Shared};
use crate::kernels::packed::STRIP;
use crate::observe::Hook;
use std::ops::Range;

/// Activations, `[n, width]`: a row is one token. Rows that matrices will read are kept as these want them ([`Reads`]).
#[derive(Debug)]
pub(super) struct Rows {
    n: usize,
    width: usize,
    reads: Reads,
    values: Vec<f32>,
    /// `[n, width / 32]`.
    blocks: Blocks,
}

/// What a matrix reads: some rows, as numbers and as whole numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) n: usize,
    /// `[n, width]`, or nothing if no matrix wants numbers.
    pub(super) values: &'a [f32],
    /// `[n, width / 32]`, or nothing if no matrix wants whole numbers.
    pub(super) blocks: Part<'a>,
}

impl Rows {
    /// No rows yet, whose whole numbers will be so fine.
    fn new(activations: Activations) -> Self {
        Self { n: 0, width: 0, reads: Reads::NUMBERS, values: Vec::new(), blocks: Blocks::new(activations) }
    }

    /// What is to be kept from the next shape on; until then there are no rows.
    pub(super) fn keep_for(&mut self, reads: Reads) {
        (self.n, self.reads) = (0, reads);
    }

    pub(super) fn reads(&self) -> Reads {
        self.reads
    }

    /// Takes a shape. Contents are what was there before; memory is only ever added.
    pub(super) fn shape(&mut self, n: usize, width: usize) {
        (self.n, self.width) = (n, width);
        if self.values.len() < self.n_values() {
            self.values.resize(self.n_values(), 0.0);
        }
        self.blocks.grow(n * self.strips());
    }

    /// Numbers in a row, if they are kept.
    fn kept_width(&self) -> usize {
        if self.reads.numbers { self.width } else { 0 }
    }

    fn n_values(&self) -> usize {
        self.n * self.kept_width()
    }

    pub(super) fn n(&self) -> usize {
        self.n
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Blocks in a row, if any are kept.
    pub(super) fn strips(&self) -> usize {
        if self.reads.whole { self.width / STRIP } else { 0 }
    }

    /// `[n, width]`, if they are kept.
    pub(super) fn values(&self) -> &[f32] {
        &self.values[..self.n_values()]
    }

    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        let n = self.n_values();
        &mut self.values[..n]
    }

    /// Gives the values away; the next shape finds new ones.
    pub(super) fn take(&mut self) -> Vec<f32> {
        let mut values = std::mem::take(&mut self.values);
        values.truncate(self.n_values());
        values
    }

    /// Values and blocks, for several workers to write.
    pub(super) fn shared(&mut self) -> (SharedSlice<'_, f32>, Shared<'_>) {
        let n = self.n_values();
        (SharedSlice::new(&mut self.values[..n]), self.blocks.shared())
    }

    pub(super) fn row(&self, i: usize) -> &[f32] {
        &self.values()[i * self.width..][..self.width]
    }

    /// All rows.
    pub(super) fn input(&self) -> Input<'_> {
        self.input_of(0..self.n)
    }

    /// Some of the rows, as they were rounded.
    pub(super) fn input_of(&self, rows: Range<usize>) -> Input<'_> {
        let (width, strips) = (self.kept_width(), self.strips());
        Input {
            n: rows.len(),
            values: &self.values[rows.start * width..rows.end * width],
            blocks: self.blocks.part(rows.start * strips..rows.end * strips),
        }
    }

    /// Keeps only these rows, in order; they are given in ascending order.
    pub(super) fn keep(&mut self, rows: &[usize]) {
        let (width, strips) = (self.kept_width(), self.strips());
        for (to, &from) in rows.iter().enumerate() {
            self.values.copy_within(from * width..(from + 1) * width, to * width);
            self.blocks.copy_within(from * strips..(from + 1) * strips, to * strips);
        }
        self.n = rows.len();
    }

    /// Becomes rows of `source`, in any order and as often as wanted.
    pub(super) fn gather(&mut self, source: &Rows, rows: impl ExactSizeIterator<Item = usize>) {
        self.shape(rows.len(), source.width);
        let (width, strips) = (self.width, self.strips());
        for (to, from) in rows.enumerate() {
            if self.reads.numbers {
                self.values[to * width..][..width].copy_from_slice(source.row(from));
            }
            self.blocks.copy_from(&source.blocks, from * strips..(from + 1) * strips, to * strips);
        }
    }
}

/// Every buffer of a forward pass.
#[derive(Debug)]
pub(super) struct Scratch {
    /// The residual stream, `[n_tokens, n_embd]`.
    pub(super) x: Rows,
    /// What attention reads: x, normalised, always in sixteen bits.
    pub(super) h_attn: Rows,
    /// Queries, `[n_asking, n_head · head_dim_k]`.
    pub(super) q: Rows,
    /// Keys, `[n_tokens, n_head_kv · head_dim_k]`.
    pub(super) k: Rows,
    /// Values, `[n_tokens, n_head_kv · head_dim_v]`.
    pub(super) v: Rows,
    /// Mixed values, `[n_asking, n_head · head_dim_v]`.
    pub(super) z: Rows,
    /// What a branch adds to the residual stream, `[n_asking, n_embd]`, where it is not added at once.
    pub(super) y: Rows,
    /// As `y`, after the norm that some models have there.
    pub(super) post: Rows,
    /// What the feed-forward network reads: x, normalised.
    pub(super) h_ffn: Rows,
    /// `[n_asking, n_ff]`, as the next two; with experts a row is a visit.
    pub(super) gate: Rows,
    pub(super) up: Rows,
    pub(super) hidden: Rows,
    /// Router's scores, `[n_asking, n_expert]`.
    pub(super) scores: Rows,
    /// Inputs and results of the experts, `[n_visits, n_embd]`, the visits of one expert together.
    pub(super) visitors: Rows,
    pub(super) visited: Rows,
    /// What the last matrix reads, `[n_logits, n_embd]`: x, normalised, always in sixteen bits.
    pub(super) h_last: Rows,
    /// `[n_logits, n_vocab]`.
    pub(super) logits: Rows,
    /// What attention over pieces of the past found, before the pieces are put together.
    pub(super) partials: Vec<Partial>,
    pub(super) mixed: Vec<f32>,
}

impl Scratch {
    /// No buffer has a size yet.
    pub(super) fn new(activations: Activations) -> Self {
        let rows = || Rows::new(activations);
        Self {
            x: rows(),
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
            visitors: rows(),
            visited: rows(),
            h_last: Rows::new(activations.at(Hook::LnFinalOut)),
            logits: rows(),
            partials: Vec::new(),
            mixed: Vec::new(),
        }
    }

    /// Rows are kept as the matrices of this block read them; as numbers too, if somebody watches.
    pub(super) fn serve(&mut self, layer: &Layer, watched: bool) {
        let keep = |rows: &mut Rows, reads: Reads| rows.keep_for(reads.and_numbers(watched));
        keep(&mut self.h_attn, Reads::of([&layer.attn_q, &layer.attn_k, &layer.attn_v]));
        keep(&mut self.z, Reads::of([&layer.attn_output]));
        match &layer.ffn {
            FeedForward::Dense { gate, up, down } => {
                keep(&mut self.h_ffn, Reads::of(gate.iter().chain([up])));
                keep(&mut self.hidden, Reads::of([down]));
            }
            FeedForward::Experts { router, gate, up, down } => {
                keep(&mut self.h_ffn, Reads::of(gate.iter().chain(up).chain([router])));
                keep(&mut self.visitors, Reads::of(gate.iter().chain(up)));
                keep(&mut self.hidden, Reads::of(down));
            }
        }
    }
}
