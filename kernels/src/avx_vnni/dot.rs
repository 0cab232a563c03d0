//! Dot products with AVX-VNNI: one instruction multiplies 32 codes with 32 activations and adds them to eight sums.
//!
//! ```text
//!  a line, u8 codes:    │ row 0: 4 inputs │ … │ row 7: 4 inputs │       (and rows 8…15 in a second register)
//!  a word of x, i8:     │ x y z w         │ … │ again           │
//!  vpdpbusd, i32:       │ sum 0 += Σ of 4 │ … │ sum 7 += Σ of 4 │       nothing can overflow
//! ```
//!
//! Codes are unsigned and activations signed, as the instruction wants them. There are sixteen registers: with two limbs
//! the lines pass twice, first for the low limbs and then for the high ones.

use super::registers::{I32x16, Line};
use crate::activations::{ActBlock, BASE};
use core::arch::x86_64::*;

/// `Σ (code − zero) · q` over `LINES` lines (all eight, or the four of a half) from line `FIRST` on, of `G` groups of rows and `N`
/// columns; a row a lane. `line(g, j)` is line `j` of group `g`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
pub(super) fn dot<const FIRST: usize, const LINES: usize, const LIMBS: usize, const G: usize, const N: usize>(
    _max: u8,
    line: impl Fn(usize, usize) -> Line,
    zero: i32,
    x: [&ActBlock<LIMBS>; N],
) -> [[I32x16; N]; G] {
    let mut start = [[_mm256_setzero_si256(); 2]; N];
    for c in 0..N {
        let sum = if LINES == 8 { x[c].sum() } else { x[c].sums[FIRST / LINES] };
        start[c] = [_mm256_set1_epi32(-zero * sum); 2];
    }
    let mut sums = products::<LINES, G, N>(&line, FIRST, |c, j| x[c].word(0, j), [start; G]);
    if LIMBS == 1 {
        return sums;
    }
    const { assert!(BASE == (1 << 8) - 1) };
    let nothing = [[[_mm256_setzero_si256(); 2]; N]; G];
    let high = products::<LINES, G, N>(&line, FIRST, |c, j| x[c].word(1, j), nothing);
    for g in 0..G {
        for c in 0..N {
            for r in 0..2 {
                let times_base = _mm256_sub_epi32(_mm256_slli_epi32::<8>(high[g][c][r]), high[g][c][r]);
                sums[g][c][r] = _mm256_add_epi32(sums[g][c][r], times_base);
            }
        }
    }
    sums
}

/// `sums += Σ code · q` with one limb: `word(c, j)` of column `c`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
fn products<const LINES: usize, const G: usize, const N: usize>(
    line: &impl Fn(usize, usize) -> Line,
    first: usize,
    word: impl Fn(usize, usize) -> i32,
    mut sums: [[I32x16; N]; G],
) -> [[I32x16; N]; G] {
    for j in first..first + LINES {
        let mut lines = [[_mm256_setzero_si256(); 2]; G];
        for g in 0..G {
            lines[g] = line(g, j);
        }
        for c in 0..N {
            let word = _mm256_set1_epi32(word(c, j));
            for g in 0..G {
                for r in 0..2 {
                    sums[g][c][r] = _mm256_dpbusd_avx_epi32(sums[g][c][r], lines[g][r], word);
                }
            }
        }
    }
    sums
}
