//! Sixteen rows in one register: moving lines, halves and numbers between memory and registers.

use crate::packed::{LINE, ROWS};
use core::arch::x86_64::*;

/// 64 bytes, four of each row.
pub(super) type Line = __m512i;
/// An integer of each row.
pub(super) type I32x16 = __m512i;
/// A number of each row.
pub(super) type F32x16 = __m512;

/// Loads 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn load(line: &[u8; LINE]) -> Line {
    // SAFETY: the reference is 64 readable bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(line.as_ptr().cast()) }
}

/// Stores 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn store_line(to: &mut [u8; LINE], line: Line) {
    // SAFETY: the reference is 64 writable bytes, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), line) }
}

/// Loads 16 bytes at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn load16(bytes: &[u8], at: usize) -> __m128i {
    let bytes: &[u8; 16] = bytes[at..].first_chunk().expect("a tile is as long as its layout says");
    // SAFETY: the reference is 16 readable bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Sixteen f32 at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn read_f32(bytes: &[u8], at: usize) -> F32x16 {
    _mm512_castsi512_ps(load(bytes[at..].first_chunk().expect("a tile is as long as its layout says")))
}

/// Sixteen f16 at `at`, as f32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn read_f16(bytes: &[u8], at: usize) -> F32x16 {
    let bytes: &[u8; 32] = bytes[at..].first_chunk().expect("a tile is as long as its layout says");
    // SAFETY: the reference is 32 readable bytes, and the load needs no alignment.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) })
}

/// Sixteen bf16 at `at`, as f32: their bits are the upper half.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn read_bf16(bytes: &[u8], at: usize) -> F32x16 {
    let bytes: &[u8; 32] = bytes[at..].first_chunk().expect("a tile is as long as its layout says");
    // SAFETY: the reference is 32 readable bytes, and the load needs no alignment.
    let upper = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(upper)))
}

/// Loads sixteen numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn load_f32(from: &[f32; ROWS]) -> F32x16 {
    // SAFETY: the reference is sixteen readable numbers, and the load needs no alignment.
    unsafe { _mm512_loadu_ps(from.as_ptr()) }
}

/// Stores sixteen numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn store(to: &mut [f32; ROWS], x: F32x16) {
    // SAFETY: the reference is sixteen writable numbers, and the store needs no alignment.
    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
}

/// The same number in every lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn set(x: f32) -> F32x16 {
    _mm512_set1_ps(x)
}

/// `x · y`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn mul(x: F32x16, y: F32x16) -> F32x16 {
    _mm512_mul_ps(x, y)
}

/// `x · y + z`, rounded once.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn fma(x: F32x16, y: F32x16, z: F32x16) -> F32x16 {
    _mm512_fmadd_ps(x, y, z)
}

/// Sixteen integers as f32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn to_f32(x: I32x16) -> F32x16 {
    _mm512_cvtepi32_ps(x)
}

/// Shifts each byte right by `by` (left if negative) and keeps the bits of `mask`, which no neighbour's bits can reach.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn bits(x: Line, by: i32, mask: i8) -> Line {
    let count = _mm_cvtsi32_si128(by.abs());
    let shifted = if by < 0 { _mm512_sll_epi16(x, count) } else { _mm512_srl_epi16(x, count) };
    _mm512_and_si512(shifted, _mm512_set1_epi8(mask))
}
