//! [`KvLayout`]: where a key or a value lies within a page.
//!
//! ```text
//! page:   layer 0                                                        layer 1   …
//!         ┌──────────┬──────────┬──────────┬──────────┬───┐
//!         │ head 0 K │ head 0 V │ head 1 K │ head 1 V │ … │      each:  page_len rows of head_dim numbers,
//!         └──────────┴──────────┴──────────┴──────────┴───┘             row i = position i of this page
//! ```
//!
//! How a row is stored, [`KvFormat`] says. All positions of one head lie together, because that is what attention reads: one
//! head's keys against one query, then its values, then the next head; so a decode walks through memory in order.
//!
//! Keys are multiplied and added up over dimensions, for many positions at once. So keys that are single numbers (F32, F16)
//! are not kept as rows but in *tiles* of sixteen positions, whose rows are dimensions:
//!
//! ```text
//! one head's keys of a page:   [page_len / 16][head_dim][16]
//!
//!              position  0   1   …  15           16  17   …  31
//!           dimension 0│ · │ · │ … │ · │        │ · │ · │ … │ · │
//!           dimension 1│ · │ · │ … │ · │        │ · │ · │ … │ · │       tile after tile, row after row
//!           …          │     tile 0    │        │     tile 1    │
//! ```
//!
//! Number `d` of position `p` is the `((p / tile) · head_dim + d) · tile + p % tile`-th. With a tile of one position that is
//! a row, so values, blocks and pages that are not whole tiles are *tiles of 1*. The last tile of a sequence is written in
//! part; what lies in its other lanes, zeros or an older sequence, is for the reader to mask.
//!
//! Look first at [`KvLayout::tile_len`] and [`KvLayout::tile`].

use super::KvFormat;
use crate::kernels::KEY_TILE;
use crate::model::Config;
use std::ops::Range;

/// Keys or values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KvSide {
    /// Keys, stored after RoPE.
    K,
    /// Values.
    V,
}

/// What one block stores per position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLayer {
    /// Key/value heads.
    pub n_head_kv: usize,
    /// Numbers in one head's key.
    pub head_dim_k: usize,
    /// Numbers in one head's value.
    pub head_dim_v: usize,
}

/// The shape of a page: what is stored per position, in which format, and how many positions share a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvLayout {
    layers: Vec<KvLayer>,
    k: KvFormat,
    v: KvFormat,
    page_len: usize,
    /// Byte offset of each layer within a page.
    offsets: Vec<usize>,
    page_bytes: usize,
}

impl KvLayout {
    /// Positions in a page of a long context.
    pub const PAGE_LEN: usize = 256;

    /// Positions in a page of a cache for `n_positions`: [`KvLayout::PAGE_LEN`], but no more than the context has, in whole
    /// tiles of keys. A short context then takes no memory that it cannot use.
    pub fn page_len_for(n_positions: usize) -> usize {
        n_positions.min(Self::PAGE_LEN).next_multiple_of(KEY_TILE).clamp(KEY_TILE, Self::PAGE_LEN)
    }

    /// The layout for a model, with keys and values in the given formats. `page_len` of 0 counts as 1.
    pub fn new(config: &Config, k: KvFormat, v: KvFormat, page_len: usize) -> Self {
        let layers = config.layers.iter().map(|layer| KvLayer {
            n_head_kv: layer.n_head_kv,
            head_dim_k: layer.head_dim_k,
            head_dim_v: layer.head_dim_v,
        });
        Self::of_layers(layers.collect(), k, v, page_len)
    }

    /// The layout for these layers.
    pub fn of_layers(layers: Vec<KvLayer>, k: KvFormat, v: KvFormat, page_len: usize) -> Self {
        let page_len = page_len.max(1);
        let mut layout = Self { layers, k, v, page_len, offsets: Vec::new(), page_bytes: 0 };
        for layer in 0..layout.layers.len() {
            layout.offsets.push(layout.page_bytes);
            layout.page_bytes += page_len * layout.layer_position_bytes(layer);
        }
        layout
    }

    /// Positions in a page.
    pub fn page_len(&self) -> usize {
        self.page_len
    }

    /// Bytes of a page: all layers, K and V.
    pub fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// Bytes that one position takes, over all layers.
    pub fn position_bytes(&self) -> usize {
        self.page_bytes / self.page_len
    }

    /// Bytes that one position takes in one layer, K and V.
    pub fn layer_position_bytes(&self, layer: usize) -> usize {
        self.layers[layer].n_head_kv * (self.row_bytes(layer, KvSide::K) + self.row_bytes(layer, KvSide::V))
    }

    /// What each block stores.
    pub fn layers(&self) -> &[KvLayer] {
        &self.layers
    }

    /// The format of keys or values.
    pub fn format(&self, side: KvSide) -> KvFormat {
        match side {
            KvSide::K => self.k,
            KvSide::V => self.v,
        }
    }

