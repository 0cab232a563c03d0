//! [`KvCache`]: sequences as lists of shared pages.

use super::layout::{KvLayout, KvSide};
use super::pages::{NoMemory, PageId, PagePool};
use super::tile;
use crate::batch::{Batch, SeqId};
use std::collections::BTreeMap;

/// The keys and values of several sequences.
///
/// All changes are all-or-nothing: an operation that fails leaves the cache as it was.
pub struct KvCache {
    layout: KvLayout,
    pool: PagePool,
    sequences: BTreeMap<SeqId, Sequence>,
}

/// Positions `0..len` of a sequence lie in `pages`, `page_len` to a page.
#[derive(Clone, Default)]
struct Sequence {
    pages: Vec<PageId>,
    len: usize,
}

/// Where one row of a batch keeps its keys and values. Given out by [`KvCache::reserve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    page: PageId,
    index: usize,
}

/// What one head of one block keeps in one page: its keys, then its values.
#[derive(Debug)]
pub struct KvPart<'a> {
    layout: &'a KvLayout,
    layer: usize,
    head: usize,
    page: PageId,
    bytes: &'a mut [u8],
}

impl KvPart<'_> {
    /// Stores this head's share of the key and value of one row, if the row is in this page: `k` is
    /// `[n_head_kv, head_dim_k]`, `v` `[n_head_kv, head_dim_v]`.
    pub fn write(&mut self, slot: Slot, k: &[f32], v: &[f32]) {
        if slot.page != self.page {
            return;
        }
        let start = self.layout.head(self.layer, KvSide::K, self.head).start;
        for (side, values) in [(KvSide::K, k), (KvSide::V, v)] {
            let (format, lane) = (self.layout.format(side), slot.index % self.layout.tile_len(side));
            let head_dim = self.layout.head_dim(self.layer, side);
            let at = self.layout.tile(self.layer, side, self.head, slot.index);
            let tile = &mut self.bytes[at.start - start..at.end - start];
            tile::store(format, &values[self.head * head_dim..][..head_dim], lane, tile);
        }
    }
}

/// How much a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Positions, summed over sequences; a shared position counts once per sequence.
    pub positions: usize,
    /// Pages that some sequence holds.
    pub pages: usize,
    /// Pages that the cache may hold at most.
    pub capacity: usize,
    /// Bytes of the pages that some sequence holds.
    pub bytes: usize,
}

/// Why the cache cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// A row does not continue its sequence.
    #[error("row {row}: sequence {sequence} goes on at position {expected}, but the batch says {found}")]
    NotContiguous {
        /// Index of the row in the batch.
        row: usize,
        /// Its sequence.
        sequence: SeqId,
        /// The next position of that sequence.
        expected: usize,
        /// The position in the batch.
        found: usize,
    },
    /// All pages are in use.
    #[error(
        "the KV cache is full: {needed} more pages are needed, {available} of {capacity} are free ({page_len} positions \
         each). Remove a sequence or ask for a larger context"
    )]
    Full {
        /// Pages that the operation needs.
        needed: usize,
        /// Pages that are free.
        available: usize,
        /// Pages in all.
        capacity: usize,
        /// Positions in a page.
        page_len: usize,
    },
    /// The system has no memory.
    #[error(
        "no memory for the KV cache: {needed} more pages of {page_bytes} bytes are needed ({page_len} positions each), {held} \
         bytes are in use. Ask for a smaller context, a smaller cache type, or give the process more memory"
    )]
    Memory {
        /// Pages that the operation needs.
        needed: usize,
        /// Bytes of a page.
        page_bytes: usize,
        /// Positions in a page.
        page_len: usize,
        /// Bytes of the pages that sequences hold.
        held: usize,
    },
    /// The sequence is not in the cache.
    #[error("sequence {0} is not in the KV cache")]
    UnknownSequence(SeqId),
    /// The target of a fork is in use.
    #[error("sequence {0} is already in the KV cache: a fork needs an unused name")]
    SequenceExists(SeqId),
}

impl KvCache {
    /// A cache with room for `n_positions` positions (rounded up to whole pages). Memory is taken as it is needed.
    pub fn new(layout: KvLayout, n_positions: usize) -> Self {
        let pool = PagePool::new(layout.page_bytes(), n_positions.div_ceil(layout.page_len()));
        Self { layout, pool, sequences: BTreeMap::new() }
    }

    /// What a page looks like.
    pub fn layout(&self) -> &KvLayout {
        &self.layout
    }

