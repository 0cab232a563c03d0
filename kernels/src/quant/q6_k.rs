//! Q6_K: 256 weights of six bits, with an 8-bit signed scale for every 16 and no minimum. 6.5625 bits per weight.
//!
//! ```text
//!  byte 0                 128              192           208   210
//!       ┌─ ql ────────────┬─ qh ───────────┬─ scales ────┬─ d ─┐
//!       │ low four bits   │ high two bits  │ 16 × i8     │ f16 │
//!       └─────────────────┴────────────────┴─────────────┴─────┘
//!
//!  each half of 128 weights has 64 bytes of ql and 32 of qh, and byte l of qh (0 … 31) serves four weights:
//!
//!      weight of the half       l               32 + l            64 + l            96 + l
//!      low four bits       ql[l] bits 3…0   ql[32+l] bits 3…0   ql[l] bits 7…4   ql[32+l] bits 7…4
//!      high two bits       qh[l] bits 1…0   qh[l]    bits 3…2   qh[l] bits 5…4   qh[l]    bits 7…6
//!
//!  weight = (code − 32) · (d · scale)
//! ```
//!
//! Note that `d` comes last. llama.cpp keeps the output matrix in this format inside files called Q4_K_M.
//!
//! Source: `block_q6_K`, `quantize_row_q6_K_ref`, `dequantize_row_q6_K`.

use super::{block::bytes_of_fields, f16, k_search};

/// Weights in a block.
pub const LEN: usize = 256;

/// 256 weights in 210 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// Bits 0…3 of the codes, see the drawing.
    pub ql: [u8; LEN / 2],
    /// Bits 4 and 5 of the codes, see the drawing.
    pub qh: [u8; LEN / 4],
    /// Byte `g`, an i8, is the scale of weights `16g … 16g + 15`.
    pub scales: [u8; LEN / 16],
    /// The scale of the scales, an f16.
    pub d: [u8; 2],
}

const _: () = assert!(size_of::<Block>() == 210);
bytes_of_fields!(Block { ql, qh, scales, d });

impl Block {
    /// Writes the 256 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        let (groups, _) = weights.as_chunks_mut::<32>();
        for (g, group) in groups.iter_mut().enumerate() {
            let (half, quarter) = (g / 4, g % 4);
            let (low_side, low_shift) = (quarter % 2, quarter / 2 * 4);
            for l in 0..32 {
                let low = self.ql[64 * half + 32 * low_side + l] >> low_shift & 0xF;
                let high = self.qh[32 * half + l] >> (2 * quarter) & 3;
                let scale = d * f32::from(self.scales[2 * g + l / 16] as i8);
                group[l] = scale * (i32::from(low | high << 4) - 32) as f32;
            }
        }
    }
    /// A block close to 256 weights: scales found by [`k_search`], then quantised against the largest.
    pub fn quantize(weights: &[f32; LEN]) -> Self {
        let (groups, _) = weights.as_chunks::<16>();
        let mut codes = [[0; 16]; LEN / 16];
        let mut scales = [0.0; LEN / 16];
        for (g, x) in groups.iter().enumerate() {
            (scales[g], codes[g]) = k_search::scale_only(x);
        }
        let largest = super::q4_0::largest_magnitude(&scales);
        if largest.abs() < k_search::NOTHING {
            return Self { ql: [0; LEN / 2], qh: [0; LEN / 4], scales: [0; LEN / 16], d: [0; 2] };
        }

        // As in Q4_0 the scale of largest magnitude becomes −128, whatever its sign.
        let inverse = -128.0 / largest;
        let scales = scales.map(|scale| k_search::nearest_int(inverse * scale).min(127) as i8);
        let d = f16::from_f32(1.0 / inverse);

        // Choose the codes again, for the scales that a reader of the block will see.
        for (g, x) in groups.iter().enumerate() {
            let scale = f16::to_f32(d) * f32::from(scales[g]);
            if scale != 0.0 {
                codes[g] = x.map(|x| (k_search::nearest_int(x / scale).clamp(-32, 31) + 32) as u8);
            }
        }
        let (ql, qh) = pack(codes.as_flattened());
        Self { ql, qh, scales: scales.map(|scale| scale as u8), d }
    }
}

/// 256 codes of six bits as a block stores them: (`ql`, `qh`).
fn pack(codes: &[u8]) -> ([u8; LEN / 2], [u8; LEN / 4]) {
    let (mut ql, mut qh) = ([0; LEN / 2], [0; LEN / 4]);
    for (i, code) in codes.iter().enumerate() {
        let (half, quarter, l) = (i / 128, i % 128 / 32, i % 32);
        ql[64 * half + 32 * (quarter % 2) + l] |= (code & 0xF) << (quarter / 2 * 4);
        qh[32 * half + l] |= (code >> 4) << (2 * quarter);
    }
    (ql, qh)
}
