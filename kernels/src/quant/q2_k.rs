//! Q2_K: 256 weights of two bits, with a 4-bit scale and a 4-bit minimum for every 16. 2.625 bits per weight.
//!
//! ```text
//!  byte 0                16                      80    82     84
//!       ┌─ scales ───────┬─ qs ──────────────────┬─ d ─┬ dmin ┐
//!       │ byte g: min|sc │ 2 halves of 32 bytes  │ f16 │ f16  │      g = weight / 16, its group
//!       └─ bits  7…4 3…0 ┴───────────────────────┴─────┴──────┘
//!
//!  byte l of a half holds four weights 32 apart:   bits  7 6     5 4     3 2     1 0
//!                                                weight  96+l    64+l    32+l      l
//!
//!  weight = code · (d · sc) − dmin · min
//! ```
//!
//! This is the first of the *K-quants*: the scales of small groups are themselves quantised against one scale per
//! 256 weights. Offsets are subtracted, so a minimum of 0 means that the group begins at zero.
//! This project reads the format and does not write it. Source: `block_q2_K`, `dequantize_row_q2_K`.

use super::{block::bytes_of_fields, f16};

/// Weights in a block.
pub const LEN: usize = 256;

/// 256 weights in 84 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// Byte `g` holds the scale (low nibble) and the minimum (high nibble) of weights `16g … 16g + 15`.
    pub scales: [u8; LEN / 16],
    /// Four 2-bit codes a byte, see the drawing.
    pub qs: [u8; LEN / 4],
    /// The scale of the scales, an f16.
    pub d: [u8; 2],
    /// The scale of the minima, an f16.
    pub dmin: [u8; 2],
}

const _: () = assert!(size_of::<Block>() == 84);
bytes_of_fields!(Block { scales, qs, d, dmin });

impl Block {
    /// Writes the 256 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        let dmin = f16::to_f32(self.dmin);
        let (groups, _) = weights.as_chunks_mut::<16>();
        for (g, group) in groups.iter_mut().enumerate() {
            let scale = d * f32::from(self.scales[g] & 0xF);
            let min = dmin * f32::from(self.scales[g] >> 4);
            let (half, shift, side) = place(g);
            for l in 0..16 {
                let code = self.qs[32 * half + 16 * side + l] >> shift & 3;
                group[l] = scale * f32::from(code) - min;
            }
        }
    }
}

/// Where the two low bits of group `g` (16 weights) lie in Q2_K and Q3_K: (half of 128 weights, shift within a byte,
/// first or second 16 bytes of the half).
#[inline]
pub(super) fn place(g: usize) -> (usize, usize, usize) {
    (g / 8, g % 8 / 2 * 2, g % 2)
}
