//! The speed of each kernel that works on rows: norms, activation functions, softmax, RoPE, attention. Together they take a
//! few percent of a forward pass. Look first at [`vector_kernels`].

use super::kernels::seconds_of;
use crate::kernels::{ActBlock, Kernels, packed};
use crate::kv_cache::KvFormat;
use crate::quant;
use serde::Serialize;
use std::hint::black_box;

/// Length of a row.
const N: usize = 2048;
/// Dimensions of a head, and positions of a page.
const HEAD: usize = 64;
const PAGE: usize = 64;
/// Queries that share a page of keys, as in grouped-query attention.
const QUERIES: usize = 4;

/// The speed of one kernel.
#[derive(Debug, Clone, Serialize)]
pub struct VectorKernel {
    /// The table: `scalar`, `avx512`.
    pub kernels: &'static str,
    /// The field of the table.
    pub kernel: &'static str,
    /// Numbers per second that it writes (`max`: reads). For `qk` and `pv`: multiply-adds per second.
    pub per_second: f64,
}

/// Times the row kernels of a table.
pub fn vector_kernels(kernels: &Kernels, passes: usize, seconds_per_pass: f64) -> Vec<VectorKernel> {
    let k = *kernels;
    let x: Vec<f32> = (0..N).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect();
    let (ones, zeros) = (vec![1.0_f32; N], vec![0.0_f32; N]);
    let [f32_page, f16_page, q8_0_page, q4_0_page] = KvFormat::ALL.map(page_of_halves);
    let mut rows = Vec::new();
    let mut time = |kernel: &'static str, n: usize, call: &mut dyn FnMut()| {
        let per_second = n as f64 / seconds_of(call, passes, seconds_per_pass);
        rows.push(VectorKernel { kernels: k.name, kernel, per_second });
    };

    let mut blocks = vec![ActBlock::ZERO; N / packed::STRIP];
    time("quantize", N, &mut || (k.quantize)(black_box(&x), black_box(&mut blocks)));
    let mut a16 = vec![ActBlock::ZERO; N / packed::STRIP];
    time("quantize_a16", N, &mut || (k.quantize_a16)(black_box(&x), black_box(&mut a16)));
    let mut out = vec![0.0_f32; N];
    time("rms_norm", N, &mut || (k.rms_norm)(black_box(&x), &ones, 1e-5, black_box(&mut out)));
    time("layer_norm", N, &mut || (k.layer_norm)(black_box(&x), &ones, &zeros, 1e-5, black_box(&mut out)));
    for (name, map) in [("silu", k.silu), ("gelu", k.gelu)] {
        time(name, N, &mut || map(black_box(&x), black_box(&mut out)));
    }
    for (name, map) in [("silu_mul", k.silu_mul), ("gelu_mul", k.gelu_mul)] {
        time(name, N, &mut || map(black_box(&x), &ones, black_box(&mut out)));
    }
    // The angle is zero, the factor one, the summand zero, so that values that are changed in place keep their size.
    let (cos, sin) = (&ones[..HEAD / 2], &zeros[..HEAD / 2]);
    for (name, rope) in [("rope_adjacent", k.rope_adjacent), ("rope_halves", k.rope_halves)] {
        time(name, HEAD, &mut || rope(black_box(&mut out[..HEAD]), cos, sin));
    }
    time("add", N, &mut || (k.add)(black_box(&mut out), &zeros));
    time("scale", N, &mut || (k.scale)(black_box(&mut out), 1.0));
    time("add_scaled", N, &mut || (k.add_scaled)(black_box(&mut out), 1.0, &zeros));
    time("max", N, &mut || _ = black_box((k.max)(black_box(&x))));
    let mut scores = x.clone();
    time("exp_sum", N, &mut || {
        scores.copy_from_slice(&x); // exp_sum works in place; the copy takes a small part of the time
        black_box((k.exp_sum)(black_box(&mut scores), 1.0));
    });

    let mut page = vec![0.0_f32; HEAD * PAGE];
    for (name, load, stored) in [
        ("load_k_f32", k.load_k_f32, &f32_page),
        ("load_k_f16", k.load_k_f16, &f16_page),
        ("load_k_q8_0", k.load_k_q8_0, &q8_0_page),
        ("load_k_q4_0", k.load_k_q4_0, &q4_0_page),
        ("load_v_q8_0", k.load_v_q8_0, &q8_0_page),
        ("load_v_q4_0", k.load_v_q4_0, &q4_0_page),
    ] {
        time(name, HEAD * PAGE, &mut || load(black_box(stored), HEAD, black_box(&mut page)));
    }
    for (name, load, stored) in [("load_v_f32", k.load_v_f32, &f32_page), ("load_v_f16", k.load_v_f16, &f16_page)] {
        time(name, HEAD * PAGE, &mut || load(black_box(stored), black_box(&mut page)));
    }
    let mut scores = vec![0.0_f32; QUERIES * PAGE];
    let macs = QUERIES * PAGE * HEAD;
    time("qk", macs, &mut || {
        (k.qk)(black_box(&x[..QUERIES * HEAD]), black_box(&page), HEAD, 0.125, black_box(&mut scores), PAGE);
    });
    time("qk_f16", macs, &mut || {
        (k.qk_f16)(black_box(&x[..QUERIES * HEAD]), black_box(&f16_page), HEAD, 0.125, black_box(&mut scores), PAGE);
    });
    let (p, mut mixed) = (vec![0.0_f32; QUERIES * PAGE], vec![0.0_f32; QUERIES * HEAD]);
    time("pv", macs, &mut || (k.pv)(black_box(&p), PAGE, black_box(&page), HEAD, black_box(&mut mixed)));
    time("pv_f16", macs, &mut || (k.pv_f16)(black_box(&p), PAGE, black_box(&f16_page), HEAD, black_box(&mut mixed)));
    rows
}

/// A page of keys or values that are all ½, as the cache stores them.
fn page_of_halves(format: KvFormat) -> Vec<u8> {
    let mut page = vec![0; PAGE * format.row_bytes(HEAD)];
    let stored = quant::quantize(format.ggml_type(), &[0.5; PAGE * HEAD], &mut page);
    debug_assert_eq!(stored, Ok(()), "a head is a multiple of a block");
    page
}
