//! [`PagePool`]: pages by number, each with the count of sequences that hold it.
//!
//! Look first at [`PagePool::reserve`], [`PagePool::hold`] and [`PagePool::release`]. Memory is taken from the system when a
//! page is first needed and kept for the next one when it is released. Where there is none, `reserve` says so before
//! anything is changed; what was reserved can be taken without a check. It is taken in slabs of some pages, and the system is asked to
//! back them with large pages of its own: attention reads a few kilobytes of every page for every head, and with pages of
//! 4 KB the processor would look up an address almost as often as it reads.

use memmap2::MmapMut;
use std::ops::Range;

/// Number of a page in its pool.
pub(crate) type PageId = usize;

/// About how many bytes are taken from the system at once.
const SLAB_BYTES: usize = 16 << 20;
/// What the system's large pages are aligned to.
const HUGE_PAGE: usize = 2 << 20;
/// Bytes that must be left when a slab is taken. A pass also makes small allocations, where a failure would end the process:
/// so the cache is what is refused.
const SPARE: usize = 4 << 20;

struct Page {
    holders: usize,
    slab: usize,
    range: Range<usize>,
}

/// The system has no memory for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoMemory;

/// Zeroed memory for some pages.
enum Slab {
    Mapped(MmapMut),
    /// Where the system maps nothing.
    Plain(Vec<u8>),
}

impl Slab {
    /// Memory, and where in it the pages begin.
    fn new(bytes: usize) -> Result<(Self, usize), NoMemory> {
        let slack = if bytes < HUGE_PAGE { 0 } else { HUGE_PAGE };
        let Ok(memory) = MmapMut::map_anon(bytes.saturating_add(slack)) else { return Self::plain(bytes) };
        #[cfg(target_os = "linux")]
        drop(memory.advise(memmap2::Advice::HugePage)); // a wish: without it everything works, more slowly
        MmapMut::map_anon(SPARE).map_err(|_| NoMemory)?; // given back at once
        let start = if slack == 0 { 0 } else { memory.as_ptr().align_offset(HUGE_PAGE).min(slack) };
        Ok((Slab::Mapped(memory), start))
    }

    fn plain(bytes: usize) -> Result<(Self, usize), NoMemory> {
        let mut memory = Vec::new();
        memory.try_reserve_exact(bytes).map_err(|_| NoMemory)?;
        memory.resize(bytes, 0);
        Ok((Slab::Plain(memory), 0))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Slab::Mapped(memory) => memory,
            Slab::Plain(memory) => memory,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Slab::Mapped(memory) => memory,
            Slab::Plain(memory) => memory,
        }
    }
}

/// Fixed-size pages, at most `capacity` of them.
pub(crate) struct PagePool {
    page_bytes: usize,
    capacity: usize,
    pages: Vec<Page>,
    free: Vec<PageId>,
    slabs: Vec<Slab>,
    /// What is left of the last slab.
    fresh: Range<usize>,
}

impl PagePool {
    pub(crate) fn new(page_bytes: usize, capacity: usize) -> Self {
        Self { page_bytes, capacity, pages: Vec::new(), free: Vec::new(), slabs: Vec::new(), fresh: 0..0 }
    }

    /// Pages that can still be taken.
    pub(crate) fn available(&self) -> usize {
        self.capacity - self.in_use()
    }

