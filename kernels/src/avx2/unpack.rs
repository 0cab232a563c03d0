//! A strip of a tile in registers: planes → lines of codes, headers → scales and minima.
//!
//! ```text
//!  fours, 4 lines of 64 bytes:  bits 7…4 = line g+4, bits 3…0 = line g      lines[g] ← plane & 15, lines[g+4] ← plane >> 4 & 15
//!  twos, 2 lines:               bits 2i+1…2i = line 4h+i                    shift by 2i and mask; into bits 5…4 for six-bit codes
//!  ones, 1 line:                bit j = line j                              shift until the bit stands where the code wants it
//!  tables:                      a code is an index                          vpshufb looks up 32 of them
//! ```
//!
//! There is no shift of bytes, so words of 16 bits are shifted and what came from the neighbour is masked off. The
//! twin of `Strip::read` in `packed.rs`, where the headers are described.

use super::registers::{F32x16, I32x16, Line, load, load16, mul, read_f16, set, to_f32};
use crate::packed::{Codes, LINE, Scales};
use core::arch::x86_64::*;

/// Shifts each byte right by `by` (left if negative) and keeps the bits of `mask`, which no neighbour's bits can reach.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn bits(x: Line, by: i32, mask: i8) -> Line {
    let (count, mask) = (_mm_cvtsi32_si128(by.abs()), _mm256_set1_epi8(mask));
    let mut bits = x;
    for r in 0..2 {
        let shifted = if by < 0 { _mm256_sll_epi16(x[r], count) } else { _mm256_srl_epi16(x[r], count) };
        bits[r] = _mm256_and_si256(shifted, mask);
    }
    bits
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn or(x: Line, y: Line) -> Line {
    [_mm256_or_si256(x[0], y[0]), _mm256_or_si256(x[1], y[1])]
}

/// The eight lines of a strip, a code a byte.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn unpack(codes: Codes, planes: &[u8]) -> [Line; 8] {
    let planes = &planes.as_chunks::<LINE>().0[..codes.strip_bytes() / LINE];
    let mut lines = [[_mm256_setzero_si256(); 2]; 8];
    match codes {
        Codes::U8 => (0..8).for_each(|j| lines[j] = load(&planes[j])),
        Codes::U2 | Codes::U3 => {
            for j in 0..8 {
                lines[j] = bits(load(&planes[j / 4]), 2 * (j as i32 % 4), 3);
            }
        }
        Codes::U4 | Codes::U5 | Codes::U6 | Codes::Table(_) => {
            for g in 0..4 {
                let fours = load(&planes[g]);
                lines[g] = bits(fours, 0, 15);
                lines[g + 4] = bits(fours, 4, 15);
            }
        }
    }
    match codes {
        Codes::U3 => (0..8).for_each(|j| lines[j] = or(lines[j], bits(load(&planes[2]), j as i32 - 2, 1 << 2))),
        Codes::U5 => (0..8).for_each(|j| lines[j] = or(lines[j], bits(load(&planes[4]), j as i32 - 4, 1 << 4))),
        Codes::U6 => {
            for j in 0..8 {
                lines[j] = or(lines[j], bits(load(&planes[4 + j / 4]), 2 * (j as i32 % 4) - 4, 3 << 4));
            }
        }
        Codes::Table(table) => {
            let table = _mm256_broadcastsi128_si256(load16(table, 0));
            for line in &mut lines {
                *line = [_mm256_shuffle_epi8(table, line[0]), _mm256_shuffle_epi8(table, line[1])];
            }
        }
        _ => {}
    }
    lines
}

/// Scales and minima of the (half) strips.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn scales(scales: Scales, tile: &[u8], b: usize) -> ([F32x16; 2], [F32x16; 2]) {
    let (mut scale, mut min) = ([set(0.0); 2], [set(0.0); 2]);
    if let Scales::Exponent = scales {
        scale[0] = unsigned(load16(tile, 0)).map(|e| power_of_two(e));
        return (scale, min);
    }
    let d = read_f16(tile, 0);
    let minus_dmin = || read_f16(tile, 32).map(|dmin| _mm256_xor_ps(dmin, _mm256_set1_ps(-0.0)));
    let low = |bytes| _mm_and_si128(bytes, _mm_set1_epi8(15));
    let high = |bytes| _mm_and_si128(_mm_srli_epi16::<4>(bytes), _mm_set1_epi8(15));
    match scales {
        Scales::F16 | Scales::Exponent => scale[0] = d,
        Scales::F16Min => (scale[0], min[0]) = (d, read_f16(tile, 32)),
        Scales::Signed => scale[0] = mul(d, to_f32(signed(load16(tile, 32 + 16 * b)))),
        Scales::Min => {
            scale[0] = mul(d, to_f32(unsigned(load16(tile, 64 + 32 * b))));
            min[0] = mul(minus_dmin(), to_f32(unsigned(load16(tile, 64 + 32 * b + 16))));
        }
        Scales::HalvesSigned => {
            for h in 0..2 {
                scale[h] = mul(d, to_f32(signed(load16(tile, 32 + 16 * (2 * b + h)))));
            }
        }
        Scales::HalvesSix => {
            let lows = load16(tile, 32 + 16 * b);
            let pairs = _mm_srl_epi16(load16(tile, 160 + 16 * (b / 2)), _mm_cvtsi32_si128(4 * (b as i32 % 2)));
            let upper = |pairs| _mm_and_si128(pairs, _mm_set1_epi8(0x30));
            let six = [
                _mm_or_si128(low(lows), upper(_mm_slli_epi16::<4>(pairs))),
                _mm_or_si128(high(lows), upper(_mm_slli_epi16::<2>(pairs))),
            ];
            for h in 0..2 {
                let around_zero = _mm_sub_epi8(six[h], _mm_set1_epi8(32));
                scale[h] = mul(d, to_f32(signed(around_zero)));
            }
        }
        Scales::HalvesMin => {
            for h in 0..2 {
                let both = load16(tile, 64 + 16 * (2 * b + h));
                scale[h] = mul(d, to_f32(unsigned(low(both))));
                min[h] = mul(minus_dmin(), to_f32(unsigned(high(both))));
            }
        }
    }
    (scale, min)
}

/// Sixteen bytes, −128 … 127, as integers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn signed(bytes: __m128i) -> I32x16 {
    [_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128::<8>(bytes))]
}

/// Sixteen bytes, 0 … 255, as integers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn unsigned(bytes: __m128i) -> I32x16 {
    [_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(bytes))]
}

/// 2^(e − 128): an exponent field of e − 1, or below the normal range a bit of the mantissa.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn power_of_two(e: __m256i) -> __m256 {
    let normal = _mm256_slli_epi32::<23>(_mm256_sub_epi32(e, _mm256_set1_epi32(1)));
    let small = _mm256_sllv_epi32(_mm256_set1_epi32(0x0020_0000), e);
    let is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e);
    _mm256_castsi256_ps(_mm256_blendv_epi8(normal, small, is_small))
}
