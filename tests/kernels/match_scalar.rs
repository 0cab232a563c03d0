//! Every vector kernel gives the bits of its scalar twin: every format, 1–8 columns and more, odd sizes, ordinary and
//! extreme codes, scales and activations, with every table of kernels that this machine can run.

use cutaway::kernels::{ActBlock, Gemm, GemmPanel, KEY_TILE, Kernels, Panel, pack, packed};
use cutaway::measure::verify::tiles::{Fill, Random, activations, tiles};
use cutaway::quant::GgmlType;

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Every table but the scalar one.
fn vector_kernels() -> Vec<Kernels> {
    Kernels::available().into_iter().filter(|kernels| kernels.name != "scalar").collect()
}

/// Names the tables, so that a machine with an instruction set cannot pass without having tested it.
#[test]
fn every_instruction_set_of_this_machine_is_tested() {
    let tested: Vec<&str> = vector_kernels().iter().map(|kernels| kernels.name).collect();
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma")
            && std::arch::is_x86_feature_detected!("f16c");
        assert_eq!(tested.contains(&"avx2"), avx2);
        assert_eq!(tested.contains(&"avx_vnni"), avx2 && std::arch::is_x86_feature_detected!("avxvnni"));
        let vnni = avx2
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vnni");
        assert_eq!(tested.contains(&"avx512"), vnni);
    }
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    assert!(tested.contains(&"neon"));
    for name in tested {
        assert_eq!(Kernels::by_name(name).unwrap().name, name);
    }
}

/// One product to be computed: its weights and its activations.
struct Product {
    what: String,
    ty: GgmlType,
    n_in: usize,
    n_groups: usize,
    tiles: Vec<u8>,
    x: Vec<f32>,
}

/// Every kind of codes, scales and activations, 1–8 columns and a few more, one to three groups and blocks.
fn products(ty: GgmlType) -> impl Iterator<Item = Product> {
    let mut random = Random(42 + ty as u64);
    let shapes = Fill::all().flat_map(|fill| [1, 2, 3, 4, 5, 6, 7, 8, 13].map(|n_cols| (fill, n_cols)));
    shapes.enumerate().filter(move |(_, (fill, _))| fill.codes.is_none() || !ty.is_float()).map(
        move |(i, (fill, n_cols))| {
            let (n_blocks, n_groups) = (1 + i % 3, 1 + i / 3 % 3);
            let n_in = if ty.is_float() { 7 * n_blocks } else { ty.block_len() * n_blocks };
            let what = format!("{ty} {n_in} × {n_groups} groups × {n_cols} columns, {fill}");
            let tiles = tiles(ty, n_in, n_groups, fill, &mut random);
            let x = activations(n_in * n_cols, &mut random);
            Product { what, ty, n_in, n_groups, tiles, x }
        },
    )
}

#[test]
fn products_with_floats_have_the_bits_of_the_scalar_twin() {
    for ty in GgmlType::WEIGHTS.into_iter().filter(|ty| ty.is_float()) {
        for Product { what, ty, n_in, n_groups, tiles, x } in products(ty) {
            let product = |kernels: &Kernels, x: &[f32]| {
                let mut y = vec![f32::NAN; 16 * n_groups * x.len() / n_in];
                kernels.gemm_float(ty).unwrap()(n_in, &tiles, x, &mut y);
                bits(&y)
            };
            let expected = product(&Kernels::scalar(), &x);
            let alone = product(&Kernels::scalar(), &x[..n_in]);
            assert_eq!(alone, expected[..16 * n_groups], "one column alone, {what}");
            for kernels in vector_kernels() {
                assert_eq!(product(&kernels, &x), expected, "{}, {what}", kernels.name);
            }
        }
    }
}

#[test]
fn products_with_blocks_have_the_bits_of_the_scalar_twin() {
    for ty in GgmlType::WEIGHTS.into_iter().filter(|ty| !ty.is_float()) {
        for given in products(ty) {
            products_agree(&given, |k| k.quantize, |k| k.gemm(ty).unwrap().a8, |k| k.gemm_panel);
        }
    }
}

#[test]
fn products_with_two_limbs_have_the_bits_of_the_scalar_twin() {
    for ty in GgmlType::WEIGHTS.into_iter().filter(|ty| !ty.is_float()) {
        for given in products(ty) {
            products_agree(&given, |k| k.quantize_a16, |k| k.gemm(ty).unwrap().a16, |k| k.gemm_panel_a16);
        }
    }
}

/// All tables, all numbers of columns, tiles and panels: the same bits.
fn products_agree<const LIMBS: usize>(
    Product { what, ty, n_in, n_groups, tiles, x }: &Product,
    quantize: impl Fn(&Kernels) -> fn(&[f32], &mut [ActBlock<LIMBS>]),
    gemm: impl Fn(&Kernels) -> Gemm<LIMBS>,
    gemm_panel: impl Fn(&Kernels) -> GemmPanel<LIMBS>,
) {
    let n_in = *n_in;
    let mut blocks = vec![ActBlock::ZERO; x.len() / 32];
    quantize(&Kernels::scalar())(x, &mut blocks);
    let product = |kernels: &Kernels, x: &[ActBlock<LIMBS>]| {
        let mut y = vec![f32::NAN; 16 * n_groups * x.len() * 32 / n_in];
        gemm(kernels)(n_in, tiles, x, &mut y);
        bits(&y)
    };
    let expected = product(&Kernels::scalar(), &blocks);
    let alone = product(&Kernels::scalar(), &blocks[..n_in / 32]);
    assert_eq!(alone, expected[..16 * n_groups], "one column alone, {what}");
    let mut scalar_panel = Panel::new();
    (Kernels::scalar().expand)(*ty, n_in, tiles, &mut scalar_panel);

    for kernels in Kernels::available() {
        assert_eq!(product(&kernels, &blocks), expected, "{}, {what}", kernels.name);

        let mut panel = Panel::new();
        (kernels.expand)(*ty, n_in, tiles, &mut panel);
        assert_eq!(contents(&panel), contents(&scalar_panel), "{} panel, {what}", kernels.name);
        let mut y = vec![f32::NAN; expected.len()];
        gemm_panel(&kernels)(&panel, &blocks, &mut y);
        assert_eq!(bits(&y), expected, "{} from a panel, {what}", kernels.name);
    }
}

