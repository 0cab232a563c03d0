//! A strip of a tile in registers: planes → lines of codes, headers → scales and minima.
//!
//! ```text
//!  fours, 4 lines of 64 bytes:  bits 7…4 = line g+4, bits 3…0 = line g      lines[g] ← plane & 15, lines[g+4] ← plane >> 4 & 15
//!  twos, 2 lines:               bits 2i+1…2i = line 4h+i                    shift by 2i and mask; into bits 5…4 for six-bit codes
//!  ones, 1 line:                bit j = line j                              shift until the bit stands where the code wants it
//!  tables:                      a code is an index                          tbl looks up sixteen of them
//! ```
//!
//! Each byte is shifted alone. The twin of `Strip::read` in `packed.rs`, where the headers are described.

use super::registers::{F32x16, I32x16, Line, load, load16, mul, read_f16, set, to_f32};
use crate::packed::{Codes, LINE, Scales};
use core::arch::aarch64::*;

/// Shifts each byte right by `by` (left if negative) and keeps the bits of `mask`.
#[inline]
#[target_feature(enable = "neon")]
fn bits(x: Line, by: i8, mask: u8) -> Line {
    x.map(|x| vandq_u8(vshlq_u8(x, vdupq_n_s8(-by)), vdupq_n_u8(mask)))
}

#[inline]
#[target_feature(enable = "neon")]
fn or(x: Line, y: Line) -> Line {
    std::array::from_fn(|r| vorrq_u8(x[r], y[r]))
}

/// The eight lines of a strip, a code a byte.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn unpack(codes: Codes, planes: &[u8]) -> [Line; 8] {
    let planes = &planes.as_chunks::<LINE>().0[..codes.strip_bytes() / LINE];
    let mut lines = [[vdupq_n_u8(0); 4]; 8];
    match codes {
        Codes::U8 => (0..8).for_each(|j| lines[j] = load(&planes[j])),
        Codes::U2 | Codes::U3 => {
            for j in 0..8 {
                lines[j] = bits(load(&planes[j / 4]), 2 * (j as i8 % 4), 3);
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
        Codes::U3 => (0..8).for_each(|j| lines[j] = or(lines[j], bits(load(&planes[2]), j as i8 - 2, 1 << 2))),
        Codes::U5 => (0..8).for_each(|j| lines[j] = or(lines[j], bits(load(&planes[4]), j as i8 - 4, 1 << 4))),
        Codes::U6 => {
            for j in 0..8 {
                lines[j] = or(lines[j], bits(load(&planes[4 + j / 4]), 2 * (j as i8 % 4) - 4, 3 << 4));
            }
        }
        Codes::Table(table) => {
            let table = load16(table, 0);
            for line in &mut lines {
                *line = line.map(|codes| vqtbl1q_u8(table, codes));
            }
        }
        _ => {}
    }
    lines
}

/// Scales and minima of the (half) strips.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn scales(scales: Scales, tile: &[u8], b: usize) -> ([F32x16; 2], [F32x16; 2]) {
    let (mut scale, mut min) = ([set(0.0); 2], [set(0.0); 2]);
    if let Scales::Exponent = scales {
        scale[0] = unsigned(load16(tile, 0)).map(|e| power_of_two(e));
        return (scale, min);
    }
    let d = read_f16(tile, 0);
    let minus_dmin = || read_f16(tile, 32).map(|dmin| vnegq_f32(dmin));
    let low = |bytes| vandq_u8(bytes, vdupq_n_u8(15));
    let high = |bytes| vshrq_n_u8::<4>(bytes);
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
            let pairs = vshlq_u8(load16(tile, 160 + 16 * (b / 2)), vdupq_n_s8(-4 * (b as i8 % 2)));
            let upper = |pairs| vandq_u8(pairs, vdupq_n_u8(0x30));
            let six = [
                vorrq_u8(low(lows), upper(vshlq_n_u8::<4>(pairs))),
                vorrq_u8(high(lows), upper(vshlq_n_u8::<2>(pairs))),
            ];
            for h in 0..2 {
                let around_zero = vsubq_u8(six[h], vdupq_n_u8(32));
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
#[target_feature(enable = "neon")]
fn signed(bytes: uint8x16_t) -> I32x16 {
    let bytes = vreinterpretq_s8_u8(bytes);
    let (a, b) = (vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes));
    [vmovl_s16(vget_low_s16(a)), vmovl_high_s16(a), vmovl_s16(vget_low_s16(b)), vmovl_high_s16(b)]
}

/// Sixteen bytes, 0 … 255, as integers.
#[inline]
#[target_feature(enable = "neon")]
fn unsigned(bytes: uint8x16_t) -> I32x16 {
    let (a, b) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
    [vmovl_u16(vget_low_u16(a)), vmovl_high_u16(a), vmovl_u16(vget_low_u16(b)), vmovl_high_u16(b)]
        .map(|four| vreinterpretq_s32_u32(four))
}

/// 2^(e − 128): an exponent field of e − 1, or below the normal range a bit of the mantissa.
#[inline]
#[target_feature(enable = "neon")]
fn power_of_two(e: int32x4_t) -> float32x4_t {
    let normal = vshlq_n_s32::<23>(vsubq_s32(e, vdupq_n_s32(1)));
    let small = vshlq_s32(vdupq_n_s32(0x0020_0000), e);
    let is_small = vcltq_s32(e, vdupq_n_s32(2));
    vreinterpretq_f32_s32(vbslq_s32(is_small, small, normal))
}
