//! Keys and values as the cache stores them → f32, four numbers at a time.
//!
//! ```text
//!  q8_0   │ d │ 4 codes │ 4 │ … │ 4 │       bytes → i32 → f32 · d
//!  q4_0   │ d │ 4 bytes │ 4 │ 4 │ 4 │       low nibbles: numbers 0…15, high nibbles: 16…31;  (code − 8) → f32 · d
//! ```
//!
//! Look first at [`load`]. Keys then become tiles: [`transpose`] turns four positions by four dimensions. The twin of the
//! `load_…` functions in `scalar/attention.rs`.

use super::attention::{self, LANES, store};
use crate::kernels::shapes;
use crate::kernels::stored::{block_of, stamp_loads};
use crate::kernels::table::{F16, F32, Q8_0};
use crate::quant::{q4_0, q8_0};
use core::arch::aarch64::*;

/// Stored numbers from the `at`-th on as f32, at least the next `m` ≤ 4 of them. In a block format `at` is a multiple of 4
/// and counts what rows are filled up with.
#[inline]
#[target_feature(enable = "neon")]
fn load<const TY: u32>(rows: &[u8], at: usize, m: usize) -> float32x4_t {
    match TY {
        F32 => attention::load::<4>(rows, at, m),
        F16 => attention::load::<2>(rows, at, m),
        Q8_0 => {
            let [d_0, d_1, codes @ ..] = &rows.as_chunks::<{ size_of::<q8_0::Block>() }>().0[at / q8_0::LEN];
            let codes = vmovl_s8(vreinterpret_s8_u8(four(codes.as_chunks().0[at % q8_0::LEN / LANES])));
            scaled(vmovl_s16(vget_low_s16(codes)), [*d_0, *d_1])
        }
        _ => {
            let [d_0, d_1, codes @ ..] = &rows.as_chunks::<{ size_of::<q4_0::Block>() }>().0[at / q4_0::LEN];
            let codes: &[[u8; LANES]; 4] = codes.as_chunks().0.try_into().expect("sixteen bytes are four times four");
            let place = at % q4_0::LEN / LANES; // fours: the first four are low nibbles, the others high ones
            let codes = four(codes[place % 4]);
            let codes = match place / 4 {
                0 => vand_u8(codes, vdup_n_u8(0xF)),
                _ => vshr_n_u8::<4>(codes),
            };
            let codes = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(codes))));
            scaled(vsubq_s32(codes, vdupq_n_s32(8)), [*d_0, *d_1])
        }
    }
}

/// Four bytes in the lower half of a register.
#[inline]
#[target_feature(enable = "neon")]
fn four(bytes: [u8; LANES]) -> uint8x8_t {
    vcreate_u8(u32::from_le_bytes(bytes).into())
}

/// Four codes times the scale of their block, an f16.
#[inline]
#[target_feature(enable = "neon")]
fn scaled(codes: int32x4_t, d: [u8; 2]) -> float32x4_t {
    let d = vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(u16::from_le_bytes(d))));
    vmulq_f32(vcvtq_f32_s32(codes), d)
}

/// Rows become columns: every second number of two rows, then every second pair.
#[inline]
#[target_feature(enable = "neon")]
fn transpose([a, b, c, d]: [float32x4_t; LANES]) -> [float32x4_t; LANES] {
    let pairs = |x| vreinterpretq_f64_f32(x);
    let (ab_even, ab_odd) = (pairs(vtrn1q_f32(a, b)), pairs(vtrn2q_f32(a, b)));
    let (cd_even, cd_odd) = (pairs(vtrn1q_f32(c, d)), pairs(vtrn2q_f32(c, d)));
    let columns = [
        vtrn1q_f64(ab_even, cd_even),
        vtrn1q_f64(ab_odd, cd_odd),
        vtrn2q_f64(ab_even, cd_even),
        vtrn2q_f64(ab_odd, cd_odd),
    ];
    columns.map(|column| vreinterpretq_f32_f64(column))
}

stamp_loads! { "neon", vdupq_n_f32(0.0) }
