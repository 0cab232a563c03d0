//! Q4_K: 256 weights of four bits, with a 6-bit scale and a 6-bit minimum for every 32. 4.5 bits per weight; the
//! format of most models that people download (`Q4_K_M`).
//!
//! ```text
//!  byte 0     2      4              16                                              144
//!       ┌─ d ─┬ dmin ┬─ scales ─────┬─ qs ──────────────────────────────────────────┐
//!       │ f16 │ f16  │ see k_scales │ four chunks of 32 bytes, for 64 weights each  │
//!       └─────┴──────┴──────────────┴───────────────────────────────────────────────┘
//!
//!  byte l of a chunk:  bits 7…4 = code of its weight 32+l,  bits 3…0 = code of its weight l
//!
//!  weight = code · (d · scale) − dmin · min                code 0 … 15, scale and min 0 … 63
//! ```
//!
//! Q4_1 spends 32 bits on scale and minimum of 32 weights. Here they cost 12 bits and a share of `d` and `dmin`: one
//! bit a weight less becomes affordable because neighbouring groups have similar scales.
//!
//! Source: `block_q4_K`, `quantize_row_q4_K_ref`, `dequantize_row_q4_K`.

use super::{block::bytes_of_fields, f16, k_scales, k_search};

/// Weights in a block.
pub const LEN: usize = 256;

/// 256 weights in 144 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// The scale of the scales, an f16.
    pub d: [u8; 2],
    /// The scale of the minima, an f16.
    pub dmin: [u8; 2],
    /// Eight scales and eight minima of six bits: [`k_scales`].
    pub scales: [u8; 12],
    /// Two codes a byte: in each chunk of 32 bytes, weight `l` low and weight `32 + l` high.
    pub qs: [u8; LEN / 2],
}

const _: () = assert!(size_of::<Block>() == 144);
bytes_of_fields!(Block { d, dmin, scales, qs });

impl Block {
    /// Writes the 256 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        let dmin = f16::to_f32(self.dmin);
        let (scales, mins) = k_scales::unpack(&self.scales);

        let (chunks, _) = weights.as_chunks_mut::<64>();
        let (bytes, _) = self.qs.as_chunks::<32>();
        for (c, (chunk, bytes)) in chunks.iter_mut().zip(bytes).enumerate() {
            let scale = |g: usize| d * f32::from(scales[g]);
            let min = |g: usize| dmin * f32::from(mins[g]);
            let (low_scale, low_min) = (scale(2 * c), min(2 * c));
            let (high_scale, high_min) = (scale(2 * c + 1), min(2 * c + 1));
            for l in 0..32 {
                chunk[l] = low_scale * f32::from(bytes[l] & 0xF) - low_min;
                chunk[l + 32] = high_scale * f32::from(bytes[l] >> 4) - high_min;
            }
        }
    }
    /// A block close to 256 weights, found by [`k_search`].
    pub fn quantize(weights: &[f32; LEN]) -> Self {
        let tries = k_search::Tries { max_code: 15, first: -1.0, steps: 20 };
        let k_search::Affine { d, dmin, scales, codes } = k_search::affine(weights, tries);
        Self { d, dmin, scales, qs: pack_low_nibbles(&codes) }
    }
}

/// The low four bits of 256 codes in the order of `qs`, here and in Q5_K.
pub(super) fn pack_low_nibbles(codes: &[u8; LEN]) -> [u8; LEN / 2] {
    let mut qs = [0; LEN / 2];
    for (chunk, bytes) in codes.as_chunks::<64>().0.iter().zip(qs.as_chunks_mut::<32>().0) {
        for l in 0..32 {
            bytes[l] = chunk[l] & 0xF | chunk[l + 32] << 4;
        }
    }
    qs
}
