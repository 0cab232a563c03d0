//! Every vector kernel gives the bits of its scalar twin: every format, 1–13 columns, odd sizes, ordinary and extreme
//! tiles, on every instruction set this machine has.

use cutaway::kernels::{ActBlock, Kernels, Panel, pack, packed};
use cutaway::quant::GgmlType;

/// A small generator, so that every run sees the same numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// −2 … 2.
    fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 22) as f32 - 2.0
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }
}

/// What the bytes of a tile look like.
#[derive(Debug, Clone, Copy)]
enum Fill {
    Random,
    /// Codes 0, scales 0.
    Zeros,
    /// The largest codes and the smallest f16 as scale (0x0001 is subnormal): every byte but the scales is 0xFF.
    Ones,
}

/// Tiles of random bytes are tiles, too: any bytes are a matrix. Only scales that are infinite or NaN are avoided by
/// clearing a bit of every odd byte of the header's f16s.
fn tiles(ty: GgmlType, n_in: usize, n_groups: usize, fill: Fill, random: &mut Random) -> Vec<u8> {
    let bytes = packed::packed_bytes(ty, n_in, 16 * n_groups).unwrap();
    let mut tiles: Vec<u8> = match fill {
        Fill::Random => (0..bytes).map(|_| (random.next() >> 32) as u8).collect(),
        Fill::Zeros => vec![0; bytes],
        Fill::Ones => vec![0xFF; bytes],
    };
    let tame = |half: &mut [u8]| match fill {
        Fill::Ones => half.copy_from_slice(&[1, 0]),
        _ => half[1] &= 0xBF, // an exponent below 16: finite, and at most 2
    };
    let Some(layout) = packed::Layout::of(ty) else {
        match ty {
            GgmlType::F32 => tiles.chunks_exact_mut(4).for_each(|x| x[3] &= 0xBF),
            _ => tiles.chunks_exact_mut(2).for_each(tame),
        }
        return tiles;
    };
    let n_halves = match layout.scales {
        packed::Scales::Exponent => 0,
        scales if scales.min() => 32,
        _ => 16,
    };
    for tile in tiles.chunks_exact_mut(layout.tile_bytes()) {
        tile[..2 * n_halves].chunks_exact_mut(2).for_each(tame);
        if n_halves == 0 {
            tile[..16].iter_mut().for_each(|e| *e = *e & 0x7F | u8::from(*e & 0x80 != 0)); // 2⁻¹²⁸ … 2⁻¹
        }
    }
    tiles
}

