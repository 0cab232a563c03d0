//! Q4_1: as Q4_0, with an offset. 5 bits per weight.
//!
//! ```text
//!  byte 0     2     4                              20
//!       ┌─ d ─┬─ m ─┬─ qs ─────────────────────────┐
//!       │ f16 │ f16 │ 16 bytes, two codes in each  │      byte j: │ weight j+16 │ weight j │
//!       └─────┴─────┴──────────────────────────────┘        bits   7     …     4 3   …    0
//!
//!  weight = code · d + m
//! ```
//!
//! The sixteen codes are spread over exactly [min, max] of the block: code 0 is the smallest weight `m`, code 15 the
//! largest. Worth its two extra bytes where a block does not lie around zero.
//!
//! Source: `block_q4_1`, `quantize_row_q4_1_ref`, `dequantize_row_q4_1`.

use super::{
    block::{bytes_of_fields, inverse_or_zero},
    f16,
};

/// Weights in a block.
pub const LEN: usize = 32;

/// 32 weights in 20 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// The step from one code to the next, an f16.
    pub d: [u8; 2],
    /// The weight of code 0, an f16.
    pub m: [u8; 2],
    /// Two codes a byte: weight `j` in the low nibble of byte `j`, weight `j + 16` in the high one.
    pub qs: [u8; LEN / 2],
}

const _: () = assert!(size_of::<Block>() == 20);
bytes_of_fields!(Block { d, m, qs });

impl Block {
    /// Writes the 32 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        let m = f16::to_f32(self.m);
        for j in 0..LEN / 2 {
            weights[j] = f32::from(self.qs[j] & 0xF) * d + m;
            weights[j + LEN / 2] = f32::from(self.qs[j] >> 4) * d + m;
        }
    }

    /// The block nearest to 32 weights.
    pub fn quantize(weights: &[f32; LEN]) -> Self {
        let (min, max) = min_max(weights);
        let d = (max - min) / 15.0;
        let inverse = inverse_or_zero(d);
        let code = |x: f32| (((x - min) * inverse + 0.5) as u8).min(15);

        let mut qs = [0; LEN / 2];
        for j in 0..LEN / 2 {
            qs[j] = code(weights[j]) | code(weights[j + LEN / 2]) << 4;
        }
        Self { d: f16::from_f32(d), m: f16::from_f32(min), qs }
    }
}

/// The smallest and the largest weight. NaNs are passed over.
pub(super) fn min_max(weights: &[f32]) -> (f32, f32) {
    weights
        .iter()
        .fold((f32::MAX, -f32::MAX), |(min, max), &x| (if x < min { x } else { min }, if x > max { x } else { max }))
}
