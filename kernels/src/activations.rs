//! Activations as the integer kernels read them: 32 at a time, as integers of eight bits each (A8) or of sixteen (A16).
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
//!
//! **Two limbs.** Where eight bits are too few, an integer is written with two *limbs*, digits to the base 255: `255 · high +
//! low`. Each limb is −127 … 127 as well, so kernels multiply it with the same instructions, and the integer is −32,512 …
//! 32,512: steps are 256 times smaller. Such a block has `q` twice, the low limbs first, and 80 bytes:
//!
//! ```text
//!  x / d = 12,345   →   48 · 255 + 105                 x / d = 12,400   →   49 · 255 − 95
//! ```
//!
//! A kernel sums the products of high limbs by themselves and multiplies that sum by 255 once a strip; then it adds the sum of
//! the low limbs and applies the scale.

use super::packed::STRIP;

/// The base of the limbs: with it, limbs of −127 … 127 write every integer in one way only.
pub(super) const BASE: i32 = 255;

/// 32 activations of one token, as integers of one limb (A8) or of two (A16).
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub struct ActBlock<const LIMBS: usize = 1> {
    /// The limbs of the integers, the low ones first, each −127 … 127.
    pub q: [[i8; STRIP]; LIMBS],
    /// Their scale: the largest magnitude / [`Self::LARGEST`].
    pub d: f32,
    /// `d · Σ` of the integers.
    pub s: f32,
    /// The sum of the integers of inputs 0…15, and of inputs 16…31.
    pub sums: [i32; 2],
}

const _: () = assert!(size_of::<ActBlock>() == 48 && size_of::<ActBlock<2>>() == 80);

impl<const LIMBS: usize> ActBlock<LIMBS> {
    /// Zeros.
    pub const ZERO: Self = Self { q: [[0; STRIP]; LIMBS], d: 0.0, s: 0.0, sums: [0; 2] };

    /// The largest integer: 127, or with two limbs 32,512.
    pub const LARGEST: i32 = {
        let (mut largest, mut limb) = (0, 0);
        while limb < LIMBS {
            largest = largest * BASE + 127;
            limb += 1;
        }
        largest
    };

    /// A limb of four inputs as one word, input `4j` in the lowest byte.
    #[inline(always)]
    pub fn word(&self, limb: usize, j: usize) -> i32 {
        let q = &self.q[limb];
        i32::from_le_bytes([q[4 * j] as u8, q[4 * j + 1] as u8, q[4 * j + 2] as u8, q[4 * j + 3] as u8])
    }

    /// The integer of input `i`.
    #[inline(always)]
    pub fn integer(&self, i: usize) -> i32 {
        self.q.iter().rev().fold(0, |high, limb| high * BASE + i32::from(limb[i]))
    }

    /// The sum of all integers.
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
pub(super) fn quantize<const LIMBS: usize>(x: &[f32], out: &mut [ActBlock<LIMBS>]) {
    assert_eq!(x.len(), STRIP * out.len(), "one block for every 32 activations");
    for (x, out) in x.as_chunks::<STRIP>().0.iter().zip(out) {
        *out = quantize_strip(x);
    }
}

#[inline(always)]
fn quantize_strip<const LIMBS: usize>(x: &[f32; STRIP]) -> ActBlock<LIMBS> {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
    let bound = const { ActBlock::<LIMBS>::LARGEST as f32 };
    let mut largest = [0_i32; 16];
    for i in 0..STRIP {
        largest[i % 16] = largest[i % 16].max((x[i].to_bits() & 0x7FFF_FFFF) as i32);
    }
    let largest = f32::from_bits(largest.into_iter().fold(0, i32::max) as u32);
    let d = largest / bound;
    let inverse = 1.0 / d;
    let inverse = if inverse < f32::INFINITY { inverse } else { 0.0 }; // zeros, or too small to divide by

    let mut block = ActBlock::ZERO;
    let mut integers = [0_i32; STRIP];
    for i in 0..STRIP {
        let scaled = x[i] * inverse;
        let scaled = if scaled < bound { scaled } else { bound };
        let scaled = if scaled > -bound { scaled } else { -bound };
        integers[i] = (scaled + ROUND).to_bits() as i32 - ROUND.to_bits() as i32;
    }
    for i in 0..16 {
        block.sums[0] += integers[i];
        block.sums[1] += integers[i + 16];
    }
    block.d = d;
    block.s = d * block.sum() as f32;

    for limb in 0..LIMBS {
        for i in 0..STRIP {
            let is_last = limb + 1 == LIMBS;
            let higher = if is_last { 0 } else { (integers[i] + BASE / 2).div_euclid(BASE) }; // the nearest: −127 … 127 are left
            block.q[limb][i] = (integers[i] - higher * BASE) as i8;
            integers[i] = higher;
        }
    }
    block
}
