//! Q3_K: 256 weights of three bits, with a 6-bit signed scale for every 16. 3.4375 bits per weight.
//!
//! ```text
//!  byte 0                 32                       96             108   110
//!       ┌─ hmask ─────────┬─ qs ───────────────────┬─ scales ─────┬─ d ─┐
//!       │ the third bits  │ two low bits, as Q2_K  │ 16 × 6 bits  │ f16 │
//!       └─────────────────┴────────────────────────┴──────────────┴─────┘
//!
//!  bit b of hmask byte l belongs to weight 32·b + l.   Set: code = low bits (0 … 3); clear: low bits − 4 (−4 … −1)
//!
//!  scales, low four bits:  byte i (0 … 7)          group i in bits 3…0, group i+8 in bits 7…4
//!          high two bits:  byte 8 + i (i 0 … 3)    groups i, i+4, i+8, i+12 in bits 1…0, 3…2, 5…4, 7…6
//!
//!  weight = code · (d · (scale − 32))
//! ```
//!
//! This project reads the format and does not write it. Source: `block_q3_K`, `dequantize_row_q3_K`.

use super::{block::bytes_of_fields, f16, q2_k::place};

/// Weights in a block.
pub const LEN: usize = 256;

/// 256 weights in 110 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// Bit `b` of byte `l` is the high bit of weight `32b + l`.
    pub hmask: [u8; LEN / 8],
    /// Four times two low bits a byte, laid out as in Q2_K.
    pub qs: [u8; LEN / 4],
    /// Sixteen 6-bit scales, see the drawing.
    pub scales: [u8; 12],
    /// The scale of the scales, an f16.
    pub d: [u8; 2],
}

const _: () = assert!(size_of::<Block>() == 110);
bytes_of_fields!(Block { hmask, qs, scales, d });

impl Block {
    /// The scale of group `g` (0…15): a whole number from −32 to 31.
    #[inline]
    pub fn scale(&self, g: usize) -> i32 {
        let low = self.scales[g % 8] >> (4 * (g / 8)) & 0xF;
        let high = self.scales[8 + g % 4] >> (2 * (g / 4)) & 3;
        i32::from(low | high << 4) - 32
    }

    /// Writes the 256 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        let (groups, _) = weights.as_chunks_mut::<16>();
        for (g, group) in groups.iter_mut().enumerate() {
            let scale = d * self.scale(g) as f32;
            let (half, shift, side) = place(g);
            for l in 0..16 {
                let low = self.qs[32 * half + 16 * side + l] >> shift & 3;
                let high = self.hmask[16 * side + l] >> (g / 2) & 1;
                group[l] = scale * (i32::from(low | high << 2) - 4) as f32;
            }
        }
    }
}
