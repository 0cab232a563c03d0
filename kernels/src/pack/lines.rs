//! The same eight words in the planes of a tile: one word of each line belongs to a row (drawn in `packed.rs`).

use super::codes::{low_bits, word};
use crate::packed::{Codes, LINE};

/// Writes row `r`'s word of every line of a strip.
#[inline(always)]
pub(super) fn put_line_words(planes: Codes, codes: [u32; 8], lines: &mut [u8], r: usize) {
    let mut put = |line: usize, value: u32| lines[LINE * line + 4 * r..][..4].copy_from_slice(&value.to_le_bytes());
    let fours = |g: usize| codes[g] & low_bits(4) | (codes[g + 4] & low_bits(4)) << 4;
    let twos = |h: usize, shift: u32| (0..4).fold(0, |w, i| w | (codes[4 * h + i] >> shift & low_bits(2)) << (2 * i));
    let ones = |shift: u32| (0..8).fold(0, |w, j| w | (codes[j] >> shift & low_bits(1)) << j);
    if let Codes::U8 = planes {
        (0..8).for_each(|j| put(j, codes[j]));
    }
    if let Codes::U4 | Codes::U5 | Codes::U6 | Codes::Table(_) = planes {
        (0..4).for_each(|g| put(g, fours(g)));
    }
    match planes {
        Codes::U2 => (0..2).for_each(|h| put(h, twos(h, 0))),
        Codes::U3 => {
            (0..2).for_each(|h| put(h, twos(h, 0)));
            put(2, ones(2));
        }
        Codes::U5 => put(4, ones(4)),
        Codes::U6 => (0..2).for_each(|h| put(4 + h, twos(h, 4))),
        _ => {}
    }
}

/// The inverse of [`put_line_words`].
#[inline(always)]
pub(super) fn line_words(planes: Codes, lines: &[u8], r: usize) -> [u32; 8] {
    let get = |line: usize| word(&lines[LINE * line..], r);
    std::array::from_fn(|j| {
        let fours = || get(j % 4) >> (4 * (j / 4)) & low_bits(4);
        let twos = |at: usize| get(at + j / 4) >> (2 * (j % 4)) & low_bits(2);
        let ones = |at: usize| get(at) >> j & low_bits(1);
        match planes {
            Codes::U8 => get(j),
            Codes::U4 | Codes::Table(_) => fours(),
            Codes::U5 => fours() | ones(4) << 4,
            Codes::U6 => fours() | twos(4) << 4,
            Codes::U3 => twos(0) | ones(2) << 2,
            Codes::U2 => twos(0),
        }
    })
}
