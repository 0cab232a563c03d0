//! Q4_0: 32 weights share one scale; each is a 4-bit code. 4.5 bits per weight. The simplest quantised format: read
//! this file first.
//!
//! ```text
//!  byte 0     2                              18
//!       ┌─ d ─┬─ qs ─────────────────────────┐
//!       │ f16 │ 16 bytes, two codes in each  │      byte j: │ weight j+16 │ weight j │
//!       └─────┴──────────────────────────────┘        bits   7     …     4 3   …    0
//!
//!  weight = (code − 8) · d
//! ```
//!
//! The codes 0…15 stand for −8…7. There is one more step below zero than above, so the weight with the largest
//! magnitude is mapped to −8 whatever its sign: `d` is negative when that weight is positive.
//!
//! Source: `block_q4_0`, `quantize_row_q4_0_ref`, `dequantize_row_q4_0`.

use super::{
    block::{bytes_of_fields, inverse_or_zero},
    f16,
};

/// Weights in a block.
pub const LEN: usize = 32;

/// 32 weights in 18 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// The scale, an f16.
    pub d: [u8; 2],
    /// Two codes a byte: weight `j` in the low nibble of byte `j`, weight `j + 16` in the high one.
    pub qs: [u8; LEN / 2],
}

const _: () = assert!(size_of::<Block>() == 18);
bytes_of_fields!(Block { d, qs });

impl Block {
    /// Writes the 32 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        for j in 0..LEN / 2 {
            weights[j] = (i32::from(self.qs[j] & 0xF) - 8) as f32 * d;
            weights[j + LEN / 2] = (i32::from(self.qs[j] >> 4) - 8) as f32 * d;
        }
    }

    /// The block nearest to 32 weights.
    pub fn quantize(weights: &[f32; LEN]) -> Self {
        let d = largest_magnitude(weights) / -8.0;
        let inverse = inverse_or_zero(d);

        // Adding 8.5 before truncating rounds to nearest. The far end would round to 16, which four bits cannot hold.
        let code = |x: f32| ((x * inverse + 8.5) as u8).min(15);

        let mut qs = [0; LEN / 2];
        for j in 0..LEN / 2 {
            qs[j] = code(weights[j]) | code(weights[j + LEN / 2]) << 4;
        }
        Self { d: f16::from_f32(d), qs }
    }
}

/// The weight farthest from zero, with its sign; the first of several; 0 if there is none.
pub(super) fn largest_magnitude(weights: &[f32]) -> f32 {
    weights.iter().fold(0.0_f32, |max, &x| if max.abs() < x.abs() { x } else { max })
}
