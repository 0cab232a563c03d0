//! Inputs on which kernels are tried: random ones, the same in every run, and extreme ones.
//!
//! Any bytes are a matrix, so random tiles are random bytes; only scales are kept finite, because of infinity and NaN
//! nothing is promised. Look first at [`Fill`]. Whoever writes a kernel tries it on these: [`kernels`](super::kernels) does,
//! and so does `tests/kernels/match_scalar.rs`.

use crate::kernels::packed::{ROWS, Scales, TileLayout, packed_bytes};
use crate::quant::GgmlType;

/// Xorshift (Marsaglia 2003), multiplied: small, and the same everywhere. Made from a seed that is not zero.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// Sixty-four bits; the higher ones are the better ones.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Numbers from −2 to 2.
    pub fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.bits() >> 40) as f32 / (1 << 22) as f32 - 2.0).collect()
    }
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// The byte that all codes are made of; none for random ones. Tiles of floats have no codes.
    pub codes: Option<u8>,
    /// The scales, or the numbers of a tile of floats.
    pub scales: Magnitude,
}

/// How large scales are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Magnitude {
    /// Random, and below 2.
    Ordinary,
    /// Zero; in MXFP4, which has none, 2⁻¹²⁸.
    Zero,
    /// The smallest number above zero, which is subnormal.
    Smallest,
    /// The largest f16; of other scales, as large as sums of products can bear.
    Largest,
}

impl Fill {
    /// What weights look like.
    pub const ORDINARY: Self = Self { codes: None, scales: Magnitude::Ordinary };

    /// Every kind of codes with every kind of scales. Of bytes, 0xFF holds the largest codes of most formats, and 0 the
    /// smallest, which is −128 in Q8_0; all sevens are the largest code of MXFP4's table.
    pub fn all() -> impl Iterator<Item = Self> {
        let scales = [Magnitude::Ordinary, Magnitude::Zero, Magnitude::Smallest, Magnitude::Largest];
        let codes = [None, Some(0), Some(0xFF), Some(0x77)];
        codes.into_iter().flat_map(move |codes| scales.map(|scales| Self { codes, scales }))
    }
}

impl std::fmt::Display for Fill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.codes {
            None => f.write_str("random codes")?,
            Some(byte) => write!(f, "codes {byte:#04x}")?,
        }
        write!(f, ", scales {:?}", self.scales)
    }
}

/// Some groups of sixteen rows of `n_in` weights; nothing in a format that is not for weights.
pub fn tiles(ty: GgmlType, n_in: usize, n_groups: usize, fill: Fill, random: &mut Random) -> Vec<u8> {
    let bytes = packed_bytes(ty, n_in, ROWS * n_groups).unwrap_or(0);
    let mut tiles: Vec<u8> = (0..bytes).map(|_| fill.codes.unwrap_or((random.bits() >> 32) as u8)).collect();
    let Some(layout) = TileLayout::of(ty) else {
        tiles.chunks_exact_mut(ty.block_bytes()).for_each(|number| set_float(ty, number, fill.scales, random));
        return tiles;
    };
    for tile in tiles.chunks_exact_mut(layout.tile_bytes()) {
        let mut set_halves = |bytes: &mut [u8]| {
            bytes.chunks_exact_mut(2).for_each(|half| set_float(GgmlType::F16, half, fill.scales, random));
        };
        match layout.scales {
            Scales::Exponent => tile[..ROWS].iter_mut().for_each(|e| *e = exponent(fill.scales, random)),
            scales if scales.min() => set_halves(&mut tile[..4 * ROWS]),
            _ => set_halves(&mut tile[..2 * ROWS]),
        }
    }
    tiles
}

/// MXFP4's scale: 2 to the power of this, less 128.
fn exponent(magnitude: Magnitude, random: &mut Random) -> u8 {
    match magnitude {
        Magnitude::Ordinary => 100 + (random.bits() >> 60) as u8,
        Magnitude::Zero => 0,
        Magnitude::Smallest => 1, // subnormal too
        Magnitude::Largest => 128 + 60,
    }
}

fn set_float(ty: GgmlType, number: &mut [u8], magnitude: Magnitude, random: &mut Random) {
    let sign = (random.bits() >> 63 << 7) as u8;
    let any = ((random.bits() >> 32) as u32).to_le_bytes();
    let last = number.len() - 1;
    match (magnitude, ty) {
        (Magnitude::Ordinary, _) => {
            number.copy_from_slice(&any[..=last]);
            number[last] &= 0xBF; // the highest bit of the exponent is clear: finite, and below 2
        }
        (Magnitude::Zero, _) => number.fill(0),
        (Magnitude::Smallest, _) => {
            number.fill(0);
            number[0] = 1;
            number[last] |= sign;
        }
        (Magnitude::Largest, GgmlType::F16) => number.copy_from_slice(&[0xFF, 0x7B | sign]), // 65,504
        (Magnitude::Largest, _) => {
            number.fill(0xFF);
            number[last] = 0x70 | sign; // about 2¹⁰⁰
        }
    }
}

/// Activations: ordinary ones, some blocks of zeros, some where every integer is 127, −127 or either, some too small
/// to divide by, some huge.
pub fn activations(n: usize, random: &mut Random) -> Vec<f32> {
    let mut x = random.floats(n);
    for (b, x) in x.chunks_mut(32).enumerate() {
        match (b as u64 + random.bits() % 3) % 9 {
            0 => x.fill(0.0),
            1 => x.iter_mut().for_each(|x| *x = 1.5_f32.copysign(*x)),
            2 => x.iter_mut().for_each(|x| *x *= 1e-39),
            3 => x.fill(-3.0),
            4 => x.fill(3.0),
            5 => x.iter_mut().for_each(|x| *x *= 1e6),
            _ => {}
        }
    }
    x
}
