//! Q5_K: Q4_K with a fifth bit per weight. 5.5 bits per weight.
//!
//! ```text
//!  byte 0     2      4              16                 48                                    176
//!       ┌─ d ─┬ dmin ┬─ scales ─────┬─ qh ─────────────┬─ qs ────────────────────────────────┐
//!       │ f16 │ f16  │ see k_scales │ the fifth bits   │ low four bits, laid out as in Q4_K  │
//!       └─────┴──────┴──────────────┴──────────────────┴─────────────────────────────────────┘
//!
//!  bit g of qh byte l belongs to weight 32·g + l
//!
//!  weight = code · (d · scale) − dmin · min                code 0 … 31, scale and min 0 … 63
//! ```
//!
//! Source: `block_q5_K`, `quantize_row_q5_K_ref`, `dequantize_row_q5_K`.

use super::{block::bytes_of_fields, f16, k_scales, k_search, q4_k::pack_low_nibbles};

/// Weights in a block.
pub const LEN: usize = 256;

/// 256 weights in 176 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// The scale of the scales, an f16.
    pub d: [u8; 2],
    /// The scale of the minima, an f16.
    pub dmin: [u8; 2],
    /// Eight scales and eight minima of six bits: [`k_scales`].
    pub scales: [u8; 12],
    /// Bit `g` of byte `l` is bit 4 of the code of weight `32g + l`.
    pub qh: [u8; LEN / 8],
    /// Bits 0…3, two codes a byte: in each chunk of 32 bytes, weight `l` low and weight `32 + l` high.
    pub qs: [u8; LEN / 2],
}

const _: () = assert!(size_of::<Block>() == 176);
bytes_of_fields!(Block { d, dmin, scales, qh, qs });

impl Block {
    /// Writes the 256 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        let dmin = f16::to_f32(self.dmin);
        let (scales, mins) = k_scales::unpack(&self.scales);

        let (groups, _) = weights.as_chunks_mut::<32>();
        let (bytes, _) = self.qs.as_chunks::<32>();
        for (g, group) in groups.iter_mut().enumerate() {
            let scale = d * f32::from(scales[g]);
            let min = dmin * f32::from(mins[g]);
            let bytes = &bytes[g / 2];
            for l in 0..32 {
                let low = bytes[l] >> (4 * (g % 2)) & 0xF;
                let high = self.qh[l] >> g & 1;
                group[l] = scale * f32::from(low | high << 4) - min;
            }
        }
    }
    /// A block close to 256 weights, found by [`k_search`].
    pub fn quantize(weights: &[f32; LEN]) -> Self {
        let tries = k_search::Tries { max_code: 31, first: -0.5, steps: 15 };
        let k_search::Affine { d, dmin, scales, codes } = k_search::affine(weights, tries);

        let mut qh = [0; LEN / 8];
        for (i, code) in codes.iter().enumerate() {
            qh[i % 32] |= (code >> 4) << (i / 32);
        }
        Self { d, dmin, scales, qh, qs: pack_low_nibbles(&codes) }
    }
}
