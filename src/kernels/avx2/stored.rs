//! Keys and values as the cache stores them → f32, eight numbers at a time.
//!
//! ```text
//!  q8_0   │ d │ 8 codes │ 8 │ 8 │ 8 │       bytes → i32 → f32 · d
//!  q4_0   │ d │ 8 bytes │ 8 │               low nibbles: numbers 0…15, high nibbles: 16…31;  (code − 8) → f32 · d
//! ```
//!
//! Look first at [`load`]. Keys then become tiles: [`transpose`] turns eight positions by eight dimensions. The twin of the
//! `load_…` functions in `scalar/attention.rs`.

use super::attention::{self, LANES, store};
use crate::kernels::ahead::{AHEAD, prefetch};
use crate::kernels::shapes;
use crate::kernels::stored::{block_of, stamp_loads};
use crate::kernels::table::{F16, F32, Q8_0};
use crate::quant::{q4_0, q8_0};
use core::arch::x86_64::*;

/// Stored numbers from the `at`-th on as f32, at least the next `m` ≤ 8 of them. In a block format `at` is a multiple of 8
/// and counts what rows are filled up with.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn load<const TY: u32>(rows: &[u8], at: usize, m: usize) -> __m256 {
    match TY {
        F32 => attention::load::<4>(rows, at, m),
        F16 => attention::load::<2>(rows, at, m),
        Q8_0 => {
            let [d_0, d_1, codes @ ..] = &rows.as_chunks::<{ size_of::<q8_0::Block>() }>().0[at / q8_0::LEN];
            let codes = eight(codes.as_chunks().0[at % q8_0::LEN / LANES]);
            scaled(_mm256_cvtepi8_epi32(codes), [*d_0, *d_1])
        }
        _ => {
            let [d_0, d_1, codes @ ..] = &rows.as_chunks::<{ size_of::<q4_0::Block>() }>().0[at / q4_0::LEN];
            let codes: &[[u8; LANES]; 2] = codes.as_chunks().0.try_into().expect("sixteen bytes are twice eight");
            let place = at % q4_0::LEN / LANES; // eights: 0 and 1 are low nibbles, 2 and 3 high ones
            let codes = _mm256_cvtepu8_epi32(eight(codes[place % 2]));
            let codes = match place / 2 {
                0 => _mm256_and_si256(codes, _mm256_set1_epi32(0xF)),
                _ => _mm256_srli_epi32::<4>(codes),
            };
            scaled(_mm256_sub_epi32(codes, _mm256_set1_epi32(8)), [*d_0, *d_1])
        }
    }
}

/// Eight bytes in the lower half of a register.
#[inline]
#[target_feature(enable = "avx2")]
fn eight(bytes: [u8; LANES]) -> __m128i {
    _mm_cvtsi64_si128(i64::from_le_bytes(bytes))
}

/// Eight codes times the scale of their block, an f16.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn scaled(codes: __m256i, d: [u8; 2]) -> __m256 {
    let d = _mm256_cvtph_ps(_mm_set1_epi16(i16::from_le_bytes(d)));
    _mm256_mul_ps(_mm256_cvtepi32_ps(codes), d)
}

/// Rows become columns: numbers are paired, then pairs, then halves of registers change places.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(r: [__m256; LANES]) -> [__m256; LANES] {
    let mut u = r;
    for i in 0..2 {
        let [a, b, c, d] = [r[4 * i], r[4 * i + 1], r[4 * i + 2], r[4 * i + 3]];
        let (ab, cd) = (_mm256_castps_pd(_mm256_unpacklo_ps(a, b)), _mm256_castps_pd(_mm256_unpacklo_ps(c, d)));
        u[4 * i] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd));
        u[4 * i + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
        let (ab, cd) = (_mm256_castps_pd(_mm256_unpackhi_ps(a, b)), _mm256_castps_pd(_mm256_unpackhi_ps(c, d)));
        u[4 * i + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd));
        u[4 * i + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
    }
    let mut out = r;
    for k in 0..4 {
        out[k] = _mm256_permute2f128_ps::<0x20>(u[k], u[4 + k]);
        out[4 + k] = _mm256_permute2f128_ps::<0x31>(u[k], u[4 + k]);
    }
    out
}

stamp_loads! { "avx2,f16c", _mm256_setzero_ps(), AHEAD }
