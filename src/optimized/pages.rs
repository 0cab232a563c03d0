//! Keys and values of one head where they lie in the cache, page by page, and how a kernel gets at them.
//!
//! Look first at [`Head::pages`]. What is deliberately not here: attention ([`super::attention`]), and what is visible.

use crate::batch::SeqId;
use crate::kernels::{KEY_TILE, Kernels};
use crate::kv_cache::{KvCache, KvFormat, KvLayout, KvSide};
use std::ops::Range;

/// One key/value head of one sequence in one block.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) cache: &'a KvCache,
    pub(super) layer: usize,
    pub(super) sequence: SeqId,
    pub(super) head: usize,
}

impl Head<'_> {
    /// Calls `each` with the positions of every page that holds some of `wanted`, and the stored tiles that cover them:
    /// rows where a tile is one position. The first one wanted begins a tile.
    pub(super) fn pages(self, side: KvSide, wanted: &Range<usize>, mut each: impl FnMut(Range<usize>, &[u8])) {
        let layout = self.cache.layout();
        let (page_len, tile_len, row_bytes) =
            (layout.page_len(), layout.tile_len(side), layout.row_bytes(self.layer, side));
        debug_assert!(wanted.start.is_multiple_of(tile_len));
        let first = wanted.start / page_len;
        let pages = self.cache.head_pages(self.layer, side, self.sequence, self.head).enumerate().skip(first);
        for (page, tiles) in pages.take(wanted.end.div_ceil(page_len).saturating_sub(first)) {
            let at = page * page_len;
            let positions = wanted.start.max(at)..wanted.end.min(at + page_len);
            let covered = positions.start - at..(positions.end - at).next_multiple_of(tile_len);
            each(positions, &tiles[covered.start * row_bytes..covered.end * row_bytes]);
        }
    }
}

/// Stored keys → tiles of f32, `[n / 16, head_dim, 16]`.
pub(super) fn load_k(kernels: &Kernels, layout: &KvLayout, stored: &[u8], head_dim: usize, out: &mut [f32]) {
    let rows_to_tiles = match (layout.format(KvSide::K), layout.tile_len(KvSide::K)) {
        (KvFormat::F32, KEY_TILE) => return (kernels.load_v_f32)(stored, out),
        (KvFormat::F16, KEY_TILE) => return (kernels.load_v_f16)(stored, out),
        (KvFormat::F32, _) => kernels.load_k_f32,
        (KvFormat::F16, _) => kernels.load_k_f16,
        (KvFormat::Q8_0, _) => kernels.load_k_q8_0,
        (KvFormat::Q4_0, _) => kernels.load_k_q4_0,
    };
    rows_to_tiles(stored, head_dim, out);
}

/// Stored values → `[n, head_dim]` of f32.
pub(super) fn load_v(kernels: &Kernels, format: KvFormat, rows: &[u8], head_dim: usize, out: &mut [f32]) {
    match format {
        KvFormat::F32 => (kernels.load_v_f32)(rows, out),
        KvFormat::F16 => (kernels.load_v_f16)(rows, out),
        KvFormat::Q8_0 => (kernels.load_v_q8_0)(rows, head_dim, out),
        KvFormat::Q4_0 => (kernels.load_v_q4_0)(rows, head_dim, out),
    }
}
