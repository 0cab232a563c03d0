//! One register of eight f32, and how numbers come into it as the cache stores them.
//!
//! ```text
//!  q8_0   │ d │ 8 codes │ 8 │ 8 │ 8 │       bytes → i32 → f32 · d
//!  q4_0   │ d │ 8 bytes │ 8 │               low nibbles: numbers 0…15, high nibbles: 16…31;  (code − 8) → f32 · d
//! ```
//!
//! Look first at [`load_stored`]. What does not fill a register goes by way of an array that does. The loops that use these
//! functions are `loops/stored.rs` and `loops/attention.rs`.

use crate::quant::{q4_0, q8_0};
use crate::table::{F16, F32, Q8_0};
use core::arch::x86_64::*;

pub(super) const LANES: usize = 8;
pub(super) type Register = __m256;

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn zero() -> Register {
    _mm256_setzero_ps()
}

/// The same number in every lane.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn splat(x: f32) -> Register {
    _mm256_set1_ps(x)
}

/// `x · y`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn mul(x: Register, y: Register) -> Register {
    _mm256_mul_ps(x, y)
}

/// `x · y + z`, rounded once.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn fma(x: Register, y: Register, z: Register) -> Register {
    _mm256_fmadd_ps(x, y, z)
}

/// `m` ≤ 8 numbers from the `at`-th on; zeros in the other lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load(from: &[f32], at: usize, m: usize) -> Register {
    let from = &from[at..][..m];
    if m < LANES {
        let mut filled = [0.0; LANES];
        filled[..m].copy_from_slice(from);
        return load(&filled, 0, LANES);
    }
    // SAFETY: the slice has eight numbers; the load needs no alignment.
    unsafe { _mm256_loadu_ps(from.as_ptr()) }
}

/// Stores the first `m` lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn store(to: &mut [f32], at: usize, m: usize, x: Register) {
    let to = &mut to[at..][..m];
    if m < LANES {
        let mut filled = [0.0; LANES];
        store(&mut filled, 0, LANES, x);
        return to.copy_from_slice(&filled[..m]);
    }
    // SAFETY: the slice has eight numbers; the store needs no alignment.
    unsafe { _mm256_storeu_ps(to.as_mut_ptr(), x) }
}

/// `m` ≤ 8 stored numbers of `N` bytes (f32 or f16) from the `at`-th on, as f32; zeros in the other lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn load_bytes<const N: usize>(bytes: &[u8], at: usize, m: usize) -> Register {
    let bytes = &bytes[N * at..][..N * m];
    if m < LANES {
        let mut filled = [0; 4 * LANES];
        filled[..N * m].copy_from_slice(bytes);
        return load_bytes::<N>(&filled, 0, LANES);
    }
    // SAFETY: the slice has eight numbers of four or two bytes; the loads need no alignment.
    unsafe {
        match N {
            4 => _mm256_loadu_ps(bytes.as_ptr().cast()),
            _ => _mm256_cvtph_ps(_mm_loadu_si128(bytes.as_ptr().cast())),
        }
    }
}

/// Stored numbers from the `at`-th on as f32, at least the next `m` ≤ 8 of them. In a block format `at` is a multiple of 8
/// and counts what rows are filled up with.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load_stored<const TY: u32>(rows: &[u8], at: usize, m: usize) -> Register {
    match TY {
        F32 => load_bytes::<4>(rows, at, m),
        F16 => load_bytes::<2>(rows, at, m),
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
#[target_feature(enable = "avx2,fma,f16c")]
fn eight(bytes: [u8; LANES]) -> __m128i {
    _mm_cvtsi64_si128(i64::from_le_bytes(bytes))
}

/// Eight codes times the scale of their block, an f16.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn scaled(codes: __m256i, d: [u8; 2]) -> Register {
    let d = _mm256_cvtph_ps(_mm_set1_epi16(i16::from_le_bytes(d)));
    _mm256_mul_ps(_mm256_cvtepi32_ps(codes), d)
}

/// Rows become columns: numbers are paired, then pairs, then halves of registers change places.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn transpose(r: [Register; LANES]) -> [Register; LANES] {
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
