//! Q5_0: as Q4_0 with a fifth bit per weight. 5.5 bits per weight.
//!
//! ```text
//!  byte 0     2      6                              22
//!       ┌─ d ─┬─ qh ─┬─ qs ─────────────────────────┐
//!       │ f16 │ u32  │ 16 bytes, two codes in each  │    qs byte j: │ weight j+16 │ weight j │  low four bits
//!       └─────┴──────┴──────────────────────────────┘    qh bit  i: fifth bit of weight i
//!
//!  weight = (code − 16) · d
//! ```
//!
//! Four bits pack neatly and five do not, so the fifth bits live in a 32-bit word of their own.
//!
//! Source: `block_q5_0`, `quantize_row_q5_0_ref`, `dequantize_row_q5_0`.

use super::{
    block::{bytes_of_fields, inverse_or_zero},
    f16,
    q4_0::largest_magnitude,
};

/// Weights in a block.
pub const LEN: usize = 32;

/// 32 weights in 22 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// The scale, an f16.
    pub d: [u8; 2],
    /// A u32 whose bit `i` is bit 4 of the code of weight `i`.
    pub qh: [u8; 4],
    /// Bits 0…3: weight `j` in the low nibble of byte `j`, weight `j + 16` in the high one.
    pub qs: [u8; LEN / 2],
}

const _: () = assert!(size_of::<Block>() == 22);
bytes_of_fields!(Block { d, qh, qs });

impl Block {
    /// Writes the 32 weights.
    #[inline]
    pub fn dequantize(&self, weights: &mut [f32; LEN]) {
        let d = f16::to_f32(self.d);
        let codes = unpack(&self.qh, &self.qs);
        for (weight, code) in weights.iter_mut().zip(codes) {
            *weight = (i32::from(code) - 16) as f32 * d;
        }
    }

    /// The block nearest to 32 weights.
    pub fn quantize(weights: &[f32; LEN]) -> Self {
        let d = largest_magnitude(weights) / -16.0;
        let inverse = inverse_or_zero(d);
        let (qh, qs) = pack(&weights.map(|x| ((x * inverse + 16.5) as u8).min(31)));
        Self { d: f16::from_f32(d), qh, qs }
    }
}

/// The 5-bit codes of a block.
#[inline]
pub(super) fn unpack(qh: &[u8; 4], qs: &[u8; LEN / 2]) -> [u8; LEN] {
    let qh = u32::from_le_bytes(*qh);
    let mut codes = [0; LEN];
    for j in 0..LEN / 2 {
        codes[j] = qs[j] & 0xF | ((qh >> j) as u8 & 1) << 4;
        codes[j + LEN / 2] = qs[j] >> 4 | ((qh >> (j + LEN / 2)) as u8 & 1) << 4;
    }
    codes
}

/// 5-bit codes as a block stores them: (`qh`, `qs`).
pub(super) fn pack(codes: &[u8; LEN]) -> ([u8; 4], [u8; LEN / 2]) {
    let mut qh = 0_u32;
    for (i, &code) in codes.iter().enumerate() {
        qh |= u32::from(code >> 4) << i;
    }
    let mut qs = [0; LEN / 2];
    for j in 0..LEN / 2 {
        qs[j] = codes[j] & 0xF | (codes[j + LEN / 2] & 0xF) << 4;
    }
    (qh.to_le_bytes(), qs)
}
