//! Dot products with VNNI: one instruction multiplies 64 codes with 64 activations and adds them to sixteen sums.
//!
//! ```text
//!  a line, u8 codes:    │ row 0: 4 inputs │ row 1: 4 inputs │ … │ row 15: 4 inputs │
//!  a word of x, i8:     │ x y z w         │ again           │ … │ again            │
//!  vpdpbusd, i32:       │ sum 0 += Σ of 4 │ sum 1 += Σ of 4 │ … │ sum 15 += Σ of 4 │      nothing can overflow
//! ```
//!
//! The sums begin with `−zero · Σ q`, so the zero point costs no instruction per line. With two limbs each has sums of its
//! own, and those of the high limbs are multiplied by 255 at the end.

use super::registers::{I32x16, Line};
use crate::activations::{ActBlock, BASE};
use core::arch::x86_64::*;

/// `Σ (code − zero) · q` over `LINES` lines (all eight, or the four of a half) from line `FIRST` on, of `G` groups of rows and `N`
/// columns; a row a lane. `line(g, j)` is line `j` of group `g`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn dot<const FIRST: usize, const LINES: usize, const LIMBS: usize, const G: usize, const N: usize>(
    _max: u8,
    line: impl Fn(usize, usize) -> Line,
    zero: i32,
    x: [&ActBlock<LIMBS>; N],
) -> [[I32x16; N]; G] {
    let nothing = _mm512_setzero_si512();
    let mut joined = [[nothing; N]; G];
    if G == 1 {
        // One group: its lines fit the registers, so column by column, with one sum at a time.
        for c in 0..N {
            let mut sums = [nothing; LIMBS];
            sums[0] = start::<LINES, LIMBS>(zero, x[c], FIRST);
            for limb in 0..LIMBS {
                for j in FIRST..FIRST + LINES {
                    let word = _mm512_set1_epi32(x[c].word(limb, j));
                    sums[limb] = _mm512_dpbusd_epi32(sums[limb], line(0, j), word);
                }
            }
            joined[0][c] = join(sums);
        }
        return joined;
    }
    // Several groups: line by line, so that each word of activations serves all of them.
    let mut sums = [[[nothing; LIMBS]; N]; G];
    for c in 0..N {
        let start = start::<LINES, LIMBS>(zero, x[c], FIRST);
        for g in 0..G {
            sums[g][c][0] = start;
        }
    }
    for j in FIRST..FIRST + LINES {
        let mut lines = [nothing; G];
        for g in 0..G {
            lines[g] = line(g, j);
        }
        for c in 0..N {
            for limb in 0..LIMBS {
                let word = _mm512_set1_epi32(x[c].word(limb, j));
                for g in 0..G {
                    sums[g][c][limb] = _mm512_dpbusd_epi32(sums[g][c][limb], lines[g], word);
                }
            }
        }
    }
    for g in 0..G {
        for c in 0..N {
            joined[g][c] = join(sums[g][c]);
        }
    }
    joined
}

/// `−zero · Σ q` in every lane, over a strip or one half of it. Computed in vectors: moving a scalar result into a vector
/// register takes longer.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn start<const LINES: usize, const LIMBS: usize>(zero: i32, x: &ActBlock<LIMBS>, first: usize) -> I32x16 {
    let sums = [_mm512_set1_epi32(x.sums[0]), _mm512_set1_epi32(x.sums[1])];
    let sum = if LINES == 8 { _mm512_add_epi32(sums[0], sums[1]) } else { sums[first / LINES] };
    _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_mullo_epi32(sum, _mm512_set1_epi32(zero)))
}

/// The sums of one limb, or of both together.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn join<const LIMBS: usize>(sums: [I32x16; LIMBS]) -> I32x16 {
    match LIMBS {
        1 => sums[0],
        _ => _mm512_add_epi32(sums[0], times_base(sums[1])),
    }
}

/// 255 times as much: what high limbs are worth.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
pub(super) fn times_base(sum: I32x16) -> I32x16 {
    const { assert!(BASE == (1 << 8) - 1) };
    _mm512_sub_epi32(_mm512_slli_epi32::<8>(sum), sum)
}
