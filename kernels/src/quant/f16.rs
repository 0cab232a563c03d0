//! F16: IEEE half precision, and the type of almost every scale in the other formats.
//!
//! ```text
//!  bit 15   14 … 10    9 … 0
//!     sign  exponent   mantissa        (−1)^sign · 1.mantissa · 2^(exponent − 15)
//! ```
//!
//! Largest finite number 65504, smallest normal 2⁻¹⁴ ≈ 6.1e-5, smallest above zero 2⁻²⁴ ≈ 6.0e-8 (exponent 0: no
//! leading 1). Eleven significant bits: a weight keeps a relative precision of 2⁻¹¹.
//!
//! Converting to f32 is exact. Converting from f32 rounds to nearest, ties to even; what is too large becomes an
//! infinity, what is too small a signed zero, and every NaN the quiet one with its sign (`0x7E00`, `0xFE00`), as
//! `ggml_compute_fp32_to_fp16` has it. Source: `ggml-impl.h`.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// The number that two bytes of a file hold.
#[inline]
pub fn to_f32(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

/// The bytes of the half nearest to `x`.
#[inline]
pub fn from_f32(x: f32) -> [u8; 2] {
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    let half = if x.is_nan() { f16::from_bits(sign | 0x7E00) } else { f16::from_f32(x) };
    half.to_le_bytes()
}

/// Numbers that are converted together, so that the processor's own conversion can be used.
const AT_ONCE: usize = 256;

/// Converts whole slices.
pub(super) fn dequantize(src: &[u8], dst: &mut [f32]) {
    let mut halves = [f16::ZERO; AT_ONCE];
    for (bytes, numbers) in src.chunks(2 * AT_ONCE).zip(dst.chunks_mut(AT_ONCE)) {
        let (pairs, _) = bytes.as_chunks::<2>();
        let halves = &mut halves[..pairs.len()];
        for (half, &pair) in halves.iter_mut().zip(pairs) {
            *half = f16::from_le_bytes(pair);
        }
        halves.convert_to_f32_slice(numbers);
    }
}

/// The other way, likewise.
pub(super) fn quantize(src: &[f32], dst: &mut [u8]) {
    let mut halves = [f16::ZERO; AT_ONCE];
    for (numbers, bytes) in src.chunks(AT_ONCE).zip(dst.chunks_mut(2 * AT_ONCE)) {
        let halves = &mut halves[..numbers.len()];
        halves.convert_from_f32_slice(numbers);
        for (pair, half) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(&*halves) {
            *pair = half.to_le_bytes();
        }
        // A processor keeps some of a NaN's bits.
        if numbers.iter().any(|x| x.is_nan()) {
            for (pair, &x) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(numbers) {
                *pair = from_f32(x);
            }
        }
    }
}
