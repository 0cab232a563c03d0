//! The quantisation of activations: a matrix in a block format reads its rows as integers of 8 or 16 bits
//! ([`crate::kernels::activations`]).
//!
//! Look first at [`ActPrecision`], the choice, then at [`RowForms`], what is stored of a row. The rest is blocks of either
//! precision under one name. How they are multiplied stands in `matmul.rs`, how they are made in [`crate::kernels`].

use super::pack::Linear;
use super::pool::SharedSlice;
use crate::kernels::packed::STRIP;
use crate::kernels::{ActBlock, Kernels};
use crate::observe::Hook;
use std::collections::TryReserveError;
use std::ops::Range;

/// How finely activations are rounded before they meet weights in a block format; where an error counts most they are always
/// rounded finely ([`ActPrecision::at`]). What meets float weights is not rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActPrecision {
    /// 8 bits: the step is a 127th of the largest of 32 activations. The error of a product is about half a percent.
    #[default]
    A8,
    /// 16 bits: the step is a 32,512th, 256 times as fine. Matrices take nearly twice as long in prompts, which are limited
    /// by arithmetic, and hardly longer in decoding, which is limited by memory.
    A16,
}

impl ActPrecision {
    /// The precision of the value with this hook: always 16 bits before the last matrix, whose errors go into the logits
    /// undamped, and before the matrices of queries, keys and values, whose scores go into an exponential.
    pub fn at(self, hook: Hook) -> Self {
        match hook {
            Hook::Ln1Out | Hook::LnFinalOut => Self::A16,
            _ => self,
        }
    }

    /// 8 or 16.
    pub fn bits(self) -> u8 {
        match self {
            Self::A8 => 8,
            Self::A16 => 16,
        }
    }

    /// The largest integer: what the largest of 32 activations becomes.
    pub fn largest(self) -> i32 {
        match self {
            Self::A8 => ActBlock::<1>::LARGEST,
            Self::A16 => ActBlock::<2>::LARGEST,
        }
    }
}

/// As the number of bits.
impl serde::Serialize for ActPrecision {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.bits())
    }
}

/// In which forms rows are stored: as floats for matrices of floats, as integers for matrices in a block format. A form that
/// nobody reads is not written, because the rows of a prompt are larger than the caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowForms {
    pub(super) floats: bool,
    pub(super) integers: bool,
}

impl RowForms {
    /// No matrix reads the rows; other operations read floats.
    pub(super) const FLOATS: Self = Self { floats: true, integers: false };

    /// The forms that these matrices read.
    pub(super) fn of<'a>(matrices: impl IntoIterator<Item = &'a Linear>) -> Self {
        let mut forms = Self { floats: false, integers: false };
        for matrix in matrices {
            let float = matrix.weight.ty.is_float();
            forms.floats |= float;
            forms.integers |= !float;
        }
        forms
    }

    /// The same, and floats if `also` says so.
    pub(super) fn with_floats(self, also: bool) -> Self {
        Self { floats: self.floats || also, ..self }
    }
}

/// Blocks of many rows.
#[derive(Debug)]
pub(super) enum Blocks {
    A8(Vec<ActBlock>),
    A16(Vec<ActBlock<2>>),
}

impl Blocks {
    /// No blocks yet, of this precision.
    pub(super) fn new(activations: ActPrecision) -> Self {
        match activations {
            ActPrecision::A8 => Self::A8(Vec::new()),
            ActPrecision::A16 => Self::A16(Vec::new()),
        }
    }

    /// `a8` or `a16`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::A8(_) => "a8",
            Self::A16(_) => "a16",
        }
    }

    /// Has room for `n` at least.
    pub(super) fn grow(&mut self, n: usize) {
        match self {
            Self::A8(blocks) => blocks.resize(blocks.len().max(n), ActBlock::ZERO),
            Self::A16(blocks) => blocks.resize(blocks.len().max(n), ActBlock::ZERO),
        }
    }

    /// Makes sure that there is memory for `n` blocks.
    pub(super) fn reserve(&mut self, n: usize) -> Result<(), TryReserveError> {
        match self {
            Self::A8(blocks) => blocks.try_reserve_exact(n.saturating_sub(blocks.len())),
            Self::A16(blocks) => blocks.try_reserve_exact(n.saturating_sub(blocks.len())),
        }
    }

    /// Some of the blocks, for a matrix to read.
    pub(super) fn part(&self, range: Range<usize>) -> BlocksRef<'_> {
        match self {
            Self::A8(blocks) => BlocksRef::A8(&blocks[range]),
            Self::A16(blocks) => BlocksRef::A16(&blocks[range]),
        }
    }

    /// All blocks, for several workers to write.
    pub(super) fn shared(&mut self) -> SharedBlocks<'_> {
        match self {
            Self::A8(blocks) => SharedBlocks::A8(SharedSlice::new(blocks)),
            Self::A16(blocks) => SharedBlocks::A16(SharedSlice::new(blocks)),
        }
    }

    /// Copies some blocks to another place.
    pub(super) fn copy_within(&mut self, from: Range<usize>, to: usize) {
        match self {
            Self::A8(blocks) => blocks.copy_within(from, to),
            Self::A16(blocks) => blocks.copy_within(from, to),
        }
    }

    /// Copies some blocks of `source`, which has the same precision.
    pub(super) fn copy_from(&mut self, source: &Self, from: Range<usize>, to: usize) {
        let places = to..to + from.len();
        match (self, source) {
            (Self::A8(blocks), Self::A8(source)) => blocks[places].copy_from_slice(&source[from]),
            (Self::A16(blocks), Self::A16(source)) => blocks[places].copy_from_slice(&source[from]),
            _ => unreachable!("rows are gathered from rows of the same precision"),
        }
    }
}

/// Some blocks, to be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum BlocksRef<'a> {
    A8(&'a [ActBlock]),
    A16(&'a [ActBlock<2>]),
}

/// Blocks that several workers write, each its own.
pub(super) enum SharedBlocks<'a> {
    A8(SharedSlice<'a, ActBlock>),
    A16(SharedSlice<'a, ActBlock<2>>),
}

impl SharedBlocks<'_> {
    /// Rounds `values`, whole strips, to the blocks from `first` on.
    pub(super) fn quantize(&self, kernels: &Kernels, values: &[f32], first: usize) {
        let places = first..first + values.len() / STRIP;
        match self {
            Self::A8(blocks) => (kernels.quantize)(values, blocks.claim(places)),
            Self::A16(blocks) => (kernels.quantize_a16)(values, blocks.claim(places)),
        }
    }
}
