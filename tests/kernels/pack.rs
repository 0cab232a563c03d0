//! Packed tiles lose nothing, and the scalar kernels compute what the weights mean.

use cutaway::kernels::{ActBlock, Kernels, pack, packed};
use cutaway::quant::{self, GgmlType};
use proptest::prelude::*;

/// Bytes that are not quite random: any block, with f16 scales that are finite.
fn random_rows(ty: GgmlType, n_in: usize, n_out: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..ty.row_bytes(n_in).unwrap() * n_out).map(|_| next()).collect()
}

/// Weights of ordinary size in a format, also in those that the project does not write: random codes, tame scales.
fn tame_rows(ty: GgmlType, n_in: usize, n_out: usize, seed: u64) -> Vec<u8> {
    let mut rows = random_rows(ty, n_in, n_out, seed);
    let float = |bytes: &mut [u8], x: f32| match ty {
        GgmlType::F32 => bytes.copy_from_slice(&x.to_le_bytes()),
        GgmlType::BF16 => bytes.copy_from_slice(&quant::bf16::from_f32(x)),
        _ => bytes.copy_from_slice(&quant::f16::from_f32(x)),
    };
    for (i, block) in rows.chunks_exact_mut(ty.block_bytes()).enumerate() {
        let x = ((i * 37 + 11) % 101) as f32 / 101.0 - 0.45;
        let scales: &[usize] = match ty {
            GgmlType::Q4_1 | GgmlType::Q5_1 | GgmlType::Q4_K | GgmlType::Q5_K => &[0, 2],
            GgmlType::Q2_K => &[80, 82],
            GgmlType::Q3_K => &[108],
            GgmlType::Q6_K => &[208],
            GgmlType::MXFP4 => {
                block[0] = 120 + (i % 7) as u8;
                &[]
            }
            _ => &[0],
        };
        let bytes = if ty == GgmlType::F32 { 4 } else { 2 };
        scales.iter().enumerate().for_each(|(s, &at)| float(&mut block[at..at + bytes], x / (s + 1) as f32));
    }
    rows
}

fn packed(ty: GgmlType, n_in: usize, n_out: usize, rows: &[u8]) -> Vec<u8> {
    let mut tiles = vec![0xAA; packed::packed_bytes(ty, n_in, n_out).unwrap()];
    pack::pack(ty, n_in, n_out, rows, &mut tiles).unwrap();
    tiles
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn unpacking_gives_the_rows_back(seed: u64, n_out in 1_usize..50, blocks in 1_usize..4) {
        for ty in GgmlType::WEIGHTS {
            let n_in = if ty.is_float() { 5 * blocks } else { ty.block_len() * blocks };
            let rows = random_rows(ty, n_in, n_out, seed);
            let tiles = packed(ty, n_in, n_out, &rows);
            let mut back = vec![0x55; rows.len()];
            pack::unpack(ty, n_in, n_out, &tiles, &mut back).unwrap();
            prop_assert_eq!(&back, &rows, "{}", ty);
        }
    }

    #[test]
    fn a_gathered_row_has_the_bits_of_a_dequantised_one(seed: u64, n_out in 1_usize..40, blocks in 1_usize..20) {
        for ty in GgmlType::WEIGHTS {
            let n_in = if ty.is_float() { 37 * blocks } else { ty.block_len() * blocks };
            let rows = random_rows(ty, n_in, n_out, seed);
            let tiles = packed(ty, n_in, n_out, &rows);
            let row = seed as usize % n_out;
            let (mut expected, mut found) = (vec![0.0; n_in], vec![1.0; n_in]);
            let row_bytes = ty.row_bytes(n_in).unwrap();
            quant::dequantize(ty, &rows[row * row_bytes..][..row_bytes], &mut expected).unwrap();
            pack::gather_row(ty, n_in, &tiles, row, &mut found).unwrap();
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&found), bits(&expected), "{}", ty);
        }
    }
}

#[test]
fn no_format_grows_by_more_than_three_percent() {
    for ty in GgmlType::WEIGHTS {
        let file = ty.row_bytes(1024).unwrap() * 64;
        let packed = packed::packed_bytes(ty, 1024, 64).unwrap();
        assert!(packed as f64 <= 1.03 * file as f64, "{ty}: {file} bytes became {packed}");
    }
}

#[test]
fn lengths_that_do_not_belong_together_are_refused() {
    let ty = GgmlType::Q4_K;
    assert_eq!(packed::packed_bytes(ty, 128, 16), None);
    assert_eq!(packed::packed_bytes(GgmlType::Q8_K, 256, 16), None);
    let mut tiles = vec![0; packed::packed_bytes(ty, 256, 16).unwrap()];
    assert_eq!(pack::pack(ty, 256, 16, &[0; 144 * 15], &mut tiles), None);
    assert_eq!(pack::unpack_row(ty, 256, &tiles, 16, &mut [0; 144]), None);
    assert_eq!(pack::gather_row(ty, 256, &tiles, 0, &mut [0.0; 255]), None);
}

