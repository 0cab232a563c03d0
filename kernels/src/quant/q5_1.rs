//! Q5_1: as Q4_1 with a fifth bit per weight. 6 bits per weight.
//!
//! ```text
//!  byte 0     2     4      8                              24
//!       ┌─ d ─┬─ m ─┬─ qh ─┬─ qs ─────────────────────────┐
//!       │ f16 │ f16 │ u32  │ 16 bytes, two codes in each  │    qs byte j: │ weight j+16 │ weight j │  low four bits
//!       └─────┴─────┴──────┴──────────────────────────────┘    qh bit  i: fifth bit of weight i
//!
//!  weight = code · d + m
//! ```
//!
//! Source: `block_q5_1`, `quantize_row_q5_1_ref`, `dequantize_row_q5_1`.

use super::{
    block::{bytes_of_fields, inverse_or_zero},
    f16,
    q4_1::min_max,
    q5_0,
};

/// Weights in a block.
pub const LEN: usize = 32;

/// 32 weights in 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// The step from one code to the next, an f16.
    pub d: [u8; 2],
    /// The weight of code 0, an f16.
    pub m: [u8; 2],
    /// A u32 whose bit `i` is bit 4 of the code of weight `i`.
    pub qh: [u8; 4],
    /// Bits 0…3: weight `j` in the low nibble of byte `j`, weight `j + 16` in the high one.
    pub qs: [u8; LEN / 2],
}

const _: () = assert!(size_of::<Block>() == 24);
bytes_of_fields!(Block { d, m, qh, qs });

impl Block {
    /// Writes the 32 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        let m = f16::to_f32(self.m);
        let codes = q5_0::unpack(&self.qh, &self.qs);
        for (weight, code) in weights.iter_mut().zip(codes) {
            *weight = f32::from(code) * d + m;
        }
    }

    /// The block nearest to 32 weights.
    pub fn quantize(weights: &[f32; LEN]) -> Self {
        let (min, max) = min_max(weights);
        let d = (max - min) / 31.0;
        let inverse = inverse_or_zero(d);
        let (qh, qs) = q5_0::pack(&weights.map(|x| (((x - min) * inverse + 0.5) as u8).min(31)));
        Self { d: f16::from_f32(d), m: f16::from_f32(min), qh, qs }
    }
}
