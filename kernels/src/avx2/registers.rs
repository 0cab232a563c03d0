//! Sixteen rows in two registers: moving lines, halves and numbers between memory and registers.
//!
//! ```text
//!  a line of 64 bytes:   │ row 0: 4 inputs │ … │ row 7: 4 inputs │   │ row 8: 4 inputs │ … │ row 15: 4 inputs │
//!                        └────────────── [0] ────────────────────┘   └─────────────── [1] ────────────────────┘
//! ```

use crate::packed::{LINE, ROWS};
use core::arch::x86_64::*;

/// 64 bytes, four of each row: rows 0…7 and rows 8…15.
pub(crate) type Line = [__m256i; 2];
/// An integer of each row.
pub(crate) type I32x16 = [__m256i; 2];
/// A number of each row.
pub(crate) type F32x16 = [__m256; 2];

/// Loads 64 bytes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn load(line: &[u8; LINE]) -> Line {
    // SAFETY: the reference is 64 readable bytes, and the loads need no alignment.
    unsafe { [_mm256_loadu_si256(line.as_ptr().cast()), _mm256_loadu_si256(line.as_ptr().add(32).cast())] }
}

/// Stores 64 bytes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn store_line(to: &mut [u8; LINE], line: Line) {
    // SAFETY: the reference is 64 writable bytes, and the stores need no alignment.
    unsafe {
        _mm256_storeu_si256(to.as_mut_ptr().cast(), line[0]);
        _mm256_storeu_si256(to.as_mut_ptr().add(32).cast(), line[1]);
    }
}

/// Loads 16 bytes at `at`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn load16(bytes: &[u8], at: usize) -> __m128i {
    let bytes: &[u8; 16] = bytes[at..].first_chunk().expect("a tile is as long as its layout says");
    // SAFETY: the reference is 16 readable bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Sixteen f32 at `at`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn read_f32(bytes: &[u8], at: usize) -> F32x16 {
    load(bytes[at..].first_chunk().expect("a tile is as long as its layout says")).map(|w| _mm256_castsi256_ps(w))
}

/// Sixteen f16 at `at`, as f32.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn read_f16(bytes: &[u8], at: usize) -> F32x16 {
    [_mm256_cvtph_ps(load16(bytes, at)), _mm256_cvtph_ps(load16(bytes, at + 16))]
}

/// Sixteen bf16 at `at`, as f32: their bits are the upper half.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn read_bf16(bytes: &[u8], at: usize) -> F32x16 {
    let widen = |eight| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(eight)));
    [widen(load16(bytes, at)), widen(load16(bytes, at + 16))]
}

/// Loads sixteen numbers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn load_f32(from: &[f32; ROWS]) -> F32x16 {
    // SAFETY: the reference is sixteen readable numbers, and the loads need no alignment.
    unsafe { [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))] }
}

/// Stores sixteen numbers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn store(to: &mut [f32; ROWS], x: F32x16) {
    // SAFETY: the reference is sixteen writable numbers, and the stores need no alignment.
    unsafe {
        _mm256_storeu_ps(to.as_mut_ptr(), x[0]);
        _mm256_storeu_ps(to.as_mut_ptr().add(8), x[1]);
    }
}

/// The same number in every lane.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn set(x: f32) -> F32x16 {
    [_mm256_set1_ps(x); 2]
}

/// `x · y`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn mul(x: F32x16, y: F32x16) -> F32x16 {
    [_mm256_mul_ps(x[0], y[0]), _mm256_mul_ps(x[1], y[1])]
}

/// `x · y + z`, rounded once.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn fma(x: F32x16, y: F32x16, z: F32x16) -> F32x16 {
    [_mm256_fmadd_ps(x[0], y[0], z[0]), _mm256_fmadd_ps(x[1], y[1], z[1])]
}

/// Sixteen integers as f32.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn to_f32(x: I32x16) -> F32x16 {
    [_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])]
}