    /// Numbers in one head's key or value.
    pub fn head_dim(&self, layer: usize, side: KvSide) -> usize {
        match side {
            KvSide::K => self.layers[layer].head_dim_k,
            KvSide::V => self.layers[layer].head_dim_v,
        }
    }

    /// Bytes of one head's key or value: whole blocks of its format.
    pub fn row_bytes(&self, layer: usize, side: KvSide) -> usize {
        self.format(side).row_bytes(self.head_dim(layer, side))
    }

    /// Positions of a tile: 16 for keys that are single numbers, where a page is whole tiles; else 1, a tile is a row.
    pub fn tile_len(&self, side: KvSide) -> usize {
        let numbers = self.format(side).ggml_type().is_float();
        if side == KvSide::K && numbers && self.page_len.is_multiple_of(KEY_TILE) { KEY_TILE } else { 1 }
    }

    /// Where in a page one head's tiles lie: `page_len · row_bytes` bytes.
    pub fn head(&self, layer: usize, side: KvSide, head: usize) -> Range<usize> {
        let [k, v] = [KvSide::K, KvSide::V].map(|side| self.page_len * self.row_bytes(layer, side));
        let start = self.offsets[layer] + head * (k + v);
        match side {
            KvSide::K => start..start + k,
            KvSide::V => start + k..start + k + v,
        }
    }

    /// Where in a page one head keeps its keys and, behind them, its values.
    pub fn head_keys_and_values(&self, layer: usize, head: usize) -> Range<usize> {
        self.head(layer, KvSide::K, head).start..self.head(layer, KvSide::V, head).end
    }

    /// Where in a page one block keeps everything, head after head.
    pub fn block(&self, layer: usize) -> Range<usize> {
        let start = self.offsets[layer];
        start..start + self.page_len * self.layer_position_bytes(layer)
    }

    /// Where in a page the tile lies that holds one head's key or value of the position with this index in the page; its
    /// lane there is `index % tile_len`.
    pub fn tile(&self, layer: usize, side: KvSide, head: usize, index: usize) -> Range<usize> {
        let bytes = self.tile_len(side) * self.row_bytes(layer, side);
        let start = self.head(layer, side, head).start + index / self.tile_len(side) * bytes;
        start..start + bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the formats, every byte of a page belongs to one tile.
    #[test]
    fn tiles_cover_the_page_without_overlap() {
        let layers = vec![
            KvLayer { n_head_kv: 2, head_dim_k: 3, head_dim_v: 40 },
            KvLayer { n_head_kv: 1, head_dim_k: 64, head_dim_v: 2 },
        ];
        let pairs = || KvFormat::ALL.into_iter().flat_map(|k| KvFormat::ALL.map(|v| (k, v)));
        for ((k, v), page_len) in pairs().flat_map(|formats| [7, 32].map(|page_len| (formats, page_len))) {
            let layout = KvLayout::of_layers(layers.clone(), k, v, page_len);
            let mut covered = vec![0u8; layout.page_bytes()];
            for (l, layer) in layers.iter().enumerate() {
                for side in [KvSide::K, KvSide::V] {
                    let firsts = || (0..page_len).step_by(layout.tile_len(side));
                    for (head, index) in (0..layer.n_head_kv).flat_map(|head| firsts().map(move |index| (head, index)))
                    {
                        layout.tile(l, side, head, index).for_each(|byte| covered[byte] += 1);
                    }
                }
            }
            assert!(covered.iter().all(|&n| n == 1), "K {} V {}, pages of {page_len}", k.name(), v.name());
        }
    }

    #[test]
    fn a_page_is_no_longer_than_the_context() {
        let cases =
            [(0, 16), (1, 16), (8, 16), (16, 16), (17, 32), (250, 256), (256, 256), (257, 256), (usize::MAX, 256)];
        for (n_positions, page_len) in cases {
            assert_eq!(KvLayout::page_len_for(n_positions), page_len, "{n_positions} positions");
        }
    }

    #[test]
    fn a_position_takes_whole_blocks_of_every_head() {
        let layers = vec![
            KvLayer { n_head_kv: 2, head_dim_k: 3, head_dim_v: 40 },
            KvLayer { n_head_kv: 1, head_dim_k: 64, head_dim_v: 2 },
        ];
        let bytes = |k, v| KvLayout::of_layers(layers.clone(), k, v, 7).position_bytes();
        assert_eq!(bytes(KvFormat::F16, KvFormat::F32), 2 * (3 * 2 + 40 * 4) + 64 * 2 + 2 * 4);
        assert_eq!(bytes(KvFormat::Q8_0, KvFormat::Q4_0), 2 * (34 + 2 * 18) + 2 * 34 + 18);
    }
}
