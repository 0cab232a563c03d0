//! BF16, "brain float": the upper half of an f32.
//!
//! ```text
//!  bit 15   14 … 7     6 … 0
//!     sign  exponent   mantissa        same range as f32, eight significant bits
//! ```
//!
//! Models are trained in it because its exponent is that of f32: nothing overflows that did not overflow before. To
//! f32 it is a shift. From f32 it rounds to nearest, ties to even; a NaN keeps its upper payload and becomes quiet.
//! Source: `ggml_compute_fp32_to_bf16` in `ggml-impl.h`.

use half::bf16;

/// The number that two bytes of a file hold.
#[inline]
pub fn to_f32(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// The bytes of the brain float nearest to `x`.
#[inline]
pub fn from_f32(x: f32) -> [u8; 2] {
    bf16::from_f32(x).to_le_bytes()
}
