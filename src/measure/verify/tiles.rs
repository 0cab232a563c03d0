//! Inputs on which kernels are tried: random ones, the same in every run, and extreme ones.
//!
//! Any bytes are a matrix, so random tiles are random bytes; only scales are kept finite, because of infinity and NaN
//! nothing is promised.

use crate::kernels::packed::{Layout, ROWS, Scales, packed_bytes};
use crate::quant::GgmlType;

/// Xorshift (Marsaglia 2003), multiplied: small, and the same everywhere.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Numbers from −2 to 2.
    pub(super) fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.bits() >> 40) as f32 / (1 << 22) as f32 - 2.0).collect()
    }
}

/// What the bytes of a tile look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// Any codes, scales of at most 2.
    Random,
    /// Codes 0, scales 0.
    Zeros,
    /// The largest codes, and the smallest f16 as scale (0x0001, which is subnormal).
    Largest,
}

/// Some groups of sixteen rows of `n_in` weights.
pub(super) fn tiles(ty: GgmlType, n_in: usize, n_groups: usize, fill: Fill, random: &mut Random) -> Vec<u8> {
    let bytes = packed_bytes(ty, n_in, ROWS * n_groups).unwrap_or(0);
    let mut tiles: Vec<u8> = match fill {
        Fill::Random => (0..bytes).map(|_| (random.bits() >> 32) as u8).collect(),
        Fill::Zeros => vec![0; bytes],
        Fill::Largest => vec![0xFF; bytes],
    };
    let tame = |half: &mut [u8]| match fill {
        Fill::Largest => half.copy_from_slice(&[1, 0]),
        _ => half[1] &= 0xBF, // an exponent below 16: finite, and below 2
    };
    match Layout::of(ty) {
        None if ty == GgmlType::F32 => tiles.chunks_exact_mut(4).for_each(|x| x[3] &= 0xBF),
        None => tiles.chunks_exact_mut(2).for_each(tame),
        Some(layout) => {
            for tile in tiles.chunks_exact_mut(layout.tile_bytes()) {
                match layout.scales {
                    // 2⁻¹²⁸ … 2⁻¹
                    Scales::Exponent => tile[..ROWS].iter_mut().for_each(|e| *e = *e & 0x7F | u8::from(*e & 0x80 != 0)),
                    scales if scales.min() => tile[..4 * ROWS].chunks_exact_mut(2).for_each(tame),
                    _ => tile[..2 * ROWS].chunks_exact_mut(2).for_each(tame),
                }
            }
        }
    }
    tiles
}

/// Activations: ordinary ones, some blocks of zeros, some where every whole number is ±127, some too small to divide by.
pub(super) fn activations(n: usize, random: &mut Random) -> Vec<f32> {
    let mut x = random.floats(n);
    for (b, x) in x.chunks_mut(32).enumerate() {
        match (b as u64 + random.bits() % 3) % 7 {
            0 => x.fill(0.0),
            1 => x.iter_mut().for_each(|x| *x = 1.5_f32.copysign(*x)),
            2 => x.iter_mut().for_each(|x| *x *= 1e-39),
            3 => x.fill(-3.0),
            _ => {}
        }
    }
    x
}
