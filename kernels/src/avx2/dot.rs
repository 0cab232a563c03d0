//! Four products a row, added up: what VNNI does with one instruction, with three that must not overflow.
//!
//! ```text
//!  a line, u8 codes:      │ a b c d │ row 1 │ … │ row 7 │          (and rows 8…15 in a second register)
//!  a word of x, i8:       │ x y z w │ again │ … │ again │
//!  vpmaddubsw, i16:       │ ax+by  cz+dw │ …                      saturates beyond 32,767
//!  vpaddw, i16:           … the same of the next lines, as many as fit
//!  vpmaddwd by ones, i32: │ (ax+by) + (cz+dw) │ …
//! ```
//!
//! How many lines fit is a question of the largest code: a pair is at most `2 · code · 128` (limbs of activations
//! are −127…127; −128 is counted too, so that the budget holds for any bytes):
//!
//! | codes | largest | a pair | lines before 32,767 | taken |
//! |---|---|---|---|---|
//! | U2, U3, U4 | 15 | 3,840 | 8 | 8 |
//! | MXFP4's table, U5 | 31 | 7,936 | 4 | 4 |
//! | U6 | 63 | 16,128 | 2 | 2 |
//! | U8, IQ4's table | 255 | 65,280 | none | see [`signed`] |
//!
//! Sums of integers are exact in any order, so the sum is the scalar one.

use super::registers::{I32x16, Line};
use crate::activations::{ActBlock, BASE};
use core::arch::x86_64::*;

/// How many lines' pairs are added in 16 bits; 0 if not even one is sure to fit.
#[inline(always)]
const fn lines_before_widening(max: u8) -> usize {
    match max {
        0..=15 => 8,
        16..=31 => 4,
        32..=63 => 2,
        _ => 0,
    }
}

/// The table above, checked when this is compiled: no run can leave 16 bits, whatever the codes and activations are, and none
/// could be twice as long.
const _: () = {
    let mut max = 0;
    while max <= u8::MAX as usize {
        let (lines, a_pair) = (lines_before_widening(max as u8), 2 * max * 128);
        assert!(lines * a_pair <= i16::MAX as usize);
        assert!(lines == 8 || !(max == 31 || max == 63) || 2 * lines * a_pair > i16::MAX as usize);
        max += 1;
    }
    assert!(lines_before_widening(15) == 8 && lines_before_widening(31) == 4 && lines_before_widening(63) == 2);
    assert!(2 * 128 * 127 <= i16::MAX as usize); // a pair of `signed` fits
};

/// And every format has the run that the table says.
const _: () = {
    use crate::packed::TileLayout;
    use crate::quant::GgmlType::{self, *};
    const fn run(ty: GgmlType) -> usize {
        match TileLayout::of(ty) {
            Some(layout) => lines_before_widening(layout.codes.max()),
            None => usize::MAX,
        }
    }
    assert!(run(Q2_K) == 8 && run(Q3_K) == 8 && run(Q4_0) == 8 && run(Q4_1) == 8 && run(Q4_K) == 8);
    assert!(run(MXFP4) == 4 && run(Q5_0) == 4 && run(Q5_1) == 4 && run(Q5_K) == 4);
    assert!(run(Q6_K) == 2);
    assert!(run(Q8_0) == 0 && run(IQ4_NL) == 0 && run(IQ4_XS) == 0);
};

/// `Σ (code − zero) · q` over `LINES` lines (all eight, or the four of a half) from line `FIRST` on, of `G` groups of rows and `N`
/// columns; a row a lane. `line(g, j)` is line `j` of group `g`; no code is larger than `max`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn dot<const FIRST: usize, const LINES: usize, const LIMBS: usize, const G: usize, const N: usize>(
    max: u8,
    line: impl Fn(usize, usize) -> Line,
    zero: i32,
    x: [&ActBlock<LIMBS>; N],
) -> [[I32x16; N]; G] {
    let mut sums = [[[_mm256_setzero_si256(); 2]; N]; G];
    for g in 0..G {
        sums[g] = group::<LINES, LIMBS, N>(max, |j| line(g, j), FIRST, zero, x);
    }
    sums
}

