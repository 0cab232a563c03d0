//! Moving weights between GGUF rows and packed tiles, losing nothing: `unpack(pack(x)) == x`, byte for byte.
//!
//! The way between is eight 32-bit words: the 32 codes of one row in one strip, four inputs in each. Taking a block apart
//! (`codes.rs`) and putting a line together (`lines.rs`) are then a few shifts and masks of words; scales go their own
//! way (`headers.rs`). Look first at [`pack`].
//!
//! What it deliberately does not do: change a code or a scale. Errors are `None`: lengths that do not belong together.

mod codes;
mod headers;
mod lines;

use super::packed::{LINE, ROWS, STRIP, TileLayout, group_bytes, packed_bytes};
use crate::quant::{self, GgmlType};

/// Packs `n_out` rows of `n_in` weights; `rows` and `out` have exactly the bytes these take
/// ([`packed_bytes`]). Several threads may each pack whole groups of sixteen rows.
pub fn pack(ty: GgmlType, n_in: usize, n_out: usize, rows: &[u8], out: &mut [u8]) -> Option<()> {
    let row_bytes = ty.row_bytes(n_in)?;
    let group_bytes = group_bytes(ty, n_in)?;
    if rows.len() != row_bytes * n_out || out.len() != packed_bytes(ty, n_in, n_out)? {
        return None;
    }
    if group_bytes == 0 {
        return Some(());
    }
    for (rows, group) in rows.chunks(row_bytes * ROWS).zip(out.chunks_exact_mut(group_bytes)) {
        if rows.len() < row_bytes * ROWS {
            group.fill(0);
        }
        each_format!(ty, pack_group(row_bytes, rows, group))?;
    }
    Some(())
}

/// The rows as the file has them: the inverse of [`pack`].
pub fn unpack(ty: GgmlType, n_in: usize, n_out: usize, tiles: &[u8], rows: &mut [u8]) -> Option<()> {
    let row_bytes = ty.row_bytes(n_in)?;
    if tiles.len() != packed_bytes(ty, n_in, n_out)? || rows.len() != row_bytes * n_out {
        return None;
    }
    for (row, bytes) in rows.chunks_exact_mut(row_bytes.max(1)).enumerate() {
        unpack_row(ty, n_in, tiles, row, bytes)?;
    }
    Some(())
}

/// One row as the file has it.
pub fn unpack_row(ty: GgmlType, n_in: usize, tiles: &[u8], row: usize, bytes: &mut [u8]) -> Option<()> {
    if bytes.len() != ty.row_bytes(n_in)? {
        return None;
    }
    let group_bytes = group_bytes(ty, n_in)?;
    let group = tiles.get(row / ROWS * group_bytes..)?.get(..group_bytes)?;
    each_format!(ty, unpack_blocks(row % ROWS, group, bytes))
}

/// One row as weights, the same bits as [`quant::dequantize`] of the row in the file: how a token's embedding is looked
/// up in a packed matrix.
pub fn gather_row(ty: GgmlType, n_in: usize, tiles: &[u8], row: usize, weights: &mut [f32]) -> Option<()> {
    let group_bytes = group_bytes(ty, n_in)?;
    let group = tiles.get(row / ROWS * group_bytes..)?.get(..group_bytes)?;
    if weights.len() != n_in {
        return None;
    }
    // A few hundred weights at a time, so that the bytes in between stay on the stack.
    const AT_ONCE: usize = 256;
    let mut bytes = [0; AT_ONCE * size_of::<f32>()];
    for (i, weights) in weights.chunks_mut(AT_ONCE).enumerate() {
        let bytes = &mut bytes[..ty.row_bytes(weights.len())?];
        let part = self::group_bytes(ty, AT_ONCE)?;
        each_format!(ty, unpack_blocks(row % ROWS, &group[i * part..], bytes))?;
        quant::dequantize(ty, bytes, weights).ok()?;
    }
    Some(())
}

