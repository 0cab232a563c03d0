//! MXFP4: 32 four-bit floats share one power of two. 4.25 bits per weight. A format of the Open Compute Project's
//! microscaling (MX) standard, used by gpt-oss.
//!
//! ```text
//!  byte 0    1                              17
//!       ┌─ e ┬─ qs ─────────────────────────┐
//!       │ u8 │ 16 bytes, two codes in each  │       byte j: │ weight j+16 │ weight j │
//!       └────┴──────────────────────────────┘         bits   7     …     4 3   …    0
//!
//!  a code is a float of its own (E2M1): bit 3 sign, bits 2…1 exponent, bit 0 mantissa
//!      0  ½  1  1½  2  3  4  6   and their negatives
//!
//!  weight = E2M1[code] · 2^(e − 127)
//! ```
//!
//! As in GGML the table is doubled to keep whole numbers, and the scale is halved. `e` = 255, a NaN in the standard,
//! is not treated specially: it is 2¹²⁸. This project reads the format and does not write it.
//!
//! Source: `block_mxfp4`, `kvalues_fp4`, `ggml_e8m0_to_fp32_half`, `dequantize_row_mxfp4`.

use super::block::bytes_of_fields;

/// Weights in a block.
pub const LEN: usize = 32;

/// Twice what each code stands for. Code 8 is minus zero in the standard and plain zero here.
pub const DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// 32 weights in 17 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// The exponent of the scale, biased by 127.
    pub e: [u8; 1],
    /// Two codes a byte: weight `j` in the low nibble of byte `j`, weight `j + 16` in the high one.
    pub qs: [u8; LEN / 2],
}

const _: () = assert!(size_of::<Block>() == 17);
bytes_of_fields!(Block { e, qs });

impl Block {
    /// Writes the 32 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = half_scale(self.e[0]);
        for j in 0..LEN / 2 {
            weights[j] = f32::from(DOUBLED[usize::from(self.qs[j] & 0xF)]) * d;
            weights[j + LEN / 2] = f32::from(DOUBLED[usize::from(self.qs[j] >> 4)]) * d;
        }
    }
}

/// 2^(e − 128): an f32 whose exponent field is `e − 1`. For `e` = 0 and 1 that is below the normal range, where the
/// power of two is a bit of the mantissa instead.
#[inline]
pub fn half_scale(e: u8) -> f32 {
    f32::from_bits(match e {
        0 | 1 => 0x0020_0000 << e,
        _ => (u32::from(e) - 1) << 23,
    })
}