/// [`dot`] of one group of rows.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn group<const LINES: usize, const LIMBS: usize, const N: usize>(
    max: u8,
    line: impl Fn(usize) -> Line,
    first: usize,
    zero: i32,
    x: [&ActBlock<LIMBS>; N],
) -> [I32x16; N] {
    let zero = if lines_before_widening(max) == 0 { zero - 128 } else { zero }; // `signed` takes 128 from every code
    let mut start = [[_mm256_setzero_si256(); 2]; N];
    for c in 0..N {
        let sum = if LINES == 8 { x[c].sum() } else { x[c].sums[first / LINES] };
        start[c] = [_mm256_set1_epi32(-zero * sum); 2];
    }
    let mut sums = products::<LINES, N>(max, &line, first, |c, j| x[c].word(0, j), start);
    if LIMBS == 1 {
        return sums;
    }
    let high = products::<LINES, N>(max, &line, first, |c, j| x[c].word(1, j), [[_mm256_setzero_si256(); 2]; N]);
    const { assert!(BASE == (1 << 8) - 1) };
    for c in 0..N {
        for r in 0..2 {
            let times_base = _mm256_sub_epi32(_mm256_slli_epi32::<8>(high[c][r]), high[c][r]);
            sums[c][r] = _mm256_add_epi32(sums[c][r], times_base);
        }
    }
    sums
}

/// `sums += Σ code · q` with one limb: `word(c, j)` of column `c`. Where not even one line is sure to fit, 128 is taken from each code.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn products<const LINES: usize, const N: usize>(
    max: u8,
    line: &impl Fn(usize) -> Line,
    first: usize,
    word: impl Fn(usize, usize) -> i32,
    mut sums: [I32x16; N],
) -> [I32x16; N] {
    let lines = lines_before_widening(max);
    if lines == 0 {
        return signed::<LINES, N>(line, first, word, sums);
    }
    let run = lines.min(LINES);
    for i in 0..LINES / run {
        let at = first + i * run;
        let mut pairs = [[_mm256_setzero_si256(); 2]; N];
        for j in at..at + run {
            let line = line(j);
            for c in 0..N {
                let word = _mm256_set1_epi32(word(c, j));
                for r in 0..2 {
                    pairs[c][r] = _mm256_add_epi16(pairs[c][r], _mm256_maddubs_epi16(line[r], word));
                }
            }
        }
        for c in 0..N {
            for r in 0..2 {
                sums[c][r] = _mm256_add_epi32(sums[c][r], _mm256_madd_epi16(pairs[c][r], _mm256_set1_epi16(1)));
            }
        }
    }
    sums
}

/// [`products`] of eight-bit codes. Taken as signed, `w = code − 128`, a pair `|w|·(±q) + |w|·(±q)` is at most
/// 2 · 128 · 127 = 32,512: it fits, but a second one does not. The instruction wants an unsigned factor: it gets `|w|`, and `q`
/// takes the sign of `w`. A limb is −127…127, so its negative fits a byte too; `|−128|` is 128 as an unsigned byte.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn signed<const LINES: usize, const N: usize>(
    line: &impl Fn(usize) -> Line,
    first: usize,
    word: impl Fn(usize, usize) -> i32,
    mut sums: [I32x16; N],
) -> [I32x16; N] {
    for j in first..first + LINES {
        let (mut w, mut magnitude) = (line(j), [_mm256_setzero_si256(); 2]);
        for r in 0..2 {
            w[r] = _mm256_xor_si256(w[r], _mm256_set1_epi8(-128));
            magnitude[r] = _mm256_abs_epi8(w[r]);
        }
        for c in 0..N {
            let word = _mm256_set1_epi32(word(c, j));
            for r in 0..2 {
                let pairs = _mm256_maddubs_epi16(magnitude[r], _mm256_sign_epi8(word, w[r]));
                sums[c][r] = _mm256_add_epi32(sums[c][r], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            }
        }
    }
    sums
}
