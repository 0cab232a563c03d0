//! Random weights that are the same on every machine: splitmix64, and only `+ − × ÷ √`, whose results IEEE 754 fixes.

use cutaway::quant::{self, GgmlType};
use half::f16;

/// Steele, Lea & Flood's splitmix64.
pub struct Random(u64);

impl Random {
    /// A stream of its own for each name, so that no tensor's weights depend on which others the file has.
    pub fn named(name: &str) -> Self {
        let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal, mean 0, variance 1: the sum of twelve uniform numbers, less its mean.
    pub fn normal(&mut self) -> f32 {
        ((0..12).map(|_| self.uniform()).sum::<f64>() - 6.0) as f32
    }

    pub fn normals(&mut self, n: usize, mean: f32, std: f32) -> Vec<f32> {
        (0..n).map(|_| mean + std * self.normal()).collect()
    }
}

/// A matrix of `n_out` rows of `n_in` weights with standard deviation gain/√n_in, so that a normalised input gives
/// outputs of size `gain`, in the given format.
///
/// Floats and blocks of 32 round the *same* weights, so that such files differ only by rounding. For K-quants and the
/// formats with tables, whose quantisers search, random blocks are written whose weights have that size too: their
/// bytes depend on no quantiser, and every bit of a block is used.
pub fn matrix(name: &str, ty: GgmlType, gain: f32, n_in: usize, n_out: usize) -> Vec<u8> {
    let std = gain / (n_in as f32).sqrt();
    match ty {
        GgmlType::F32 | GgmlType::F16 | GgmlType::BF16 => {}
        GgmlType::Q4_0 | GgmlType::Q4_1 | GgmlType::Q5_0 | GgmlType::Q5_1 | GgmlType::Q8_0 => {}
        _ => return random_blocks(&mut Random::named(&format!("{name} {ty}")), ty, n_in * n_out, std),
    }
    encode(ty, &Random::named(name).normals(n_in * n_out, 0.0, std))
}

/// Plain numbers in a format that has a quantiser.
pub fn encode(ty: GgmlType, weights: &[f32]) -> Vec<u8> {
    if ty == GgmlType::F32 {
        return weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    }
    let mut bytes = vec![0; ty.row_bytes(weights.len()).expect("whole blocks")];
    quant::quantize(ty, weights, &mut bytes).expect("a format with a quantiser");
    bytes
}

/// Blocks of random bytes, with scales overwritten so that the weights have about the requested standard deviation.
fn random_blocks(random: &mut Random, ty: GgmlType, n: usize, std: f32) -> Vec<u8> {
    // What a block's integers (and small scales) would have as standard deviation were its f16 scale 1; where that
    // scale is; where the scale of the minimum is, and how many times larger it must be to take away the mean.
    let (spread, scale_at, minimum) = match ty {
        GgmlType::Q2_K => (13.9, 80, Some((82, 1.5))),
        GgmlType::Q3_K => (43.3, 108, None),
        GgmlType::Q4_K => (258.0, 0, Some((2, 7.5))),
        GgmlType::Q5_K => (527.0, 0, Some((2, 15.5))),
        GgmlType::Q6_K => (1367.0, 208, None),
        GgmlType::IQ4_NL => (67.4, 0, None),
        GgmlType::IQ4_XS => (1245.0, 0, None),
        GgmlType::MXFP4 => (5.85, 0, None),
        _ => unreachable!("{ty} is not made of random blocks"),
    };
    let mut bytes: Vec<u8> = (0..n / ty.block_len() * ty.block_bytes()).map(|_| random.bits() as u8).collect();
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        let scale = std / spread * (0.5 + random.uniform() as f32);
        if ty == GgmlType::MXFP4 {
            block[0] = 128u8.wrapping_add_signed(floor_log2(scale));
        } else {
            put_f16(block, scale_at, scale);
        }
        if let Some((at, times)) = minimum {
            put_f16(block, at, times * scale);
        }
    }
    bytes
}

/// ⌊log₂ x⌋ of a positive normal number.
fn floor_log2(x: f32) -> i8 {
    ((x.to_bits() >> 23) as i32 - 127) as i8
}

fn put_f16(block: &mut [u8], at: usize, value: f32) {
    block[at..at + 2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
}
