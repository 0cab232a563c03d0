//! [`PagePool`]: pages by number, each with the count of sequences that hold it.
//!
//! Look first at [`PagePool::hold`] and [`PagePool::release`]. Memory is taken from the system when a page is first
//! needed and kept for the next one when it is released.

/// Number of a page in its pool.
pub(crate) type PageId = usize;

struct Page {
    holders: usize,
    bytes: Vec<u8>,
}

/// Fixed-size pages, at most `capacity` of them.
pub(crate) struct PagePool {
    page_bytes: usize,
    capacity: usize,
    pages: Vec<Page>,
    free: Vec<PageId>,
}

impl PagePool {
    pub(crate) fn new(page_bytes: usize, capacity: usize) -> Self {
        Self { page_bytes, capacity, pages: Vec::new(), free: Vec::new() }
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

    /// Takes a page with one holder. The caller has asked [`PagePool::available`] first.
    pub(crate) fn take(&mut self) -> PageId {
        debug_assert!(self.available() > 0, "callers count their pages before they take them");
        let page = self.free.pop().unwrap_or_else(|| {
            self.pages.push(Page { holders: 0, bytes: vec![0; self.page_bytes] });
            self.pages.len() - 1
        });
        self.pages[page].holders = 1;
        page
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
        let (low, high) = self.pages.split_at_mut(page.max(copy));
        let (from, to) = if page < copy { (&low[page], &mut high[0]) } else { (&high[0], &mut low[copy]) };
        to.bytes.copy_from_slice(&from.bytes);
        copy
    }

    pub(crate) fn bytes(&self, page: PageId) -> &[u8] {
        &self.pages[page].bytes
    }

    pub(crate) fn bytes_mut(&mut self, page: PageId) -> &mut [u8] {
        &mut self.pages[page].bytes
    }
}
