//! IQ4_XS: IQ4_NL's table over 256 weights, with a 6-bit scale for every 32 of them. 4.25 bits per weight.
//!
//! ```text
//!  byte 0     2          4          8                                                136
//!       ┌─ d ─┬─ scales_h ┬─ scales_l ┬─ qs ─────────────────────────────────────────┐
//!       │ f16 │ u16       │ 8 × 4 bit │ eight groups of 16 bytes, each as in IQ4_NL  │
//!       └─────┴───────────┴───────────┴──────────────────────────────────────────────┘
//!
//!  scale of group g = (nibble g of scales_l + 16 · bits 2g, 2g+1 of scales_h) − 32             −32 … 31
//!  weight           = VALUES[code] · (scale · d)
//! ```
//!
//! This project reads the format and does not write it. Source: `block_iq4_xs`, `dequantize_row_iq4_xs`.

use super::{block::bytes_of_fields, f16, iq4_nl::value};

/// Weights in a block.
pub const LEN: usize = 256;

/// 256 weights in 136 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// The scale of the scales, an f16.
    pub d: [u8; 2],
    /// A u16: bits `2g` and `2g + 1` are the upper two bits of the scale of group `g`.
    pub scales_h: [u8; 2],
    /// The lower four bits: group `2i` in the low nibble of byte `i`, group `2i + 1` in the high one.
    pub scales_l: [u8; LEN / 64],
    /// Sixteen bytes a group: weight `j` in the low nibble of byte `j`, weight `j + 16` in the high one.
    pub qs: [u8; LEN / 2],
}

const _: () = assert!(size_of::<Block>() == 136);
bytes_of_fields!(Block { d, scales_h, scales_l, qs });

impl Block {
    /// The scale of group `g` (0…7): a whole number from −32 to 31.
    #[inline]
    pub fn scale(&self, g: usize) -> i32 {
        let low = self.scales_l[g / 2] >> (4 * (g % 2)) & 0xF;
        let high = u16::from_le_bytes(self.scales_h) >> (2 * g) & 3;
        i32::from(low) + 16 * i32::from(high) - 32
    }

    /// Writes the 256 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        let (groups, _) = weights.as_chunks_mut::<32>();
        let (codes, _) = self.qs.as_chunks::<16>();
        for (g, (group, codes)) in groups.iter_mut().zip(codes).enumerate() {
            let scale = d * self.scale(g) as f32;
            for j in 0..16 {
                group[j] = scale * value(codes[j] & 0xF);
                group[j + 16] = scale * value(codes[j] >> 4);
            }
        }
    }
}
