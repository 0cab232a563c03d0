//! Activations as the integer kernels read them: 32 at a time, one signed byte each.
//!
//! ```text
//!  byte 0                                32      36    40        48
//!       ┌─ q ─────────────────────────────┬─ d ───┬─ s ─┬─ sums ──┐
//!       │ 32 × i8, −127 … 127             │ f32   │ f32 │ 2 × i32 │       x ≈ q · d
//!       └─────────────────────────────────┴───────┴─────┴─────────┘
//! ```
//!
//! A kernel reads four inputs (one 32-bit word of `q`) and gives them to all sixteen rows. The sums are there for what
//! does not depend on the weight's code: `Σ (code − zero) · q = Σ code · q − zero · Σ q`, and `Σ m · x = m · s`.
//! Unlike GGML's Q8_1, whose scale and sum are f16, nothing here can overflow for finite activations of ordinary size.

use super::packed::STRIP;

/// 32 activations of one token.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub struct ActBlock {
    /// The whole numbers, −127 … 127.
    pub q: [i8; STRIP],
    /// Their scale: the largest magnitude / 127.
    pub d: f32,
    /// `d · Σ q`.
    pub s: f32,
    /// `Σ q` of inputs 0…15 and of inputs 16…31.
    pub sums: [i32; 2],
}

const _: () = assert!(size_of::<ActBlock>() == 48);

impl ActBlock {
    /// Zeros.
    pub const ZERO: Self = Self { q: [0; STRIP], d: 0.0, s: 0.0, sums: [0; 2] };

    /// Four inputs as one word, input `4j` in the lowest byte.
    #[inline(always)]
    pub fn word(&self, j: usize) -> i32 {
        let q = &self.q;
        i32::from_le_bytes([q[4 * j] as u8, q[4 * j + 1] as u8, q[4 * j + 2] as u8, q[4 * j + 3] as u8])
    }

    /// What rounding `x` to this block lost: no more than half a step of each.
    pub fn lost(&self, x: &[f32; STRIP]) -> [f32; STRIP] {
        std::array::from_fn(|i| x[i] - self.d * f32::from(self.q[i]))
    }

    /// `Σ q`.
    #[inline(always)]
    pub fn sum(&self) -> i32 {
        self.sums[0] + self.sums[1]
    }
}

/// Quantises whole strips: `out[b]` is `x[32b .. 32b + 32]`.
///
/// The largest magnitude is found by comparing bit patterns, where NaN is larger than any number: a block with a NaN or
/// an infinity gets that as its `d`, so what is computed from it is not finite either, instead of plausible.
#[inline(always)]
pub(super) fn quantize(x: &[f32], out: &mut [ActBlock]) {
    assert_eq!(x.len(), STRIP * out.len(), "one block for every 32 activations");
    for (x, out) in x.as_chunks::<STRIP>().0.iter().zip(out) {
        *out = quantize_strip(x);
    }
}

#[inline(always)]
fn quantize_strip(x: &[f32; STRIP]) -> ActBlock {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves the nearest whole number in the low bits
    let mut largest = [0_i32; 16];
    for i in 0..STRIP {
        largest[i % 16] = largest[i % 16].max((x[i].to_bits() & 0x7FFF_FFFF) as i32);
    }
    let largest = f32::from_bits(largest.into_iter().fold(0, i32::max) as u32);
    let d = largest / 127.0;
    let inverse = 1.0 / d;
    let inverse = if inverse < f32::INFINITY { inverse } else { 0.0 }; // zeros, or too small to divide by

    let mut block = ActBlock::ZERO;
    let mut whole = [0_i32; STRIP];
    for i in 0..STRIP {
        let scaled = x[i] * inverse;
        let scaled = if scaled < 127.0 { scaled } else { 127.0 };
        let scaled = if scaled > -127.0 { scaled } else { -127.0 };
        whole[i] = (scaled + ROUND).to_bits() as i32 - ROUND.to_bits() as i32;
        block.q[i] = whole[i] as i8;
    }
    for i in 0..16 {
        block.sums[0] += whole[i];
        block.sums[1] += whole[i + 16];
    }
    block.d = d;
    block.s = d * block.sum() as f32;
    block
}
