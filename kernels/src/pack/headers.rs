//! Scales and minima of a GGUF block in the header of a tile: sixteen rows beside each other, bit-packed six-bit scales
//! taken apart into bytes.

use crate::packed::{Scales, TileLayout};
use crate::quant::{GgmlType, k_scales};

/// Copies the scales of a GGUF block into row `r` of a tile's header.
#[inline(always)]
pub(super) fn put_header(ty: GgmlType, block: &[u8], tile: &mut [u8], r: usize) {
    let (d_at, dmin_at) = scale_offsets(ty);
    let Some(layout) = TileLayout::of(ty) else { return };
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
pub(super) fn header(ty: GgmlType, tile: &[u8], block: &mut [u8], r: usize) {
    let (d_at, dmin_at) = scale_offsets(ty);
    let Some(layout) = TileLayout::of(ty) else { return };
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
