//! Asking for memory before it is needed, on x86.
//!
//! Decoding reads every weight once and in order. The processor's own prefetchers stop where a page of 4 KB ends and start
//! again behind it (`reports/performance-notes.md`). So the vector kernels prefetch: with every step of the arithmetic they
//! ask for the lines that lie [`AHEAD`] of it. Products of many columns do not, because their arithmetic gives the memory
//! time enough, and float tiles do not, because four of them are read side by side.
//!
//! NEON does not prefetch: its instruction for this is not stable in Rust.

use super::packed::LINE;

/// Whether [`prefetch`] does anything.
pub(super) const PREFETCHES: bool = cfg!(target_arch = "x86_64");

/// How many bytes ahead of the arithmetic memory is asked for: weights of this matrix or the next one in the arena, keys and
/// values of this head or the next.
pub(super) const AHEAD: usize = 8192;

/// Products of so many columns or fewer prefetch.
pub(super) const FEW_COLUMNS: usize = 2;

/// Asks for the lines that lie `ahead` of these bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse")]
pub(super) fn prefetch(bytes: &[u8], ahead: usize) {
    use core::arch::x86_64::*;
    for line in (0..bytes.len()).step_by(LINE) {
        // A hint: it reads nothing and cannot fault, so any address will do.
        _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(ahead + line).cast());
    }
}

/// Does nothing on this processor.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) fn prefetch(_: &[u8], _: usize) {
    let _ = LINE;
}

/// The `b`-th of `n` slices of a tile, about equal: what is asked for with one of its strips. All lines of a large tile at once
/// are more requests than a core can have open, and the rest would be dropped.
#[inline(always)]
pub(super) fn slice_of(tile: &[u8], b: usize, n: usize) -> &[u8] {
    &tile[tile.len() * b / n..tile.len() * (b + 1) / n]
}