/// Activations: ordinary ones, some blocks of zeros, some where every whole number is ±127, some tiny.
fn activations(n: usize, random: &mut Random) -> Vec<f32> {
    let mut x = random.floats(n);
    for (b, x) in x.chunks_mut(32).enumerate() {
        match (b as u64 + random.next() % 3) % 7 {
            0 => x.fill(0.0),
            1 => x.iter_mut().for_each(|x| *x = 1.5_f32.copysign(*x)),
            2 => x.iter_mut().for_each(|x| *x *= 1e-39),
            3 => x.fill(-3.0),
            _ => {}
        }
    }
    x
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Every table but the scalar one.
fn vector_kernels() -> Vec<Kernels> {
    Kernels::available().into_iter().filter(|kernels| kernels.name != "scalar").collect()
}

#[test]
fn products_have_the_bits_of_the_scalar_twin() {
    let scalar = Kernels::scalar();
    let mut random = Random(42);
    for ty in GgmlType::WEIGHTS {
        for (blocks, n_groups, n_cols, fill) in [
            (1, 1, 1, Fill::Random),
            (2, 3, 2, Fill::Random),
            (3, 2, 3, Fill::Ones),
            (1, 5, 4, Fill::Random),
            (2, 1, 5, Fill::Zeros),
            (1, 2, 6, Fill::Random),
            (2, 4, 7, Fill::Ones),
            (3, 1, 8, Fill::Random),
            (1, 3, 13, Fill::Random),
        ] {
            let n_in = if ty.is_float() { 7 * blocks } else { ty.block_len() * blocks };
            let tiles = tiles(ty, n_in, n_groups, fill, &mut random);
            let x = activations(n_in * n_cols, &mut random);
            let n = 16 * n_groups * n_cols;
            if let Some(gemm) = scalar.gemm_float(ty) {
                let mut expected = vec![0.0; n];
                gemm(n_in, &tiles, &x, &mut expected);
                for kernels in vector_kernels() {
                    let mut found = vec![f32::NAN; n];
                    kernels.gemm_float(ty).unwrap()(n_in, &tiles, &x, &mut found);
                    assert_eq!(bits(&found), bits(&expected), "{} {ty} {n_in}×{n_groups}×{n_cols}", kernels.name);
                }
                continue;
            }
            let mut blocks = vec![ActBlock::ZERO; x.len() / 32];
            (scalar.quantize)(&x, &mut blocks);
            let mut expected = vec![0.0; n];
            scalar.gemm(ty).unwrap()(n_in, &tiles, &blocks, &mut expected);

            // One column alone has the bits it has among others.
            let mut alone = vec![0.0; 16 * n_groups];
            scalar.gemm(ty).unwrap()(n_in, &tiles, &blocks[..n_in / 32], &mut alone);
            assert_eq!(bits(&alone), bits(&expected[..16 * n_groups]), "{ty}");

            for kernels in Kernels::available() {
                let what = format!("{} {ty} {n_in}×{n_groups}×{n_cols} {fill:?}", kernels.name);
                let mut found = vec![f32::NAN; n];
                kernels.gemm(ty).unwrap()(n_in, &tiles, &blocks, &mut found);
                assert_eq!(bits(&found), bits(&expected), "{what}");

                let mut panel = Panel::new();
                (kernels.expand)(ty, n_in, &tiles, &mut panel);
                let mut found = vec![f32::NAN; n];
                (kernels.gemm_panel)(&panel, &blocks, &mut found);
                assert_eq!(bits(&found), bits(&expected), "panel, {what}");
            }
        }
    }
}

/// A matrix of ordinary rows, packed, times columns: the whole way, with rows that are no multiple of sixteen.
#[test]
fn packed_rows_give_the_same_bits_too() {
    let (n_in, n_out) = (64, 33);
    let mut random = Random(7);
    for ty in [GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1, GgmlType::Q8_0] {
        let mut rows = vec![0; ty.row_bytes(n_in).unwrap() * n_out];
        cutaway::quant::quantize(ty, &random.floats(n_in * n_out), &mut rows).unwrap();
        let mut tiles = vec![0; packed::packed_bytes(ty, n_in, n_out).unwrap()];
        pack::pack(ty, n_in, n_out, &rows, &mut tiles).unwrap();
        let mut x = vec![ActBlock::ZERO; 2 * n_in / 32];
        (Kernels::scalar().quantize)(&random.floats(2 * n_in), &mut x);
        let results = Kernels::available().into_iter().map(|kernels| {
            let mut y = vec![0.0; 2 * 48];
            kernels.gemm(ty).unwrap()(n_in, &tiles, &x, &mut y);
            bits(&y)
        });
        let results: Vec<_> = results.collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{ty}");
    }
}

/// Runs `f` with the scalar table and each other one; all must return the same bits.
fn same_bits(what: &str, f: impl Fn(&Kernels) -> Vec<f32>) {
    let expected = bits(&f(&Kernels::scalar()));
    for kernels in vector_kernels() {
        assert_eq!(bits(&f(&kernels)), expected, "{what} with {}", kernels.name);
    }
}

fn into(n: usize, f: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut out = vec![0.0; n];
    f(&mut out);
    out
}

fn changed(x: &[f32], f: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut x = x.to_vec();
    f(&mut x);
    x
}

#[test]
fn small_operations_have_the_bits_of_the_scalar_twin() {
    let mut random = Random(3);
    for n in [1, 2, 7, 15, 16, 17, 31, 32, 33, 64, 100, 576] {
        let (mut x, y, z) = (random.floats(n), random.floats(n), random.floats(n));
        x.iter_mut().step_by(3).for_each(|x| *x *= 30.0);
        let largest = x.iter().copied().fold(f32::MIN, f32::max);
        same_bits("rms_norm", |k| into(n, |out| (k.rms_norm)(&x, &y, 1e-5, out)));
        same_bits("layer_norm", |k| into(n, |out| (k.layer_norm)(&x, &y, &z, 1e-5, out)));
        same_bits("silu", |k| into(n, |out| (k.silu)(&x, out)));
        same_bits("gelu", |k| into(n, |out| (k.gelu)(&x, out)));
        same_bits("silu_mul", |k| into(n, |out| (k.silu_mul)(&x, &y, out)));
        same_bits("gelu_mul", |k| into(n, |out| (k.gelu_mul)(&x, &y, out)));
        same_bits("add", |k| changed(&x, |x| (k.add)(x, &y)));
        same_bits("scale", |k| changed(&x, |x| (k.scale)(x, 0.3)));
        same_bits("add_scaled", |k| changed(&x, |x| (k.add_scaled)(x, 0.7, &y)));
        same_bits("max", |k| vec![(k.max)(&x)]);
        same_bits("exp_sum", |k| {
            let mut x = x.clone();
            let sum = (k.exp_sum)(&mut x, largest);
            x.push(sum);
            x
        });
        assert_eq!((Kernels::detect().max)(&x), largest);
        let pairs = n / 2;
        same_bits("rope_adjacent", |k| changed(&x, |x| (k.rope_adjacent)(x, &y[..pairs], &z[..pairs])));
        same_bits("rope_halves", |k| changed(&x, |x| (k.rope_halves)(x, &y[..pairs], &z[..pairs])));
    }
    for seed in 1..20 {
        let x = activations(96, &mut Random(seed));
        for kernels in vector_kernels() {
            let (mut expected, mut found) = ([ActBlock::ZERO; 3], [ActBlock::ZERO; 3]);
            (Kernels::scalar().quantize)(&x, &mut expected);
            (kernels.quantize)(&x, &mut found);
            assert_eq!(found, expected, "quantize with {}", kernels.name);
        }
    }
}

#[test]
fn attention_has_the_bits_of_the_scalar_twin() {
    let mut random = Random(11);
    for (n, head_dim, n_q) in [(1, 8, 1), (16, 16, 3), (33, 64, 4), (64, 64, 9), (63, 80, 2), (40, 5, 7)] {
        let (q, rows) = (random.floats(n_q * head_dim), random.floats(n * head_dim));
        let f32_bytes: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
        let f16_bytes: Vec<u8> = rows.iter().flat_map(|&x| cutaway::quant::f16::from_f32(x)).collect();
        let padded = n.next_multiple_of(16);
        let k = into(head_dim * padded, |out| (Kernels::scalar().load_k_f32)(&f32_bytes, head_dim, out));
        let p = random.floats(n_q * (padded + 3));
        let start = random.floats(n_q * head_dim);
        same_bits("load_k_f32", |t| into(k.len(), |out| (t.load_k_f32)(&f32_bytes, head_dim, out)));
        same_bits("load_k_f16", |t| into(k.len(), |out| (t.load_k_f16)(&f16_bytes, head_dim, out)));
        same_bits("load_v_f32", |t| into(rows.len(), |out| (t.load_v_f32)(&f32_bytes, out)));
        same_bits("load_v_f16", |t| into(rows.len(), |out| (t.load_v_f16)(&f16_bytes, out)));
        same_bits("qk", |t| into(n_q * (padded + 5), |out| (t.qk)(&q, &k, head_dim, 0.125, out, padded + 5)));
        same_bits("pv", |t| changed(&start, |out| (t.pv)(&p, padded + 3, &rows, head_dim, out)));
        same_bits("pv_f16", |t| changed(&start, |out| (t.pv_f16)(&p, padded + 3, &f16_bytes, head_dim, out)));

        // A page in two parts is the page in one.
        let whole = changed(&start, |out| (Kernels::detect().pv)(&p, padded + 3, &rows, head_dim, out));
        let (first, second) = rows.split_at(n / 2 * head_dim);
        let parts = changed(&start, |out| {
            (Kernels::detect().pv)(&p, padded + 3, first, head_dim, out);
            (Kernels::detect().pv)(&p[n / 2..], padded + 3, second, head_dim, out);
        });
        assert_eq!(bits(&parts), bits(&whole));
    }
}

/// `n` rows of whole blocks, any bytes: every code, scales of both signs, zero and subnormal among them. Of the last block
/// of a row the numbers from `head_dim` on are the fill.
fn stored_rows(ty: GgmlType, n: usize, head_dim: usize, random: &mut Random) -> Vec<u8> {
    let blocks = n * head_dim.div_ceil(ty.block_len());
    let mut rows: Vec<u8> = (0..blocks * ty.block_bytes()).map(|_| (random.next() >> 32) as u8).collect();
    for (i, block) in rows.chunks_exact_mut(ty.block_bytes()).enumerate() {
        match i % 5 {
            3 => block[..2].fill(0),
            4 => block[1] &= 0x83, // an exponent of 0
            _ => block[1] &= 0xBF, // an exponent below 16: finite, and at most 2
        }
    }
    rows
}

#[test]
fn quantised_rows_have_the_bits_of_the_scalar_twin() {
    let mut random = Random(13);
    for (n, head_dim) in [(1, 32), (16, 64), (33, 128), (63, 80), (40, 5), (17, 48), (7, 33)] {
        for ty in [GgmlType::Q8_0, GgmlType::Q4_0] {
            let rows = stored_rows(ty, n, head_dim, &mut random);
            let padded = n.next_multiple_of(16);

            // What the block format says they are, `[n][head_dim]`.
            let mut filled = vec![0.0; n * head_dim.next_multiple_of(32)];
            cutaway::quant::dequantize(ty, &rows, &mut filled).unwrap();
            let numbers: Vec<f32> =
                filled.chunks(head_dim.next_multiple_of(32)).flat_map(|row| row[..head_dim].to_vec()).collect();
            let transposed = into(head_dim * padded, |out| {
                (0..n * head_dim).for_each(|i| out[i % head_dim * padded + i / head_dim] = numbers[i]);
            });

            for kernels in Kernels::available() {
                let (load_k, load_v) = match ty {
                    GgmlType::Q8_0 => (kernels.load_k_q8_0, kernels.load_v_q8_0),
                    _ => (kernels.load_k_q4_0, kernels.load_v_q4_0),
                };
                let mut found = vec![f32::NAN; transposed.len()];
                load_k(&rows, head_dim, &mut found);
                assert_eq!(bits(&found), bits(&transposed), "{} keys in {ty}, {n}×{head_dim}", kernels.name);
                let mut found = vec![f32::NAN; numbers.len()];
                load_v(&rows, head_dim, &mut found);
                assert_eq!(bits(&found), bits(&numbers), "{} values in {ty}, {n}×{head_dim}", kernels.name);
            }
        }
    }
}

/// The polynomial stays within two units in the last place, and does what e^x does at the ends.
#[test]
fn exp_is_within_two_ulp() {
    let exp = |x: f32| {
        let mut x = [x];
        (Kernels::detect().exp_sum)(&mut x, 0.0);
        x[0]
    };
    for i in 0..200_000 {
        let x = -87.0 + i as f32 * (175.0 / 200_000.0);
        let (found, exact) = (f64::from(exp(x)), f64::from(x).exp());
        let ulp = f64::from(f32::EPSILON) * 2.0_f64.powi(exact.log2().floor() as i32);
        assert!((found - exact).abs() <= 2.0 * ulp, "e^{x}: {found} is not {exact}");
    }
    assert_eq!(exp(0.0), 1.0);
    assert_eq!(exp(-110.0), 0.0);
    assert_eq!(exp(f32::NEG_INFINITY), 0.0);
    assert_eq!(exp(200.0), f32::INFINITY);
    assert!(exp(f32::NAN).is_nan());
}
