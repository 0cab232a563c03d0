//! [`Arena`]: one block of memory for all weights, in the order in which a forward pass reads them.
//!
//! Decoding streams every weight once per token, so what matters is that the processor's prefetchers and its page tables
//! keep up: one run of addresses, aligned to 2 MB and asked to be backed by pages of that size (512 times fewer
//! entries in the page tables than with 4 KB pages).
//!
//! What it deliberately does not do: free parts of itself. Weights come once and stay.

use memmap2::MmapMut;
use std::ops::Range;

/// What a huge page is aligned to.
const HUGE_PAGE: usize = 2 << 20;
/// What every part is aligned to: a cache line, which is also the widest vector.
const ALIGNMENT: usize = 64;

/// What backs an arena, where the system lets us choose (Linux).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// 4 KB: what everybody gets unless told otherwise.
    Small,
    /// 2 MB, as far as the system has them.
    Huge,
}

/// Anonymous memory that is filled from the front.
pub(crate) struct Arena {
    memory: MmapMut,
    /// Where the aligned part begins.
    start: usize,
    capacity: usize,
    used: usize,
}

impl Arena {
    /// Room for `capacity` bytes on huge pages. Pages are taken from the system when they are first written.
    ///
    /// # Errors
    /// If the system has no room.
    pub(crate) fn new(capacity: usize) -> std::io::Result<Self> {
        Self::on(Pages::Huge, capacity)
    }

    /// As [`Arena::new`], on pages of the caller's choice.
    pub(crate) fn on(pages: Pages, capacity: usize) -> std::io::Result<Self> {
        let memory = MmapMut::map_anon(capacity + HUGE_PAGE)?;
        #[cfg(target_os = "linux")]
        drop(memory.advise(match pages {
            Pages::Huge => memmap2::Advice::HugePage, // a wish: without it everything works, more slowly
            Pages::Small => memmap2::Advice::NoHugePage,
        }));
        #[cfg(not(target_os = "linux"))]
        let _ = pages; // the system decides
        let start = memory.as_ptr().align_offset(HUGE_PAGE).min(HUGE_PAGE);
        Ok(Self { memory, start, capacity, used: 0 })
    }

    /// The next `len` bytes, aligned and zero, and where they are.
    ///
    /// Panics if they do not fit: whoever made the arena has added up its parts ([`Arena::room_for`]).
    pub(crate) fn take(&mut self, len: usize) -> (Range<usize>, &mut [u8]) {
        let range = self.used..self.used + len;
        assert!(range.end <= self.capacity, "{len} more bytes do not fit {} of {}", self.used, self.capacity);
        self.used += Self::room_for(len).min(self.capacity - self.used);
        let bytes = &mut self.memory[self.start + range.start..self.start + range.end];
        (range, bytes)
    }

    /// What a part of `len` bytes takes, alignment included.
    pub(crate) fn room_for(len: usize) -> usize {
        len.next_multiple_of(ALIGNMENT)
    }

    /// A part that was taken.
    pub(crate) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.memory[self.start + range.start..self.start + range.end]
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Arena({} of {} bytes)", self.used, self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_aligned_apart_and_keep_their_bytes() {
        let lens = [1, 64, 100, 0, 4096];
        let mut arena = Arena::new(lens.iter().map(|&len| Arena::room_for(len)).sum()).unwrap();
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (i, len) in lens.into_iter().enumerate() {
            let (range, bytes) = arena.take(len);
            assert_eq!(bytes.as_ptr() as usize % ALIGNMENT, 0);
            assert!(bytes.iter().all(|&b| b == 0));
            bytes.fill(i as u8 + 1);
            ranges.push(range);
        }
        for (i, range) in ranges.iter().enumerate() {
            assert!(arena.bytes(range).iter().all(|&b| b == i as u8 + 1));
        }
        assert_eq!(arena.bytes(&ranges[0]).as_ptr() as usize % HUGE_PAGE, 0);
    }
}