/// Calls `$function::<{ format }>(arguments)` for a block format and `$function_float` for a float.
macro_rules! each_format {
    ($ty:expr, $function:ident ( $($argument:expr),* )) => {{
        macro_rules! call {
            ($format:ident) => { block::$function::<{ GgmlType::$format as u32 }>($($argument),*) };
        }
        match $ty {
            GgmlType::F32 => float::$function::<4>($($argument),*),
            GgmlType::F16 | GgmlType::BF16 => float::$function::<2>($($argument),*),
            GgmlType::Q4_0 => call!(Q4_0),
            GgmlType::Q4_1 => call!(Q4_1),
            GgmlType::Q5_0 => call!(Q5_0),
            GgmlType::Q5_1 => call!(Q5_1),
            GgmlType::Q8_0 => call!(Q8_0),
            GgmlType::Q2_K => call!(Q2_K),
            GgmlType::Q3_K => call!(Q3_K),
            GgmlType::Q4_K => call!(Q4_K),
            GgmlType::Q5_K => call!(Q5_K),
            GgmlType::Q6_K => call!(Q6_K),
            GgmlType::IQ4_NL => call!(IQ4_NL),
            GgmlType::IQ4_XS => call!(IQ4_XS),
            GgmlType::MXFP4 => call!(MXFP4),
            _ => return None,
        }
        Some(())
    }};
}
use each_format;

/// Tiles of 16 rows × 1 input of `N` bytes.
mod float {
    use super::ROWS;

    pub(super) fn pack_group<const N: usize>(row_bytes: usize, rows: &[u8], group: &mut [u8]) {
        for (r, row) in rows.chunks_exact(row_bytes).enumerate() {
            for (number, tile) in row.as_chunks::<N>().0.iter().zip(group.chunks_exact_mut(N * ROWS)) {
                tile[N * r..][..N].copy_from_slice(number);
            }
        }
    }

    pub(super) fn unpack_blocks<const N: usize>(r: usize, group: &[u8], row: &mut [u8]) {
        for (number, tile) in row.as_chunks_mut::<N>().0.iter_mut().zip(group.chunks_exact(N * ROWS)) {
            number.copy_from_slice(&tile[N * r..][..N]);
        }
    }
}

/// Tiles of block formats.
mod block {
    use super::codes::{codes, put_codes};
    use super::headers::{header, put_header};
    use super::lines::{line_words, put_line_words};
    use super::{GgmlType, TileLayout};

    pub(super) fn pack_group<const TY: u32>(row_bytes: usize, rows: &[u8], group: &mut [u8]) {
        let layout = const { TileLayout::of_id::<TY>() };
        let ty = const { ty_of::<TY>() };
        let (tile_bytes, block_bytes) = (layout.tile_bytes(), ty.block_bytes());
        for (k, tile) in group.chunks_exact_mut(tile_bytes).enumerate() {
            for (r, row) in rows.chunks_exact(row_bytes).enumerate() {
                let block = &row[k * block_bytes..][..block_bytes];
                put_header(ty, block, tile, r);
                for b in 0..layout.strips {
                    let planes = &mut tile[layout.strip_at(b)..][..layout.codes.strip_bytes()];
                    put_line_words(layout.codes, codes(ty, block, b), planes, r);
                }
            }
        }
    }

    /// Row `r` of a group's first tiles, as many blocks as `row` has room for.
    pub(super) fn unpack_blocks<const TY: u32>(r: usize, group: &[u8], row: &mut [u8]) {
        let layout = const { TileLayout::of_id::<TY>() };
        let ty = const { ty_of::<TY>() };
        for (block, tile) in row.chunks_exact_mut(ty.block_bytes()).zip(group.chunks_exact(layout.tile_bytes())) {
            block.fill(0);
            header(ty, tile, block, r);
            for b in 0..layout.strips {
                let planes = &tile[layout.strip_at(b)..][..layout.codes.strip_bytes()];
                put_codes(ty, line_words(layout.codes, planes, r), block, b);
            }
        }
    }

    const fn ty_of<const TY: u32>() -> GgmlType {
        let mut i = 0;
        while GgmlType::WEIGHTS[i] as u32 != TY {
            i += 1;
        }
        GgmlType::WEIGHTS[i]
    }
}

const _: () = assert!(STRIP == 32 && ROWS * 4 == LINE);
