//! Q8_0: 32 weights share one scale; each is a signed byte. 8.5 bits per weight.
//!
//! ```text
//!  byte 0     2                                                        34
//!       ┌─ d ─┬─ qs ───────────────────────────────────────────────────┐
//!       │ f16 │ 32 signed bytes: byte j is the code of weight j        │
//!       └─────┴────────────────────────────────────────────────────────┘
//!
//!  weight = code · d
//! ```
//!
//! The codes run from −127 to 127 (−128 is never written). Close enough to the original to be used as a stand-in for
//! it, and simple enough to be made while the model runs: activations and KV caches are stored this way too.
//!
//! Source: `block_q8_0`, `quantize_row_q8_0_ref`, `dequantize_row_q8_0`. llama.cpp's vector kernels round ties to even,
//! the reference and this file away from zero; they differ only where `weight / d` lies exactly halfway.

use super::{
    block::{bytes_of_fields, inverse_or_zero},
    f16,
};

/// Weights in a block.
pub const LEN: usize = 32;

/// 32 weights in 34 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// The scale, an f16.
    pub d: [u8; 2],
    /// Byte `j` is the code of weight `j`, an i8.
    pub qs: [u8; LEN],
}

const _: () = assert!(size_of::<Block>() == 34);
bytes_of_fields!(Block { d, qs });

impl Block {
    /// Writes the 32 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        for (weight, &code) in weights.iter_mut().zip(&self.qs) {
            *weight = f32::from(code as i8) * d;
        }
    }

    /// The block nearest to 32 weights.
    pub fn quantize(weights: &[f32; LEN]) -> Self {
        let largest = weights.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        let d = largest / 127.0;
        let inverse = inverse_or_zero(d);
        Self { d: f16::from_f32(d), qs: weights.map(|x| (x * inverse).round() as i8 as u8) }
    }
}