    /// Positions of a sequence: it holds `0..len`. An unknown sequence has none.
    pub fn len(&self, sequence: SeqId) -> usize {
        self.sequences.get(&sequence).map_or(0, |s| s.len)
    }

    /// Whether no sequence holds anything.
    pub fn is_empty(&self) -> bool {
        self.sequences.values().all(|s| s.len == 0)
    }

    /// The sequences, in order of their numbers.
    pub fn sequences(&self) -> impl Iterator<Item = SeqId> {
        self.sequences.keys().copied()
    }

    /// How much is held.
    pub fn usage(&self) -> Usage {
        Usage {
            positions: self.sequences.values().map(|s| s.len).sum(),
            pages: self.pool.in_use(),
            capacity: self.pool.capacity(),
            bytes: self.pool.in_use() * self.layout.page_bytes(),
        }
    }

    /// Makes room for every row of a batch and says where each keeps its keys and values. Rows of a new sequence start
    /// at position 0; a page that is shared with another sequence is copied before it is written to.
    ///
    /// # Errors
    /// If a row does not continue its sequence, if there are not enough pages, or if the system has no memory for them.
    pub fn reserve(&mut self, batch: &Batch) -> Result<Vec<Slot>, CacheError> {
        let groups = batch.sequences();
        let mut needed = 0;
        for (sequence, rows) in &groups {
            let len = self.len(*sequence);
            for (i, &row) in rows.iter().enumerate() {
                let found = batch.rows()[row].position;
                if found != len + i {
                    return Err(CacheError::NotContiguous { row, sequence: *sequence, expected: len + i, found });
                }
            }
            needed += self.pages_to_grow(*sequence, rows.len());
        }
        self.require(needed)?;

        let mut slots = vec![Slot { page: 0, index: 0 }; batch.len()];
        for (sequence, rows) in groups {
            for row in rows {
                slots[row] = self.append(sequence);
            }
        }
        Ok(slots)
    }

    /// Stores the key and value of one row in one block: `k` is `[n_head_kv, head_dim_k]`, `v` `[n_head_kv, head_dim_v]`.
    pub fn write(&mut self, layer: usize, slot: Slot, k: &[f32], v: &[f32]) {
        let Self { layout, pool, .. } = self;
        let page = pool.bytes_mut(slot.page);
        for head in 0..layout.layers()[layer].n_head_kv {
            let bytes = &mut page[layout.head_keys_and_values(layer, head)];
            KvPart { layout, layer, head, page: slot.page, bytes }.write(slot, k, v);
        }
    }