    /// Pages held by at least one sequence.
    pub(crate) fn in_use(&self) -> usize {
        self.pages.len() - self.free.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of a page.
    pub(crate) fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// Makes sure that `n` pages can be taken without more memory. On failure nothing that anybody can see has changed: pages
    /// that were made meanwhile are free. The caller has asked [`PagePool::available`] first.
    pub(crate) fn reserve(&mut self, n: usize) -> Result<(), NoMemory> {
        debug_assert!(n <= self.available(), "callers count their pages before they reserve them");
        let mut made = Vec::new();
        let mut result = Ok(());
        while result.is_ok() && self.free.len() + made.len() < n {
            result = self.make().map(|page| made.push(page));
        }
        // Pages are taken from the end: used ones first, then the new ones, as they lie in memory.
        self.free.splice(0..0, made.into_iter().rev());
        result
    }

    /// Takes a page with one holder, of those that were reserved.
    pub(crate) fn take(&mut self) -> PageId {
        let page = self.free.pop().expect("callers reserve their pages before they take them");
        self.pages[page].holders = 1;
        page
    }

    /// A page that never was: the next one of the last slab, or the first one of a new slab.
    fn make(&mut self) -> Result<PageId, NoMemory> {
        if self.fresh.len() < self.page_bytes.max(1) {
            let unmade = self.capacity.saturating_sub(self.pages.len()).max(1);
            let n_pages = (SLAB_BYTES / self.page_bytes.max(1)).clamp(1, unmade);
            // Where the system has no room for a whole slab, a page may still fit.
            let slab = |n_pages: usize| Some((Slab::new((n_pages * self.page_bytes).max(1)).ok()?, n_pages));
            let ((slab, start), n_pages) = slab(n_pages).or_else(|| slab(1)).ok_or(NoMemory)?;
            self.slabs.push(slab);
            self.fresh = start..start + n_pages * self.page_bytes;
        }
        let range = self.fresh.start..self.fresh.start + self.page_bytes;
        self.fresh.start = range.end;
        self.pages.push(Page { holders: 0, slab: self.slabs.len() - 1, range });
        Ok(self.pages.len() - 1)
    }

    /// One more sequence holds the page.
    pub(crate) fn hold(&mut self, page: PageId) {
        self.pages[page].holders += 1;
    }

    /// One sequence less; the last one frees it.
    pub(crate) fn release(&mut self, page: PageId) {
        self.pages[page].holders -= 1;
        if self.pages[page].holders == 0 {
            self.free.push(page);
        }
    }

    /// Whether more than one sequence holds the page, so that writing needs a copy.
    pub(crate) fn is_shared(&self, page: PageId) -> bool {
        self.pages[page].holders > 1
    }

    /// Takes a page with the same contents as `page`.
    pub(crate) fn copy(&mut self, page: PageId) -> PageId {
        let copy = self.take();
        let (from, to) = (&self.pages[page], &self.pages[copy]);
        let (from_range, to_range) = (from.range.clone(), to.range.clone());
        if from.slab == to.slab {
            self.slabs[from.slab].bytes_mut().copy_within(from_range, to_range.start);
        } else if let Ok([from, to]) = self.slabs.get_disjoint_mut([from.slab, to.slab]) {
            to.bytes_mut()[to_range].copy_from_slice(&from.bytes()[from_range]);
        }
        copy
    }

    pub(crate) fn bytes(&self, page: PageId) -> &[u8] {
        let Page { slab, range, .. } = &self.pages[page];
        &self.slabs[*slab].bytes()[range.clone()]
    }

    /// Every page there is, in the order of numbers, each to be written by itself. [`PagePool::make`] numbers pages slab after
    /// slab, and in a slab one lies behind the other.
    pub(crate) fn each_mut(&mut self) -> impl Iterator<Item = (PageId, &mut [u8])> {
        let page_bytes = self.page_bytes.max(1);
        let pages = &self.pages;
        let slabs = self.slabs.iter_mut().enumerate().flat_map(move |(number, slab)| {
            let of_slab = || pages.iter().filter(move |page| page.slab == number);
            let start = of_slab().next().map_or(0, |first| first.range.start);
            slab.bytes_mut()[start..].chunks_exact_mut(page_bytes).take(of_slab().count())
        });
        slabs.enumerate()
    }

    pub(crate) fn bytes_mut(&mut self, page: PageId) -> &mut [u8] {
        let Page { slab, range, .. } = &self.pages[page];
        &mut self.slabs[*slab].bytes_mut()[range.clone()]
    }
}