/// performance.md §4: an activation is off by at most half a step, and f32 adds its own rounding:
/// `|y − Σ w·x| ≤ Σ_b ½·d_b·Σ|w| + 2Kε·Σ|w·x|`. For formats with minima a weight is two terms, `d·code` and `m`, each with
/// a rounding of its own; in these rows neither is larger than three times the largest weight of its strip.
#[test]
fn scalar_products_are_within_the_error_bound() {
    let (n_out, n_cols) = (19, 3);
    for ty in GgmlType::WEIGHTS {
        let n_in = if ty.is_float() { 75 } else { ty.block_len() * 3 };
        let has_minima = packed::TileLayout::of(ty).is_some_and(|layout| layout.scales.min());
        let rows = tame_rows(ty, n_in, n_out, 7);
        let tiles = packed(ty, n_in, n_out, &rows);
        let mut weights = vec![0.0; n_in * n_out];
        quant::dequantize(ty, &rows, &mut weights).unwrap();
        let x: Vec<f32> = (0..n_in * n_cols).map(|i| ((i * i + 3 * i) as f32 * 0.7).sin() * 2.0).collect();

        let n_padded = n_out.next_multiple_of(16);
        for (y, steps) in scalar_products(ty, n_in, &tiles, &x, n_cols * n_padded) {
            for c in 0..n_cols {
                for r in 0..n_out {
                    let (mut exact, mut bound, mut magnitude) = (0.0_f64, 0.0_f64, 0.0_f64);
                    for i in 0..n_in {
                        let (w, x) = (f64::from(weights[r * n_in + i]), f64::from(x[c * n_in + i]));
                        exact += w * x;
                        let strip = &weights[r * n_in..][..n_in].chunks(32).nth(i / 32).unwrap();
                        let largest = strip.iter().fold(0.0, |max: f64, &w| max.max(f64::from(w.abs())));
                        magnitude += x.abs() * if has_minima { 6.0 * largest } else { w.abs() };
                        if let Some(&step) = steps.get(c * n_in / 32 + i / 32) {
                            bound += 0.5 * f64::from(step) * w.abs();
                        }
                    }
                    let rounding = 2.0 * n_in as f64 * f64::from(f32::EPSILON) * magnitude;
                    let found = f64::from(y[c * n_padded + r]);
                    let off = (found - exact).abs();
                    assert!(off <= bound + rounding, "{ty} row {r} column {c}: {found} is not {exact}");
                }
                let padding = &y[c * n_padded + n_out..(c + 1) * n_padded];
                assert!(padding.iter().all(|&y| y == 0.0), "{ty}: padding is not zero");
            }
        }
    }
}

/// `len` results, and the step of every 32 activations: with floats, which have none, or with one limb and with two.
fn scalar_products(ty: GgmlType, n_in: usize, tiles: &[u8], x: &[f32], len: usize) -> Vec<(Vec<f32>, Vec<f32>)> {
    let kernels = Kernels::scalar();
    let into = |product: &dyn Fn(&mut [f32])| {
        let mut y = vec![f32::NAN; len];
        product(&mut y);
        y
    };
    let Some(gemm) = kernels.gemm(ty) else {
        let gemm = kernels.gemm_float(ty).unwrap();
        return vec![(into(&|y| gemm(n_in, tiles, x, y)), Vec::new())];
    };
    let (mut a8, mut a16) = (vec![ActBlock::ZERO; x.len() / 32], vec![ActBlock::ZERO; x.len() / 32]);
    (kernels.quantize)(x, &mut a8);
    (kernels.quantize_a16)(x, &mut a16);
    vec![
        (into(&|y| (gemm.a8)(n_in, tiles, &a8, y)), a8.iter().map(|block| block.d).collect()),
        (into(&|y| (gemm.a16)(n_in, tiles, &a16, y)), a16.iter().map(|block| block.d).collect()),
    ]
}

#[test]
fn activations_are_rounded_to_the_nearest_and_sums_fit() {
    rounded(Kernels::scalar().quantize, 127);
    rounded(Kernels::scalar().quantize_a16, 32_512);
}

fn rounded<const LIMBS: usize>(quantize: fn(&[f32], &mut [ActBlock<LIMBS>]), largest: i32) {
    let x: Vec<f32> = (0..64).map(|i| if i < 32 { (i as f32 - 15.5) * 0.37 } else { 0.0 }).collect();
    let mut blocks = [ActBlock::ZERO; 2];
    quantize(&x, &mut blocks);
    let block = &blocks[0];
    assert_eq!(block.d, 15.5 * 0.37 / largest as f32);
    assert!(block.q.iter().flatten().all(|&limb| limb != -128), "a limb is −127 … 127");
    for i in 0..32 {
        assert!((block.integer(i) as f32 * block.d - x[i]).abs() <= 0.502 * block.d);
    }
    let sum = |range: std::ops::Range<usize>| range.map(|i| block.integer(i)).sum::<i32>();
    assert_eq!((block.integer(0), block.integer(31)), (-largest, largest));
    assert_eq!(block.sums, [sum(0..16), sum(16..32)]);
    assert_eq!(block.s, block.d * sum(0..32) as f32);
    assert_eq!(blocks[1], ActBlock::ZERO);

    let mut broken = x;
    broken[5] = f32::NAN;
    broken[40] = f32::INFINITY;
    quantize(&broken, &mut blocks);
    assert!(blocks[0].d.is_nan() && blocks[1].d == f32::INFINITY);
}
