//! Four products a row, added up: bytes are multiplied into 16 bits, added over lines, and then within each row.
//!
//! ```text
//!  a register of a line, i8 codes:  │ a b c d │ row 1 │ row 2 │ row 3 │           (and three more for rows 4…15)
//!  a word of x, i8:                 │ x y z w │ again │ again │ again │
//!  smlal, smlal2, i16:              │ ax by cz dw │ row 1 │     │ row 2 │ row 3 │       += line after line, as many as fit
//!  saddlp, i32:                     │ ax+by  cz+dw │ row 1 │   │ row 2 │ row 3 │
//!  addp, i32:                       │ row 0 │ row 1 │ row 2 │ row 3 │
//! ```
//!
//! How many lines fit is a question of the largest code. A product is at most `code · 128` (limbs of activations
//! are −127…127; where it costs nothing −128 is counted too):
//!
//! | codes | largest | a product | lines before 32,767 | taken |
//! |---|---|---|---|---|
//! | U2, U3, U4, MXFP4's table, U5 | 31 | 3,968 | 8 | 8 |
//! | U6 | 63 | 8,064 | 4 | 4 |
//! | U8, IQ4's table, as signed `w = code − 128` | \|−128\| | 128 · 127 = 16,256 | 2 | 2 |
//!
//! Sums of integers are exact in any order, so the sum is the scalar one.

use super::registers::{I32x16, Line};
use crate::activations::{ActBlock, BASE};
use core::arch::aarch64::*;

/// How codes up to `max` are multiplied: what is taken from each, and how many lines' products are added in 16 bits.
#[inline(always)]
const fn plan(max: u8) -> (u8, usize) {
    match max {
        0..=31 => (0, 8),
        32..=63 => (0, 4),
        _ => (128, 2), // bytes are signed here: codes beyond 127 do not fit as they are
    }
}

/// No run can leave 16 bits, and no code that is left as it is has its sign bit set: proven for every largest code.
const _: () = {
    let mut max = 0;
    while max <= 255 {
        let (offset, lines) = plan(max as u8);
        let largest_product = if offset == 0 { max * 128 } else { 128 * 127 };
        assert!(lines * largest_product <= i16::MAX as usize);
        assert!(offset != 0 || max <= 127);
        max += 1;
    }
};

/// `Σ (code − zero) · q` over `LINES` lines (all eight, or the four of a half) from line `FIRST` on, of `G` groups of rows and `N`
/// columns; a row a lane. `line(g, j)` is line `j` of group `g`; no code is larger than `max`.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn dot<const FIRST: usize, const LINES: usize, const LIMBS: usize, const G: usize, const N: usize>(
    max: u8,
    line: impl Fn(usize, usize) -> Line,
    zero: i32,
    x: [&ActBlock<LIMBS>; N],
) -> [[I32x16; N]; G] {
    let mut sums = [[[vdupq_n_s32(0); 4]; N]; G];
    for g in 0..G {
        sums[g] = group::<LINES, LIMBS, N>(max, |j| line(g, j), FIRST, zero, x);
    }
    sums
}

/// [`dot`] of one group of rows.
#[inline]
#[target_feature(enable = "neon")]
fn group<const LINES: usize, const LIMBS: usize, const N: usize>(
    max: u8,
    line: impl Fn(usize) -> Line,
    first: usize,
    zero: i32,
    x: [&ActBlock<LIMBS>; N],
) -> [I32x16; N] {
    let zero = zero - i32::from(plan(max).0); // that much is taken from every code
    let sum = |x: &ActBlock<LIMBS>| if LINES == 8 { x.sum() } else { x.sums[first / LINES] };
    let start = x.map(|x| [vdupq_n_s32(-zero * sum(x)); 4]);
    let low = products::<LINES, N>(max, &line, first, |c, j| x[c].word(0, j), start);
    if LIMBS == 1 {
        return low;
    }
    let high = products::<LINES, N>(max, &line, first, |c, j| x[c].word(1, j), [[vdupq_n_s32(0); 4]; N]);
    std::array::from_fn(|c| std::array::from_fn(|r| vmlaq_n_s32(low[c][r], high[c][r], BASE)))
}

/// `sums += Σ code · q` with one limb: `word(c, j)` of column `c`.
#[inline]
#[target_feature(enable = "neon")]
fn products<const LINES: usize, const N: usize>(
    max: u8,
    line: &impl Fn(usize) -> Line,
    first: usize,
    word: impl Fn(usize, usize) -> i32,
    mut sums: [I32x16; N],
) -> [I32x16; N] {
    let (offset, run) = plan(max);
    let run = run.min(LINES);
    for at in (0..LINES / run).map(|i| first + i * run) {
        let mut products = [[[vdupq_n_s16(0); 2]; 4]; N];
        for j in at..at + run {
            let codes = line(j).map(|codes| vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(offset))));
            for c in 0..N {
                let word = vreinterpretq_s8_s32(vdupq_n_s32(word(c, j)));
                for r in 0..4 {
                    let [low, high] = products[c][r];
                    let low = vmlal_s8(low, vget_low_s8(codes[r]), vget_low_s8(word));
                    products[c][r] = [low, vmlal_high_s8(high, codes[r], word)];
                }
            }
        }
        for c in 0..N {
            for r in 0..4 {
                let [low, high] = products[c][r].map(|products| vpaddlq_s16(products));
                sums[c][r] = vaddq_s32(sums[c][r], vpaddq_s32(low, high));
            }
        }
    }
    sums
}
