//! One register of four f32, and how numbers come into it as the cache stores them.
//!
//! ```text
//!  q8_0   │ d │ 4 codes │ 4 │ … │ 4 │       bytes → i32 → f32 · d
//!  q4_0   │ d │ 4 bytes │ 4 │ 4 │ 4 │       low nibbles: numbers 0…15, high nibbles: 16…31;  (code − 8) → f32 · d
//! ```
//!
//! Look first at [`load_stored`]. What does not fill a register goes by way of an array that does. The loops that use these
//! functions are `loops/stored.rs` and `loops/attention.rs`.

use crate::quant::{q4_0, q8_0};
use crate::table::{F16, F32, Q8_0};
use core::arch::aarch64::*;

pub(super) const LANES: usize = 4;
pub(super) type Register = float32x4_t;

#[inline]
#[target_feature(enable = "neon")]
pub(super) fn zero() -> Register {
    vdupq_n_f32(0.0)
}

/// The same number in every lane.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn splat(x: f32) -> Register {
    vdupq_n_f32(x)
}

/// `x · y`.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn mul(x: Register, y: Register) -> Register {
    vmulq_f32(x, y)
}

/// `x · y + z`, rounded once.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn fma(x: Register, y: Register, z: Register) -> Register {
    vfmaq_f32(z, x, y)
}

/// `m` ≤ 4 numbers from the `at`-th on; zeros in the other lanes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load(from: &[f32], at: usize, m: usize) -> Register {
    let from = &from[at..][..m];
    if m < LANES {
        let mut filled = [0.0; LANES];
        filled[..m].copy_from_slice(from);
        return load(&filled, 0, LANES);
    }
    // SAFETY: the slice has four numbers; the load needs no alignment.
    unsafe { vld1q_f32(from.as_ptr()) }
}

/// Stores the first `m` lanes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn store(to: &mut [f32], at: usize, m: usize, x: Register) {
    let to = &mut to[at..][..m];
    if m < LANES {
        let mut filled = [0.0; LANES];
        store(&mut filled, 0, LANES, x);
        return to.copy_from_slice(&filled[..m]);
    }
    // SAFETY: the slice has four numbers; the store needs no alignment.
    unsafe { vst1q_f32(to.as_mut_ptr(), x) }
}

/// `m` ≤ 4 stored numbers of `N` bytes (f32 or f16) from the `at`-th on, as f32; zeros in the other lanes.
#[inline]
#[target_feature(enable = "neon")]
fn load_bytes<const N: usize>(bytes: &[u8], at: usize, m: usize) -> Register {
    let bytes = &bytes[N * at..][..N * m];
    if m < LANES {
        let mut filled = [0; 4 * LANES];
        filled[..N * m].copy_from_slice(bytes);
        return load_bytes::<N>(&filled, 0, LANES);
    }
    // SAFETY: the slice has four numbers of four or two bytes; the loads need no alignment.
    unsafe {
        match N {
            4 => vreinterpretq_f32_u8(vld1q_u8(bytes.as_ptr())),
            _ => vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(bytes.as_ptr()))),
        }
    }
}

/// Stored numbers from the `at`-th on as f32, at least the next `m` ≤ 4 of them. In a block format `at` is a multiple of 4
/// and counts what rows are filled up with.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load_stored<const TY: u32>(rows: &[u8], at: usize, m: usize) -> Register {
    match TY {
        F32 => load_bytes::<4>(rows, at, m),
        F16 => load_bytes::<2>(rows, at, m),
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
fn scaled(codes: int32x4_t, d: [u8; 2]) -> Register {
    let d = vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(u16::from_le_bytes(d))));
    vmulq_f32(vcvtq_f32_s32(codes), d)
}

/// Rows become columns: every second number of two rows, then every second pair.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn transpose([a, b, c, d]: [Register; LANES]) -> [Register; LANES] {
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
