//! Moving weights between GGUF rows and packed tiles, losing nothing: `unpack(pack(x)) == x`, byte for byte.
//!
//! The way between is [`codes`]: the 32 codes of one row in one strip as eight 32-bit words, four inputs in each. Taking
//! a block apart and putting a line together are then a few shifts and masks of words. Look first at [`pack`].
//!
//! What it deliberately does not do: change a code or a scale. Errors are `None`: lengths that do not belong together.

use super::packed::{Codes, LINE, Layout, ROWS, STRIP, Scales, group_bytes, packed_bytes};
use crate::quant::{self, GgmlType, k_scales};

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
    use super::*;

    pub(super) fn pack_group<const TY: u32>(row_bytes: usize, rows: &[u8], group: &mut [u8]) {
        let layout = const { Layout::of_id::<TY>() };
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
        let layout = const { Layout::of_id::<TY>() };
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

/// Every byte has its lowest `n` bits set.
const fn low_bits(n: u32) -> u32 {
    0x0101_0101 * ((1 << n) - 1)
}

#[inline(always)]
fn word(bytes: &[u8], j: usize) -> u32 {
    u32::from_le_bytes([bytes[4 * j], bytes[4 * j + 1], bytes[4 * j + 2], bytes[4 * j + 3]])
}

#[inline(always)]
fn or_word(bytes: &mut [u8], j: usize, value: u32) {
    let old = word(bytes, j);
    bytes[4 * j..][..4].copy_from_slice(&(old | value).to_le_bytes());
}

/// Bits 0…3 of `nibble` to the lowest bits of four bytes. The product has bit `i` at `8i`: `i + 7i`.
#[inline(always)]
fn spread(nibble: u32) -> u32 {
    ((nibble & 15) * 0x0020_4081) & 0x0101_0101
}

/// The inverse of [`spread`].
#[inline(always)]
fn squeeze(bits: u32) -> u32 {
    (bits & 0x0101_0101).wrapping_mul(0x0102_0408) >> 24 & 15
}

/// The unsigned codes of strip `b` of a GGUF block: word `j` holds inputs `4j … 4j+3`. (Table formats: table indices.)
#[inline(always)]
fn codes(ty: GgmlType, block: &[u8], b: usize) -> [u32; 8] {
    use GgmlType::*;
    let nibbles = |at: usize, j: usize| word(&block[at..], j % 4) >> (4 * (j / 4)) & low_bits(4);
    std::array::from_fn(|j| match ty {
        Q4_0 | IQ4_NL => nibbles(2, j),
        MXFP4 => nibbles(1, j),
        Q4_1 => nibbles(4, j),
        IQ4_XS => nibbles(8 + 16 * b, j),
        Q5_0 => nibbles(6, j) | spread(word(&block[2..], 0) >> (4 * j)) << 4,
        Q5_1 => nibbles(8, j) | spread(word(&block[4..], 0) >> (4 * j)) << 4,
        Q8_0 => word(&block[2..], j) ^ 0x8080_8080,
        Q2_K => word(&block[16 + 32 * (b / 4)..], j) >> (2 * (b % 4)) & low_bits(2),
        Q3_K => {
            let low = word(&block[32 + 32 * (b / 4)..], j) >> (2 * (b % 4)) & low_bits(2);
            low | (word(block, j) >> b & low_bits(1)) << 2
        }
        Q4_K => word(&block[16 + 32 * (b / 2)..], j) >> (4 * (b % 2)) & low_bits(4),
        Q5_K => {
            let low = word(&block[48 + 32 * (b / 2)..], j) >> (4 * (b % 2)) & low_bits(4);
            low | (word(&block[16..], j) >> b & low_bits(1)) << 4
        }
        Q6_K => {
            let (half, quarter) = (b / 4, b % 4);
            let low = word(&block[64 * half + 32 * (quarter % 2)..], j) >> (4 * (quarter / 2)) & low_bits(4);
            low | (word(&block[128 + 32 * half..], j) >> (2 * quarter) & low_bits(2)) << 4
        }
        _ => 0, // floats have no codes and never come here
    })
}

/// The inverse of [`codes`] on a block whose codes are all zero bits.
#[inline(always)]
fn put_codes(ty: GgmlType, codes: [u32; 8], block: &mut [u8], b: usize) {
    use GgmlType::*;
    for (j, code) in codes.into_iter().enumerate() {
        let low = code & low_bits(4);
        let mut nibbles = |at: usize| or_word(&mut block[at..], j % 4, low << (4 * (j / 4)));
        match ty {
            Q4_0 | IQ4_NL => nibbles(2),
            MXFP4 => nibbles(1),
            Q4_1 => nibbles(4),
            IQ4_XS => nibbles(8 + 16 * b),
            Q5_0 => {
                nibbles(6);
                or_word(&mut block[2..], 0, squeeze(code >> 4) << (4 * j));
            }
            Q5_1 => {
                nibbles(8);
                or_word(&mut block[4..], 0, squeeze(code >> 4) << (4 * j));
            }
            Q8_0 => or_word(&mut block[2..], j, code ^ 0x8080_8080),
            Q2_K => or_word(&mut block[16 + 32 * (b / 4)..], j, code << (2 * (b % 4))),
            Q3_K => {
                or_word(&mut block[32 + 32 * (b / 4)..], j, (code & low_bits(2)) << (2 * (b % 4)));
                or_word(block, j, (code >> 2 & low_bits(1)) << b);
            }
            Q4_K => or_word(&mut block[16 + 32 * (b / 2)..], j, low << (4 * (b % 2))),
            Q5_K => {
                or_word(&mut block[48 + 32 * (b / 2)..], j, low << (4 * (b % 2)));
                or_word(&mut block[16..], j, (code >> 4 & low_bits(1)) << b);
            }
            Q6_K => {
                let (half, quarter) = (b / 4, b % 4);
                or_word(&mut block[64 * half + 32 * (quarter % 2)..], j, low << (4 * (quarter / 2)));
                or_word(&mut block[128 + 32 * half..], j, (code >> 4 & low_bits(2)) << (2 * quarter));
            }
            _ => {}
        }
    }
}

/// Writes row `r`'s word of every line of a strip.
#[inline(always)]
fn put_line_words(planes: Codes, codes: [u32; 8], lines: &mut [u8], r: usize) {
    let mut put = |line: usize, value: u32| lines[LINE * line + 4 * r..][..4].copy_from_slice(&value.to_le_bytes());
    let fours = |g: usize| codes[g] & low_bits(4) | (codes[g + 4] & low_bits(4)) << 4;
    let twos = |h: usize, shift: u32| (0..4).fold(0, |w, i| w | (codes[4 * h + i] >> shift & low_bits(2)) << (2 * i));
    let ones = |shift: u32| (0..8).fold(0, |w, j| w | (codes[j] >> shift & low_bits(1)) << j);
    if let Codes::U8 = planes {
        (0..8).for_each(|j| put(j, codes[j]));
    }
    if let Codes::U4 | Codes::U5 | Codes::U6 | Codes::Table(_) = planes {
        (0..4).for_each(|g| put(g, fours(g)));
    }
    match planes {
        Codes::U2 => (0..2).for_each(|h| put(h, twos(h, 0))),
        Codes::U3 => {
            (0..2).for_each(|h| put(h, twos(h, 0)));
            put(2, ones(2));
        }
        Codes::U5 => put(4, ones(4)),
        Codes::U6 => (0..2).for_each(|h| put(4 + h, twos(h, 4))),
        _ => {}
    }
}

/// The inverse of [`put_line_words`].
#[inline(always)]
fn line_words(planes: Codes, lines: &[u8], r: usize) -> [u32; 8] {
    let get = |line: usize| word(&lines[LINE * line..], r);
    std::array::from_fn(|j| {
        let fours = || get(j % 4) >> (4 * (j / 4)) & low_bits(4);
        let twos = |at: usize| get(at + j / 4) >> (2 * (j % 4)) & low_bits(2);
        let ones = |at: usize| get(at) >> j & low_bits(1);
        match planes {
            Codes::U8 => get(j),
            Codes::U4 | Codes::Table(_) => fours(),
            Codes::U5 => fours() | ones(4) << 4,
            Codes::U6 => fours() | twos(4) << 4,
            Codes::U3 => twos(0) | ones(2) << 2,
            Codes::U2 => twos(0),
        }
    })
}

/// Copies the scales of a GGUF block into row `r` of a tile's header.
#[inline(always)]
fn put_header(ty: GgmlType, block: &[u8], tile: &mut [u8], r: usize) {
    let (d_at, dmin_at) = scale_offsets(ty);
    let Some(layout) = Layout::of(ty) else { return };
    if layout.scales == Scales::Exponent {
        tile[r] = block[0];
        return;
    }
    tile[2 * r..][..2].copy_from_slice(&block[d_at..][..2]);
    if layout.scales.min() {
        tile[32 + 2 * r..][..2].copy_from_slice(&block[dmin_at..][..2]);
    }
    match layout.scales {
        Scales::Signed => {
            for b in 0..8 {
                let low = block[4 + b / 2] >> (4 * (b % 2)) & 15;
                let high = u16::from_le_bytes([block[2], block[3]]) >> (2 * b) & 3;
                tile[32 + 16 * b + r] = (low | (high as u8) << 4).wrapping_sub(32);
            }
        }
        Scales::Min => {
            let (scales, mins) = k_scales::unpack(block[4..].first_chunk().expect("a block is longer than its scales"));
            for b in 0..8 {
                tile[64 + 32 * b + r] = scales[b];
                tile[64 + 32 * b + 16 + r] = mins[b];
            }
        }
        Scales::HalvesSigned => (0..16).for_each(|g| tile[32 + 16 * g + r] = block[192 + g]),
        Scales::HalvesMin => (0..16).for_each(|g| tile[64 + 16 * g + r] = block[g]),
        Scales::HalvesSix => {
            let scales = &block[96..108];
            let low = |g: usize| scales[g % 8] >> (4 * (g / 8)) & 15;
            let high = |g: usize| scales[8 + g % 4] >> (2 * (g / 4)) & 3;
            (0..8).for_each(|b| tile[32 + 16 * b + r] = low(2 * b) | low(2 * b + 1) << 4);
            for c in 0..4 {
                tile[160 + 16 * c + r] = (0..4).fold(0, |byte, i| byte | high(4 * c + i) << (2 * i));
            }
        }
        Scales::F16 | Scales::F16Min | Scales::Exponent => {}
    }
}

/// The inverse of [`put_header`] on a block whose scales are all zero bits.
#[inline(always)]
fn header(ty: GgmlType, tile: &[u8], block: &mut [u8], r: usize) {
    let (d_at, dmin_at) = scale_offsets(ty);
    let Some(layout) = Layout::of(ty) else { return };
    if layout.scales == Scales::Exponent {
        block[0] = tile[r];
        return;
    }
    block[d_at..][..2].copy_from_slice(&tile[2 * r..][..2]);
    if layout.scales.min() {
        block[dmin_at..][..2].copy_from_slice(&tile[32 + 2 * r..][..2]);
    }
    match layout.scales {
        Scales::Signed => {
            let mut high = 0_u16;
            for b in 0..8 {
                let scale = tile[32 + 16 * b + r].wrapping_add(32);
                block[4 + b / 2] |= (scale & 15) << (4 * (b % 2));
                high |= u16::from(scale >> 4 & 3) << (2 * b);
            }
            block[2..4].copy_from_slice(&high.to_le_bytes());
        }
        Scales::Min => {
            let scales = std::array::from_fn(|b| tile[64 + 32 * b + r]);
            let mins = std::array::from_fn(|b| tile[64 + 32 * b + 16 + r]);
            block[4..16].copy_from_slice(&k_scales::pack(&scales, &mins));
        }
        Scales::HalvesSigned => (0..16).for_each(|g| block[192 + g] = tile[32 + 16 * g + r]),
        Scales::HalvesMin => (0..16).for_each(|g| block[g] = tile[64 + 16 * g + r]),
        Scales::HalvesSix => {
            for g in 0..16 {
                let low = tile[32 + 16 * (g / 2) + r] >> (4 * (g % 2)) & 15;
                let high = tile[160 + 16 * (g / 4) + r] >> (2 * (g % 4)) & 3;
                block[96 + g % 8] |= low << (4 * (g / 8));
                block[104 + g % 4] |= high << (2 * (g / 4));
            }
        }
        Scales::F16 | Scales::F16Min | Scales::Exponent => {}
    }
}

/// Where in a GGUF block `d` and the second f16 (`m`, `dmin`) lie.
#[inline(always)]
fn scale_offsets(ty: GgmlType) -> (usize, usize) {
    match ty {
        GgmlType::Q2_K => (80, 82),
        GgmlType::Q3_K => (108, 0),
        GgmlType::Q6_K => (208, 0),
        _ => (0, 2),
    }
}

const _: () = assert!(STRIP == 32 && ROWS * 4 == LINE);
