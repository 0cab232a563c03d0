//! Asking for memory before it is needed, on x86.
//!
//! Decoding reads every weight once and in order. The processor's own prefetchers stop where a page of 4 KB ends and begin
//! again behind it (`reports/performance-notes.md`), so the vector kernels ask themselves, with every step of the
//! arithmetic for the lines that lie [`AHEAD`] of it. Not with many columns, which give the memory time enough, nor for
//! float tiles, four of which are read side by side.
//!
//! NEON does not ask: its instruction for this is not stable in Rust.

use super::packed::LINE;
use core::arch::x86_64::*;

/// How far ahead of the arithmetic memory is asked for: weights of this matrix or the next one in the arena, keys and values
/// of this head or the next.
pub(super) const AHEAD: usize = 8192;

/// Columns up to which a product asks ahead.
pub(super) const FEW_COLUMNS: usize = 2;

/// Asks for the lines that lie `ahead` of these bytes.
#[inline]
#[target_feature(enable = "sse")]
pub(super) fn prefetch(bytes: &[u8], ahead: usize) {
    for line in (0..bytes.len()).step_by(LINE) {
        // A hint: it reads nothing and cannot fault, so any address will do.
        _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(ahead + line).cast());
    }
}

/// The `b`-th of `n` parts of a tile, about equal: what is asked for with one of its strips. All lines of a large tile at once
/// are more than the memory takes, and it forgets the rest.
#[inline(always)]
pub(super) fn part(tile: &[u8], b: usize, n: usize) -> &[u8] {
    &tile[tile.len() * b / n..tile.len() * (b + 1) / n]
}
