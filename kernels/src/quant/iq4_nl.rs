//! IQ4_NL: as Q4_0, but the sixteen codes are looked up in a table whose steps widen away from zero ("non-linear").
//! 4.5 bits per weight.
//!
//! ```text
//!  byte 0     2                              18
//!       ┌─ d ─┬─ qs ─────────────────────────┐
//!       │ f16 │ 16 bytes, two codes in each  │      byte j: │ weight j+16 │ weight j │
//!       └─────┴──────────────────────────────┘        bits   7     …     4 3   …    0
//!
//!  weight = VALUES[code] · d
//! ```
//!
//! Trained weights are roughly normal: many lie near zero, few far out. A table can put its values where the weights
//! are; equal steps cannot. This project reads the format and does not write it.
//!
//! Source: `block_iq4_nl`, `kvalues_iq4nl`, `dequantize_row_iq4_nl`.

use super::{block::bytes_of_fields, f16};

/// Weights in a block.
pub const LEN: usize = 32;

/// What each 4-bit code stands for, before the scale. Also the table of IQ4_XS.
pub const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

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
            weights[j] = d * value(self.qs[j] & 0xF);
            weights[j + LEN / 2] = d * value(self.qs[j] >> 4);
        }
    }
}

/// The table's entry for a 4-bit code.
#[inline]
pub(super) fn value(code: u8) -> f32 {
    f32::from(VALUES[usize::from(code & 0xF)])
}