/// What a panel holds, so that one table can multiply what another has unpacked.
fn contents(panel: &Panel) -> (Vec<&[u8]>, Vec<u32>) {
    let codes = panel.strips.iter().flat_map(|strip| strip.codes.iter().map(|line| &line[..])).collect();
    let numbers = panel.strips.iter().flat_map(|strip| {
        let scales = strip.scale.iter().take(if panel.halves { 2 } else { 1 });
        let mins = strip.min.iter().take(if panel.min { if panel.halves { 2 } else { 1 } } else { 0 });
        scales.chain(mins).flatten().map(|x| x.to_bits())
    });
    (codes, numbers.collect())
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
            (kernels.gemm(ty).unwrap().a8)(n_in, &tiles, &x, &mut y);
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
            let (mut expected, mut found) = ([ActBlock::ZERO; 3], [ActBlock::ZERO; 3]);
            (Kernels::scalar().quantize_a16)(&x, &mut expected);
            (kernels.quantize_a16)(&x, &mut found);
            assert_eq!(found, expected, "quantize_a16 with {}", kernels.name);
        }
    }
}

/// Every integer that two limbs can write, split by every table: 31 of them and the largest, which makes the step 1.
#[test]
fn all_integers_are_split_into_the_same_limbs() {
    const LARGEST: i32 = 32_512;
    let numbers: Vec<i32> = (-LARGEST..=LARGEST).collect();
    for numbers in numbers.chunks(31) {
        let mut x = [LARGEST as f32; 32];
        x.iter_mut().zip(numbers).for_each(|(x, &number)| *x = number as f32);
        for kernels in Kernels::available() {
            let mut blocks = [ActBlock::ZERO];
            (kernels.quantize_a16)(&x, &mut blocks);
            assert_eq!(blocks[0].d, 1.0);
            for (i, &number) in numbers.iter().enumerate() {
                let [low, high] = [0, 1].map(|limb| i32::from(blocks[0].q[limb][i]));
                assert_eq!(255 * high + low, number, "{}", kernels.name);
                assert!(low.abs() <= 127 && high.abs() <= 127, "{}: {number} is {high} and {low}", kernels.name);
            }
        }
    }
}

#[test]
fn attention_has_the_bits_of_the_scalar_twin() {
    let mut random = Random(11);
    let shapes = [
        (1, 8, 1),
        (16, 16, 3),
        (33, 64, 4),
        (64, 64, 9),
        (63, 80, 2),
        (40, 5, 7),
        (130, 33, 3),
        (144, 2, 8),
        (80, 17, 11),
        (150, 64, 3), // more than a run of values in f32, in f16 too
        (101, 200, 5),
    ];
    for (n, head_dim, n_q) in shapes {
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
        let scores = into(n_q * (padded + 5), |out| (Kernels::detect().qk)(&q, &k, head_dim, 0.125, out, padded + 5));
        let tiles: Vec<u8> = k.iter().flat_map(|&x| cutaway::quant::f16::from_f32(x)).collect();
        same_bits("qk_f16", |t| {
            into(n_q * (padded + 5), |out| (t.qk_f16)(&q, &tiles, head_dim, 0.125, out, padded + 5))
        });
        same_bits("pv", |t| changed(&start, |out| (t.pv)(&p, padded + 3, &rows, head_dim, out)));
        same_bits("pv_f16", |t| changed(&start, |out| (t.pv_f16)(&p, padded + 3, &f16_bytes, head_dim, out)));

        // Tiles are where `KEY_TILE` says, and a score is what it is called.
        for (i, j) in (0..n_q).flat_map(|i| (0..n).map(move |j| (i, j))) {
            let key = |d: usize| k[(j / KEY_TILE * head_dim + d) * KEY_TILE + j % KEY_TILE];
            assert!((0..head_dim).all(|d| key(d).to_bits() == rows[j * head_dim + d].to_bits()), "key {j}");
            let dot = (0..head_dim).fold(0.0_f32, |sum, d| q[i * head_dim + d].mul_add(key(d), sum));
            assert_eq!(scores[i * (padded + 5) + j].to_bits(), (dot * 0.125).to_bits(), "score {i}, {j}");
        }

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
    let mut rows: Vec<u8> = (0..blocks * ty.block_bytes()).map(|_| (random.bits() >> 32) as u8).collect();
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
            let tiles = into(head_dim * padded, |out| {
                for (i, &number) in numbers.iter().enumerate() {
                    let (p, d) = (i / head_dim, i % head_dim);
                    out[(p / KEY_TILE * head_dim + d) * KEY_TILE + p % KEY_TILE] = number;
                }
            });

            for kernels in Kernels::available() {
                let (load_k, load_v) = match ty {
                    GgmlType::Q8_0 => (kernels.load_k_q8_0, kernels.load_v_q8_0),
                    _ => (kernels.load_k_q4_0, kernels.load_v_q4_0),
                };
                let mut found = vec![f32::NAN; tiles.len()];
                load_k(&rows, head_dim, &mut found);
                assert_eq!(bits(&found), bits(&tiles), "{} keys in {ty}, {n}×{head_dim}", kernels.name);
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
