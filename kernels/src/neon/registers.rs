//! Sixteen rows in four registers: moving lines, halves and numbers between memory and registers.
//!
//! ```text
//!  a line of 64 bytes:   │ row 0: 4 inputs │ … │ row 3 │   │ row 4 │ … │ row 7 │   │ … │   │ row 12 │ … │ row 15 │
//!                        └────────────── [0] ──────────┘   └────── [1] ──────┘           └─────── [3] ───────┘
//! ```

use crate::packed::{LINE, ROWS};
use core::arch::aarch64::*;

/// 64 bytes, four rows a register.
pub(super) type Line = [uint8x16_t; 4];
/// An integer of each row.
pub(super) type I32x16 = [int32x4_t; 4];
/// A number of each row.
pub(super) type F32x16 = [float32x4_t; 4];

/// Loads 64 bytes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load(line: &[u8; LINE]) -> Line {
    // SAFETY: the reference is 64 readable bytes, and the loads need no alignment.
    unsafe { [0, 16, 32, 48].map(|at| vld1q_u8(line.as_ptr().add(at))) }
}

/// Stores 64 bytes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn store_line(to: &mut [u8; LINE], line: Line) {
    for r in 0..4 {
        // SAFETY: the reference is 64 writable bytes, and the stores need no alignment.
        unsafe { vst1q_u8(to.as_mut_ptr().add(16 * r), line[r]) }
    }
}

/// Loads 16 bytes at `at`.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load16(bytes: &[u8], at: usize) -> uint8x16_t {
    let bytes: &[u8; 16] = bytes[at..].first_chunk().expect("a tile is as long as its layout says");
    // SAFETY: the reference is 16 readable bytes, and the load needs no alignment.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

/// Eight halves of 32-bit numbers, as two registers of four.
#[inline]
#[target_feature(enable = "neon")]
fn load_eight(bytes: &[u8], at: usize) -> [uint16x4_t; 2] {
    let eight = vreinterpretq_u16_u8(load16(bytes, at));
    [vget_low_u16(eight), vget_high_u16(eight)]
}

/// Sixteen f32 at `at`.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn read_f32(bytes: &[u8], at: usize) -> F32x16 {
    load(bytes[at..].first_chunk().expect("a tile is as long as its layout says")).map(|w| vreinterpretq_f32_u8(w))
}

/// Sixteen f16 at `at`, as f32.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn read_f16(bytes: &[u8], at: usize) -> F32x16 {
    let ([a, b], [c, d]) = (load_eight(bytes, at), load_eight(bytes, at + 16));
    [a, b, c, d].map(|four| vcvt_f32_f16(vreinterpret_f16_u16(four)))
}

/// Sixteen bf16 at `at`, as f32: their bits are the upper half.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn read_bf16(bytes: &[u8], at: usize) -> F32x16 {
    let ([a, b], [c, d]) = (load_eight(bytes, at), load_eight(bytes, at + 16));
    [a, b, c, d].map(|four| vreinterpretq_f32_u32(vshll_n_u16::<16>(four)))
}

/// Loads sixteen numbers.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load_f32(from: &[f32; ROWS]) -> F32x16 {
    // SAFETY: the reference is sixteen readable numbers, and the loads need no alignment.
    unsafe { [0, 4, 8, 12].map(|at| vld1q_f32(from.as_ptr().add(at))) }
}

/// Stores sixteen numbers.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn store(to: &mut [f32; ROWS], x: F32x16) {
    for r in 0..4 {
        // SAFETY: the reference is sixteen writable numbers, and the stores need no alignment.
        unsafe { vst1q_f32(to.as_mut_ptr().add(4 * r), x[r]) }
    }
}

/// The same number in every lane.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn set(x: f32) -> F32x16 {
    [vdupq_n_f32(x); 4]
}

/// `x · y`.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn mul(x: F32x16, y: F32x16) -> F32x16 {
    std::array::from_fn(|r| vmulq_f32(x[r], y[r]))
}

/// `x · y + z`, rounded once.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn fma(x: F32x16, y: F32x16, z: F32x16) -> F32x16 {
    std::array::from_fn(|r| vfmaq_f32(z[r], x[r], y[r]))
}

/// Sixteen integers as f32.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn to_f32(x: I32x16) -> F32x16 {
    x.map(|x| vcvtq_f32_s32(x))
}
