//! One register of sixteen f32, and how numbers come into it as the cache stores them.
//!
//! ```text
//!  q8_0   │ d │ 16 codes │ 16 codes │       bytes → i32 → f32 · d
//!  q4_0   │ d │ 16 bytes │                 low nibbles: numbers 0…15, high nibbles: 16…31;  (code − 8) → f32 · d
//! ```
//!
//! Look first at [`load_stored`]. What does not fill a register is masked. The loops that use these functions are
//! `loops/stored.rs` and `loops/attention.rs`.

use crate::quant::{q4_0, q8_0};
use crate::table::{F16, F32, Q8_0};
use core::arch::x86_64::*;

pub(super) const LANES: usize = 16;
pub(super) type Register = __m512;

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn zero() -> Register {
    _mm512_setzero_ps()
}

/// The same number in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn splat(x: f32) -> Register {
    _mm512_set1_ps(x)
}

/// `x · y`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn mul(x: Register, y: Register) -> Register {
    _mm512_mul_ps(x, y)
}

/// `x · y + z`, rounded once.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn fma(x: Register, y: Register, z: Register) -> Register {
    _mm512_fmadd_ps(x, y, z)
}

/// `m` ≤ 16 numbers from the `at`-th on; zeros in the other lanes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(from: &[f32], at: usize, m: usize) -> Register {
    let from = &from[at..][..m];
    // SAFETY: the mask lets the load touch `m` numbers, which the slice has.
    unsafe { _mm512_maskz_loadu_ps(mask(m), from.as_ptr()) }
}

/// Stores the first `m` lanes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store(to: &mut [f32], at: usize, m: usize, x: Register) {
    let to = &mut to[at..][..m];
    // SAFETY: the mask lets the store touch `m` numbers, which the slice has.
    unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask(m), x) }
}

#[inline(always)]
fn mask(m: usize) -> u16 {
    ((1_u32 << m) - 1) as u16
}

/// Stored numbers from the `at`-th on as f32, at least the next `m` ≤ 16 of them. In a block format `at` is a multiple of 16
/// and counts what rows are filled up with.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
pub(super) fn load_stored<const TY: u32>(rows: &[u8], at: usize, m: usize) -> Register {
    match TY {
        F32 => {
            let numbers = &rows[4 * at..][..4 * m];
            // SAFETY: the mask lets the load touch `m` numbers, which the slice has; it needs no alignment.
            unsafe { _mm512_maskz_loadu_ps(mask(m), numbers.as_ptr().cast()) }
        }
        F16 => {
            let numbers = &rows[2 * at..][..2 * m];
            // SAFETY: the mask lets the load touch `m` numbers, which the slice has; it needs no alignment.
            _mm512_cvtph_ps(unsafe { _mm256_maskz_loadu_epi16(mask(m), numbers.as_ptr().cast()) })
        }
        Q8_0 => {
            let [d_0, d_1, codes @ ..] = &rows.as_chunks::<{ size_of::<q8_0::Block>() }>().0[at / q8_0::LEN];
            let codes = load_16(&codes.as_chunks().0[at % q8_0::LEN / LANES]);
            scaled(_mm512_cvtepi8_epi32(codes), [*d_0, *d_1])
        }
        _ => {
            let [d_0, d_1, codes @ ..] = &rows.as_chunks::<{ size_of::<q4_0::Block>() }>().0[at / q4_0::LEN];
            let codes = _mm512_cvtepu8_epi32(load_16(codes));
            let codes = match at % q4_0::LEN {
                0 => _mm512_and_si512(codes, _mm512_set1_epi32(0xF)),
                _ => _mm512_srli_epi32::<4>(codes),
            };
            scaled(_mm512_sub_epi32(codes, _mm512_set1_epi32(8)), [*d_0, *d_1])
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_16(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is 16 readable bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Sixteen codes times the scale of their block, an f16.
#[inline]
#[target_feature(enable = "avx512f")]
fn scaled(codes: __m512i, d: [u8; 2]) -> Register {
    let d = _mm512_cvtph_ps(_mm256_set1_epi16(i16::from_le_bytes(d)));
    _mm512_mul_ps(_mm512_cvtepi32_ps(codes), d)
}

/// Rows become columns: pairs of numbers, pairs of pairs, then quarters of registers change places.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transpose(r: [Register; LANES]) -> [Register; LANES] {
    let mut u = r;
    for i in 0..4 {
        let [a, b, c, d] = [r[4 * i], r[4 * i + 1], r[4 * i + 2], r[4 * i + 3]];
        let (ab, cd) = (_mm512_castps_pd(_mm512_unpacklo_ps(a, b)), _mm512_castps_pd(_mm512_unpacklo_ps(c, d)));
        u[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
        u[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
        let (ab, cd) = (_mm512_castps_pd(_mm512_unpackhi_ps(a, b)), _mm512_castps_pd(_mm512_unpackhi_ps(c, d)));
        u[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
        u[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
    }
    let mut out = r;
    for k in 0..4 {
        let even = _mm512_shuffle_f32x4::<0x88>(u[k], u[4 + k]);
        let odd = _mm512_shuffle_f32x4::<0xDD>(u[k], u[4 + k]);
        let even_2 = _mm512_shuffle_f32x4::<0x88>(u[8 + k], u[12 + k]);
        let odd_2 = _mm512_shuffle_f32x4::<0xDD>(u[8 + k], u[12 + k]);
        out[k] = _mm512_shuffle_f32x4::<0x88>(even, even_2);
        out[4 + k] = _mm512_shuffle_f32x4::<0x88>(odd, odd_2);
        out[8 + k] = _mm512_shuffle_f32x4::<0xDD>(even, even_2);
        out[12 + k] = _mm512_shuffle_f32x4::<0xDD>(odd, odd_2);
    }
    out
}
