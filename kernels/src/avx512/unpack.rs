//! A strip of a tile in registers: planes → lines of codes, headers → scales and minima.
//!
//! ```text
//!  fours, 4 lines of 64 bytes:  bits 7…4 = line g+4, bits 3…0 = line g      lines[g] ← plane & 15, lines[g+4] ← plane >> 4 & 15
//!  twos, 2 lines:               bits 2i+1…2i = line 4h+i                    shift by 2i and mask; into bits 5…4 for six-bit codes
//!  ones, 1 line:                bit j = line j                              shift until the bit stands where the code wants it
//!  tables:                      a code is an index                          vpshufb looks up 64 of them
//! ```
//!
//! There is no shift of bytes, so words of 16 bits are shifted and what came from the neighbour is masked off. The
//! twin of `Strip::read` in `packed.rs`, where the headers are described.

use super::registers::{F32x16, Line, bits, load, load16, read_f16};
use crate::packed::{Codes, LINE, Scales};
use core::arch::x86_64::*;

/// The eight lines of a strip, a code a byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn unpack(codes: Codes, planes: &[u8]) -> [Line; 8] {
    let planes = &planes.as_chunks::<LINE>().0[..codes.strip_bytes() / LINE];
    let mut lines = [_mm512_setzero_si512(); 8];
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
        Codes::U3 => {
            for j in 0..8 {
                lines[j] = _mm512_or_si512(lines[j], bits(load(&planes[2]), j as i32 - 2, 1 << 2));
            }
        }
        Codes::U5 => {
            for j in 0..8 {
                lines[j] = _mm512_or_si512(lines[j], bits(load(&planes[4]), j as i32 - 4, 1 << 4));
            }
        }
        Codes::U6 => {
            for j in 0..8 {
                let high = bits(load(&planes[4 + j / 4]), 2 * (j as i32 % 4) - 4, 3 << 4);
                lines[j] = _mm512_or_si512(lines[j], high);
            }
        }
        Codes::Table(table) => {
            let table = _mm512_broadcast_i32x4(load16(table, 0));
            for line in &mut lines {
                *line = _mm512_shuffle_epi8(table, *line);
            }
        }
        _ => {}
    }
    lines
}

/// Scales and minima of the (half) strips, a row a lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn scales(scales: Scales, tile: &[u8], b: usize) -> ([F32x16; 2], [F32x16; 2]) {
    let zero = _mm512_setzero_ps();
    let (mut scale, mut min) = ([zero; 2], [zero; 2]);
    if let Scales::Exponent = scales {
        // 2^(e − 128): an exponent field of e − 1, or below the normal range a bit of the mantissa.
        let e = _mm512_cvtepu8_epi32(load16(tile, 0));
        let normal = _mm512_slli_epi32::<23>(_mm512_sub_epi32(e, _mm512_set1_epi32(1)));
        let small = _mm512_sllv_epi32(_mm512_set1_epi32(0x0020_0000), e);
        let is_small = _mm512_cmplt_epi32_mask(e, _mm512_set1_epi32(2));
        scale[0] = _mm512_castsi512_ps(_mm512_mask_blend_epi32(is_small, normal, small));
        return (scale, min);
    }
    let d = read_f16(tile, 0);
    let signed = |at| _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load16(tile, at)));
    let unsigned = |bytes| _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
    let minus_dmin = || _mm512_xor_ps(read_f16(tile, 32), _mm512_set1_ps(-0.0));
    let low = |bytes| _mm_and_si128(bytes, _mm_set1_epi8(15));
    let high = |bytes| _mm_and_si128(_mm_srli_epi16::<4>(bytes), _mm_set1_epi8(15));
    match scales {
        Scales::F16 | Scales::Exponent => scale[0] = d,
        Scales::F16Min => (scale[0], min[0]) = (d, read_f16(tile, 32)),
        Scales::Signed => scale[0] = _mm512_mul_ps(d, signed(32 + 16 * b)),
        Scales::Min => {
            scale[0] = _mm512_mul_ps(d, unsigned(load16(tile, 64 + 32 * b)));
            min[0] = _mm512_mul_ps(minus_dmin(), unsigned(load16(tile, 64 + 32 * b + 16)));
        }
        Scales::HalvesSigned => {
            for h in 0..2 {
                scale[h] = _mm512_mul_ps(d, signed(32 + 16 * (2 * b + h)));
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
                scale[h] = _mm512_mul_ps(d, _mm512_sub_ps(unsigned(six[h]), _mm512_set1_ps(32.0)));
            }
        }
        Scales::HalvesMin => {
            for h in 0..2 {
                let both = load16(tile, 64 + 16 * (2 * b + h));
                scale[h] = _mm512_mul_ps(d, unsigned(low(both)));
                min[h] = _mm512_mul_ps(minus_dmin(), unsigned(high(both)));
            }
        }
    }
    (scale, min)
}