    /// The parts of the cache that one block writes to when it stores rows at `slots`: a part for each head and page. They
    /// are disjoint, so that several threads can write at once.
    pub fn parts_mut(&mut self, layer: usize, slots: &[Slot]) -> Vec<KvPart<'_>> {
        let Self { layout, pool, .. } = self;
        let layout: &KvLayout = layout;
        let part_bytes = layout.head_keys_and_values(layer, 0).len().max(1);
        let written = pool.each_mut().filter(|(page, _)| slots.iter().any(|slot| slot.page == *page));
        let parts = written.flat_map(|(page, bytes)| {
            let heads = bytes[layout.block(layer)].chunks_exact_mut(part_bytes).enumerate();
            heads.map(move |(head, bytes)| KvPart { layout, layer, head, page, bytes })
        });
        parts.collect()
    }

    /// Everything a block remembers of a sequence, `[n_head_kv, len, head_dim]`, as f32.
    pub fn read(&self, layer: usize, side: KvSide, sequence: SeqId) -> Vec<f32> {
        let (n_head, head_dim) = (self.layout.layers()[layer].n_head_kv, self.layout.head_dim(layer, side));
        let (format, tile_len) = (self.layout.format(side), self.layout.tile_len(side));
        let (len, tile_bytes) = (self.len(sequence), tile_len * self.layout.row_bytes(layer, side));
        let mut values = vec![0.0; n_head * len * head_dim];
        for (head, values) in values.chunks_exact_mut((len * head_dim).max(1)).enumerate() {
            let tiles = self.head_pages(layer, side, sequence, head).flat_map(|tiles| tiles.chunks_exact(tile_bytes));
            for (rows, bytes) in values.chunks_mut(tile_len * head_dim).zip(tiles) {
                let rows = rows.chunks_exact_mut(head_dim).enumerate();
                rows.for_each(|(lane, row)| tile::load(format, bytes, lane, row));
            }
        }
        values
    }

    /// One head's tiles as they are stored ([`KvLayout::tile_len`]), page by page: `page_len · row_bytes` bytes each; the
    /// last page may be filled in part, up to [`KvCache::len`].
    pub fn head_pages(&self, layer: usize, side: KvSide, sequence: SeqId, head: usize) -> impl Iterator<Item = &[u8]> {
        let at = self.layout.head(layer, side, head);
        let pages = self.sequences.get(&sequence).map_or(&[][..], |s| &s.pages);
        pages.iter().map(move |&page| &self.pool.bytes(page)[at.clone()])
    }

    /// `copy` becomes a second continuation of what `sequence` holds. No byte is copied until one of them writes.
    ///
    /// # Errors
    /// If `sequence` does not exist or `copy` does.
    pub fn fork(&mut self, sequence: SeqId, copy: SeqId) -> Result<(), CacheError> {
        if self.sequences.contains_key(&copy) {
            return Err(CacheError::SequenceExists(copy));
        }
        let forked = self.sequences.get(&sequence).ok_or(CacheError::UnknownSequence(sequence))?.clone();
        forked.pages.iter().for_each(|&page| self.pool.hold(page));
        self.sequences.insert(copy, forked);
        Ok(())
    }

    /// Forgets positions `len..` of a sequence; does nothing if it is no longer than that.
    ///
    /// # Errors
    /// If the sequence does not exist.
    pub fn truncate(&mut self, sequence: SeqId, len: usize) -> Result<(), CacheError> {
        let held = self.sequences.get_mut(&sequence).ok_or(CacheError::UnknownSequence(sequence))?;
        held.len = held.len.min(len);
        let keep = held.len.div_ceil(self.layout.page_len());
        held.pages.drain(keep..).for_each(|page| self.pool.release(page));
        Ok(())
    }

    /// Forgets a sequence.
    ///
    /// # Errors
    /// If the sequence does not exist.
    pub fn remove(&mut self, sequence: SeqId) -> Result<(), CacheError> {
        let held = self.sequences.remove(&sequence).ok_or(CacheError::UnknownSequence(sequence))?;
        held.pages.into_iter().for_each(|page| self.pool.release(page));
        Ok(())
    }

    /// Pages that `more` positions of a sequence take from the pool: new ones, and a copy of a shared last page.
    fn pages_to_grow(&self, sequence: SeqId, more: usize) -> usize {
        let page_len = self.layout.page_len();
        let Some(held) = self.sequences.get(&sequence) else { return more.div_ceil(page_len) };
        let new = (held.len + more).div_ceil(page_len) - held.pages.len();
        new + usize::from(more > 0 && shared_tail(held, &self.pool, page_len).is_some())
    }

    /// Makes sure that so many pages can be taken: that the cache may have them, and that there is memory.
    fn require(&mut self, needed: usize) -> Result<(), CacheError> {
        let (available, capacity, page_len) = (self.pool.available(), self.pool.capacity(), self.layout.page_len());
        if needed > available {
            return Err(CacheError::Full { needed, available, capacity, page_len });
        }
        let (page_bytes, held) = (self.pool.page_bytes(), self.usage().bytes);
        self.pool.reserve(needed).map_err(|NoMemory| CacheError::Memory { needed, page_bytes, page_len, held })
    }

    /// The slot of the next position of a sequence. Its page was reserved before.
    fn append(&mut self, sequence: SeqId) -> Slot {
        let page_len = self.layout.page_len();
        let held = self.sequences.entry(sequence).or_default();
        let index = held.len % page_len;
        if index == 0 {
            held.pages.push(self.pool.take());
        } else if let Some(shared) = shared_tail(held, &self.pool, page_len) {
            let copy = self.pool.copy(shared);
            self.pool.release(shared);
            held.pages.pop();
            held.pages.push(copy);
        }
        held.len += 1;
        Slot { page: held.pages[held.pages.len() - 1], index }
    }
}

/// The last page of a sequence if it has room left and somebody else holds it too: it is copied before it is written.
fn shared_tail(held: &Sequence, pool: &PagePool, page_len: usize) -> Option<PageId> {
    let has_room = !held.len.is_multiple_of(page_len);
    held.pages.last().copied().filter(|&page| has_room && pool.is_shared(page))
}

impl std::fmt::Debug for KvCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KvCache").field("layout", &self.layout).field("usage", &self.usage()).finish_non_exhaustive()
    }
}
