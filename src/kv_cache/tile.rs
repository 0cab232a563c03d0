//! One row of a tile: a key or a value among those of its neighbours in time.
//!
//! ```text
//!   tile [head_dim][tile_len]      row: one lane, a number from each dimension
//!     │ 0 │ 1 │ … │ lane │ … │
//! ```
//!
//! A tile of one position *is* its row. Look first at [`store`]. What is deliberately not here: where tiles lie
//! ([`layout`](super::layout)), and what a format makes of a row ([`KvFormat`]).

use super::KvFormat;

/// Numbers of a row that go through a buffer at once.
const PART: usize = 64;
/// Bytes of a number at most, in the formats that tiles of several positions have.
const NUMBER: usize = size_of::<f32>();

/// Writes `row` `[head_dim]` into its lane of a tile.
pub(super) fn store(format: KvFormat, row: &[f32], lane: usize, tile: &mut [u8]) {
    let row_bytes = format.row_bytes(row.len());
    if tile.len() == row_bytes {
        return format.store(row, tile);
    }
    let (number, step) = (format.row_bytes(1), format.row_bytes(1) * (tile.len() / row_bytes));
    for (numbers, dimensions) in row.chunks(PART).zip(tile.chunks_mut(PART * step)) {
        let mut stored = [0; PART * NUMBER];
        let stored = &mut stored[..numbers.len() * number];
        format.store(numbers, stored);
        match number {
            2 => scatter::<2>(stored, dimensions, step, lane),
            _ => scatter::<NUMBER>(stored, dimensions, step, lane),
        }
    }
}

/// Each number of `B` bytes into its lane of the dimension that it belongs to, `step` bytes each.
fn scatter<const B: usize>(numbers: &[u8], dimensions: &mut [u8], step: usize, lane: usize) {
    for (number, lanes) in numbers.as_chunks::<B>().0.iter().zip(dimensions.chunks_exact_mut(step)) {
        lanes.as_chunks_mut::<B>().0[lane] = *number;
    }
}

/// Reads one lane of a tile: the inverse of [`store`], up to what storing rounds away.
pub(super) fn load(format: KvFormat, tile: &[u8], lane: usize, row: &mut [f32]) {
    let row_bytes = format.row_bytes(row.len());
    if tile.len() == row_bytes {
        return format.load(tile, row);
    }
    let (number, step) = (format.row_bytes(1), format.row_bytes(1) * (tile.len() / row_bytes));
    for (numbers, dimensions) in row.chunks_mut(PART).zip(tile.chunks(PART * step)) {
        let mut stored = [0; PART * NUMBER];
        let stored = &mut stored[..numbers.len() * number];
        for (to, from) in stored.chunks_exact_mut(number).zip(dimensions.chunks_exact(step)) {
            to.copy_from_slice(&from[lane * number..][..number]);
        }
        format.load(stored, numbers);
    }
}
