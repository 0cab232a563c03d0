//! What a matrix in a block format reads of its rows: whole numbers, of one digit or of two ([`crate::kernels::activations`]).
//!
//! Look first at [`Activations`], the choice; the rest is two kinds of blocks under one name. How they are multiplied stands in
//! `ops.rs`, how they are made in [`crate::kernels`].

use super::pack::Linear;
use super::pool::SharedSlice;
use crate::kernels::packed::STRIP;
use crate::kernels::{ActBlock, Kernels};
use crate::observe::Hook;
use std::ops::Range;

/// How finely activations are rounded before they meet weights in a block format; where an error counts most they are always
/// rounded finely ([`Activations::at`]). What meets float weights is not rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activations {
    /// To a 127th of the largest of 32: half a percent of a product.
    #[default]
    EightBits,
    /// To a 32,512th, 256 times as fine. Matrices take nearly twice as long in prompts, where arithmetic counts, and
    /// hardly longer in decoding, where memory does.
    SixteenBits,
}

impl Activations {
    /// How finely the value with this hook is rounded: always to sixteen bits before the last matrix, whose errors go into the
    /// logits as they are, and before those of queries, keys and values, whose scores go into an exponential.
    pub fn at(self, hook: Hook) -> Self {
        match hook {
            Hook::Ln1Out | Hook::LnFinalOut => Self::SixteenBits,
            _ => self,
        }
    }

    /// 8 or 16.
    pub fn bits(self) -> u8 {
        match self {
            Self::EightBits => 8,
            Self::SixteenBits => 16,
        }
    }

    /// The largest whole number: what the largest of 32 activations becomes.
    pub fn largest(self) -> i32 {
        match self {
            Self::EightBits => ActBlock::<1>::LARGEST,
            Self::SixteenBits => ActBlock::<2>::LARGEST,
        }
    }
}

/// As the number of bits.
impl serde::Serialize for Activations {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.bits())
    }
}

/// What the matrices that read some rows want of them: numbers if they are floats, whole numbers if they are blocks. What
/// nobody reads is not written: a prompt's rows are larger than the caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reads {
    pub(super) numbers: bool,
    pub(super) whole: bool,
}

impl Reads {
    /// No matrix does: other operations want numbers.
    pub(super) const NUMBERS: Self = Self { numbers: true, whole: false };

    /// What these matrices want.
    pub(super) fn of<'a>(matrices: impl IntoIterator<Item = &'a Linear>) -> Self {
        let mut reads = Self { numbers: false, whole: false };
        for matrix in matrices {
            let float = matrix.weight.ty.is_float();
            reads.numbers |= float;
            reads.whole |= !float;
        }
        reads
    }

    /// The same, and the numbers in any case.
    pub(super) fn and_numbers(self, wanted: bool) -> Self {
        Self { numbers: self.numbers || wanted, ..self }
    }
}

/// Blocks of many rows.
#[derive(Debug)]
pub(super) enum Blocks {
    Coarse(Vec<ActBlock>),
    Fine(Vec<ActBlock<2>>),
}

impl Blocks {
    /// None yet.
    pub(super) fn new(activations: Activations) -> Self {
        match activations {
            Activations::EightBits => Self::Coarse(Vec::new()),
            Activations::SixteenBits => Self::Fine(Vec::new()),
        }
    }

    /// Has room for `n` at least.
    pub(super) fn grow(&mut self, n: usize) {
        match self {
            Self::Coarse(blocks) => blocks.resize(blocks.len().max(n), ActBlock::ZERO),
            Self::Fine(blocks) => blocks.resize(blocks.len().max(n), ActBlock::ZERO),
        }
    }

    /// Some of them, for a matrix to read.
    pub(super) fn part(&self, range: Range<usize>) -> Part<'_> {
        match self {
            Self::Coarse(blocks) => Part::Coarse(&blocks[range]),
            Self::Fine(blocks) => Part::Fine(&blocks[range]),
        }
    }

    /// All of them, for several workers to write.
    pub(super) fn shared(&mut self) -> Shared<'_> {
        match self {
            Self::Coarse(blocks) => Shared::Coarse(SharedSlice::new(blocks)),
            Self::Fine(blocks) => Shared::Fine(SharedSlice::new(blocks)),
        }
    }

    /// Moves some to where they are wanted.
    pub(super) fn copy_within(&mut self, from: Range<usize>, to: usize) {
        match self {
            Self::Coarse(blocks) => blocks.copy_within(from, to),
            Self::Fine(blocks) => blocks.copy_within(from, to),
        }
    }

    /// Takes some of another's, whose kind is the same.
    pub(super) fn copy_from(&mut self, source: &Self, from: Range<usize>, to: usize) {
        let places = to..to + from.len();
        match (self, source) {
            (Self::Coarse(blocks), Self::Coarse(source)) => blocks[places].copy_from_slice(&source[from]),
            (Self::Fine(blocks), Self::Fine(source)) => blocks[places].copy_from_slice(&source[from]),
            _ => unreachable!("a pass rounds all rows alike"),
        }
    }
}

/// Some blocks, to be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    Coarse(&'a [ActBlock]),
    Fine(&'a [ActBlock<2>]),
}

/// Blocks that several workers write, each its own.
pub(super) enum Shared<'a> {
    Coarse(SharedSlice<'a, ActBlock>),
    Fine(SharedSlice<'a, ActBlock<2>>),
}

impl Shared<'_> {
    /// Rounds `values`, whole strips, to the blocks from `first` on.
    pub(super) fn quantize(&self, kernels: &Kernels, values: &[f32], first: usize) {
        let places = first..first + values.len() / STRIP;
        match self {
            Self::Coarse(blocks) => (kernels.quantize)(values, blocks.claim(places)),
            Self::Fine(blocks) => (kernels.quantize_fine)(values, blocks.claim(places)),
        }
    }
}
