//! [`KvFormat`]: how one head's key or value is stored.
//!
//! A stored key or value, a *row*, is whole blocks of its format, and no block is shared with another head or another
//! position: a row can be written when its token comes and read without its neighbours. (Where single numbers of a row lie
//! apart, in a tile, [`layout`](super::layout) says.)
//!
//! ```text
//!  head_dim = 80      f32     80 · 4 bytes                   320 bytes
//!                     f16     80 · 2 bytes                   160
//!                     q8_0    3 blocks of 34 bytes           102      │ 32 numbers │ 32 numbers │ 16 and 16 zeros │
//!                     q4_0    3 blocks of 18 bytes            54
//! ```
//!
//! Where `head_dim` is no multiple of 32 the last block is filled up with zeros. They never are the largest of a block,
//! so its scale and the other numbers are what they would be without them: the fill costs bytes, not precision. (llama.cpp
//! refuses such heads.) With fewer than 32 numbers the fill can cost more than a block saves.
//!
//! Look first at [`KvFormat::store`]; [`crate::quant`] does the arithmetic.

use crate::quant::{self, GgmlType, QuantError, f16};

/// Numbers that share a scale in the two block formats.
const BLOCK: usize = quant::q8_0::LEN;
const _: () = assert!(BLOCK == quant::q4_0::LEN);

/// How numbers are stored in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KvFormat {
    /// 4 bytes, exact: what is used unless told otherwise.
    #[default]
    F32,
    /// 2 bytes, rounded to 11 bits: half the memory and half the traffic.
    F16,
    /// 1 byte and a scale for 32 numbers: off by at most half a step, 1/254 of the largest of the block.
    Q8_0,
    /// Half a byte and a scale for 32 numbers: steps of 1/8 of the largest of the block.
    Q4_0,
}

/// A format for keys and one for values.
///
/// A score is a sum over a key and enters an exponential; a value is averaged with many others. So values bear coarser
/// steps than keys do: of SmolLM2-135M over 84 tokens of prose, q4_0 moves the predictions by a KL divergence of 0.13 nats
/// where keys are stored so, and of 0.012 where values are (q8_0: 0.0003 and 0.00003; naive path).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KvFormats {
    /// How keys are stored.
    pub k: KvFormat,
    /// How values are stored.
    pub v: KvFormat,
}

impl From<KvFormat> for KvFormats {
    /// The same format for both.
    fn from(format: KvFormat) -> Self {
        Self { k: format, v: format }
    }
}

impl KvFormat {
    /// All of them, the most exact first.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Q8_0, Self::Q4_0];

    /// The same format as a tensor type, which knows sizes and conversions.
    pub const fn ggml_type(self) -> GgmlType {
        match self {
            KvFormat::F32 => GgmlType::F32,
            KvFormat::F16 => GgmlType::F16,
            KvFormat::Q8_0 => GgmlType::Q8_0,
            KvFormat::Q4_0 => GgmlType::Q4_0,
        }
    }

    /// What llama.cpp calls it: `f32`, `f16`, `q8_0`, `q4_0`.
    pub const fn name(self) -> &'static str {
        match self {
            KvFormat::F32 => "f32",
            KvFormat::F16 => "f16",
            KvFormat::Q8_0 => "q8_0",
            KvFormat::Q4_0 => "q4_0",
        }
    }

    /// The format with this name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of a row of `n` numbers: whole blocks.
    pub const fn row_bytes(self, n: usize) -> usize {
        n.div_ceil(self.ggml_type().block_len()) * self.ggml_type().block_bytes()
    }

    /// Writes a row: `row` `[head_dim]` → `bytes`, as many as [`KvFormat::row_bytes`] says.
    ///
    /// A block of numbers that it cannot hold (one is not finite, or too large for an f16 scale) is read back as NaNs: what
    /// went wrong before stays visible.
    pub(super) fn store(self, row: &[f32], bytes: &mut [u8]) {
        let ty = self.ggml_type();
        if ty.is_float() {
            return expect_whole(quant::quantize(ty, row, bytes));
        }
        for (numbers, block) in row.chunks(BLOCK).zip(bytes.chunks_exact_mut(ty.block_bytes())) {
            let mut filled = [0.0; BLOCK];
            filled[..numbers.len()].copy_from_slice(numbers);
            if quant::quantize(ty, &filled, block).is_err() {
                block[..2].copy_from_slice(&f16::from_f32(f32::NAN)); // both formats begin with their scale
            }
        }
    }

    /// Reads a row: `bytes` → `row` `[head_dim]`. The inverse of [`KvFormat::store`], up to what storing rounds away.
    pub(super) fn load(self, bytes: &[u8], row: &mut [f32]) {
        let ty = self.ggml_type();
        let n_whole = row.len() / ty.block_len();
        let (whole, last) = row.split_at_mut(n_whole * ty.block_len());
        let (blocks, last_block) = bytes.split_at(n_whole * ty.block_bytes());
        expect_whole(quant::dequantize(ty, blocks, whole));
        if !last.is_empty() {
            let mut filled = [0.0; BLOCK];
            expect_whole(quant::dequantize(ty, last_block, &mut filled));
            last.copy_from_slice(&filled[..last.len()]);
        }
    }
}

/// What converts whole blocks of a known format has nothing to refuse.
fn expect_whole(converted: Result<(), QuantError>) {
    debug_assert_eq!(converted, Ok(()), "a row has the size of its format");
}
