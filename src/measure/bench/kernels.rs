//! The matrix kernels by themselves: every table × format × number of columns, from data that the cache holds.
//!
//! Decoding multiplies one column, and its kernel should be faster than memory can bring the weights (compare
//! `bytes_per_second` with the roof of reading). A prompt multiplies many, and its kernel should do as many multiply-adds as
//! the processor can (compare `macs_per_second`). Look first at [`matrix_kernels`].

use crate::kernels::{ActBlock, BlockGemm, GemmPanel, Kernels, Panel, packed};
use crate::quant::GgmlType;
use crate::sampling::Mt19937;
use serde::Serialize;
use std::hint::black_box;
use std::time::Instant;

/// Inputs and outputs of the matrix: half a megabyte as f32, a few sums long enough to hide the call.
const N_IN: usize = 1024;
const N_OUT: usize = 128;
/// Columns that share a panel.
const PANEL_COLUMNS: usize = 48;

/// The speed of one matrix kernel.
#[derive(Debug, Clone, Serialize)]
pub struct MatrixKernel {
    /// The table: `scalar`, `avx512`.
    pub kernels: &'static str,
    /// The format of the weights.
    pub format: &'static str,
    /// The field of the table: `gemm_q4_0.a8`, `gemm_f16`. Or the two that are called in turn for many columns: `expand +
    /// gemm_panel`.
    pub kernel: String,
    /// Columns of activations; `expand` reads none.
    pub columns: usize,
    /// Multiply-adds per second, the median of the passes; `expand` does none.
    pub macs_per_second: Option<f64>,
    /// Bytes of packed weights per second.
    pub bytes_per_second: f64,
}

/// Times every matrix kernel of a table: 1 to 8 columns for every format; for block formats also one column of sixteen bits
/// (A16), a panel, both together and each of its two steps, and its second step with A16. A pass of each takes about
/// `seconds_per_pass`; `tell` hears what is being timed.
pub fn matrix_kernels(
    kernels: &Kernels,
    passes: usize,
    seconds_per_pass: f64,
    mut tell: impl FnMut(&str),
) -> Vec<MatrixKernel> {
    let mut rows = Vec::new();
    for ty in GgmlType::WEIGHTS {
        tell(ty.name());
        let Some(bytes) = packed::packed_bytes(ty, N_IN, N_OUT) else { continue };
        let tiles = harmless_bytes(bytes);
        let mut time = |kernel: &str, columns: usize, call: Box<dyn FnMut() + '_>| {
            let seconds = seconds_of(call, passes, seconds_per_pass);
            rows.push(MatrixKernel {
                kernels: kernels.name,
                format: ty.name(),
                kernel: kernel.to_owned(),
                columns,
                macs_per_second: (columns > 0).then_some((N_IN * N_OUT * columns) as f64 / seconds),
                bytes_per_second: bytes as f64 / seconds,
            });
        };
        let field = format!("gemm_{}", ty.name().to_lowercase());
        let Some(gemm) = kernels.gemm(ty) else {
            (1..=8).for_each(|columns| time(&field, columns, float_product(kernels, ty, &tiles, columns)));
            continue;
        };
        (1..=8).for_each(|columns| time(&format!("{field}.a8"), columns, product(kernels, gemm, &tiles, columns)));
        time(&format!("{field}.a16"), 1, product_a16(kernels, gemm, &tiles));
        time("expand + gemm_panel", PANEL_COLUMNS, panel_product(kernels, ty, &tiles));
        time("gemm_panel", PANEL_COLUMNS, unpacked_product(kernels, ty, &tiles));
        time("expand", 0, expansion(kernels, ty, &tiles));
        time("gemm_panel_a16", PANEL_COLUMNS, unpacked_product_a16(kernels, ty, &tiles));
    }
    rows
}

/// One call of a kernel for few columns.
fn product<'a>(kernels: &Kernels, gemm: BlockGemm, tiles: &'a [u8], columns: usize) -> Box<dyn FnMut() + 'a> {
    let (blocks, mut y) = (activations(kernels.quantize, columns), vec![0.0; columns * N_OUT]);
    Box::new(move || (gemm.a8)(N_IN, black_box(tiles), black_box(&blocks), black_box(&mut y)))
}

/// The same with float weights.
fn float_product<'a>(kernels: &Kernels, ty: GgmlType, tiles: &'a [u8], columns: usize) -> Box<dyn FnMut() + 'a> {
    let (x, mut y) = (numbers(columns), vec![0.0; columns * N_OUT]);
    match kernels.gemm_float(ty) {
        Some(gemm) => Box::new(move || gemm(N_IN, black_box(tiles), black_box(&x), black_box(&mut y))),
        None => Box::new(|| {}), // a weight format is a block format or a float
    }
}

/// One column of sixteen bits, as decoding multiplies with queries, keys, values and the last matrix.
fn product_a16<'a>(kernels: &Kernels, gemm: BlockGemm, tiles: &'a [u8]) -> Box<dyn FnMut() + 'a> {
    let (blocks, mut y) = (activations(kernels.quantize_a16, 1), vec![0.0; N_OUT]);
    Box::new(move || (gemm.a16)(N_IN, black_box(tiles), black_box(&blocks), black_box(&mut y)))
}

/// The same through panels, as a prompt is multiplied.
fn panel_product<'a>(kernels: &Kernels, ty: GgmlType, tiles: &'a [u8]) -> Box<dyn FnMut() + 'a> {
    let Kernels { expand, gemm_panel, .. } = *kernels;
    let blocks = activations(kernels.quantize, PANEL_COLUMNS);
    let (mut panel, mut y) = (Panel::new(), vec![0.0; PANEL_COLUMNS * panel_rows(kernels)]);
    let tiles = of_panels(kernels, tiles);
    Box::new(move || {
        for tiles in tiles.clone() {
            expand(ty, N_IN, black_box(tiles), &mut panel);
            gemm_panel(black_box(&panel), black_box(&blocks), black_box(&mut y));
        }
    })
}

/// The first step of it: all tiles are unpacked, each panel into the place of the one before.
fn expansion<'a>(kernels: &Kernels, ty: GgmlType, tiles: &'a [u8]) -> Box<dyn FnMut() + 'a> {
    let (expand, mut panel, tiles) = (kernels.expand, Panel::new(), of_panels(kernels, tiles));
    Box::new(move || tiles.clone().for_each(|tiles| expand(ty, N_IN, black_box(tiles), black_box(&mut panel))))
}

/// The second step: as many products as there are panels, with one panel, which the nearest cache holds as it does between
/// the two steps.
fn unpacked_product<'a>(kernels: &Kernels, ty: GgmlType, tiles: &'a [u8]) -> Box<dyn FnMut() + 'a> {
    with_a_panel(kernels, ty, tiles, kernels.gemm_panel, activations(kernels.quantize, PANEL_COLUMNS))
}

/// That step with columns of sixteen bits.
fn unpacked_product_a16<'a>(kernels: &Kernels, ty: GgmlType, tiles: &'a [u8]) -> Box<dyn FnMut() + 'a> {
    with_a_panel(kernels, ty, tiles, kernels.gemm_panel_a16, activations(kernels.quantize_a16, PANEL_COLUMNS))
}

fn with_a_panel<const LIMBS: usize>(
    kernels: &Kernels,
    ty: GgmlType,
    tiles: &[u8],
    multiply: GemmPanel<LIMBS>,
    blocks: Vec<ActBlock<LIMBS>>,
) -> Box<dyn FnMut()> {
    let rows = panel_rows(kernels);
    let (mut panel, mut y) = (Panel::new(), vec![0.0; PANEL_COLUMNS * rows]);
    of_panels(kernels, tiles).for_each(|tiles| (kernels.expand)(ty, N_IN, tiles, &mut panel));
    Box::new(move || {
        (0..N_OUT / rows).for_each(|_| multiply(black_box(&panel), black_box(&blocks), black_box(&mut y)));
    })
}

/// Rows that share a panel, as in the forward pass; the matrix is some of them.
fn panel_rows(kernels: &Kernels) -> usize {
    let wanted = kernels.groups_at_once.clamp(1, N_OUT / packed::ROWS);
    let divides = |groups: &usize| N_OUT.is_multiple_of(groups * packed::ROWS);
    (1..=wanted).rev().find(divides).unwrap_or(1) * packed::ROWS
}

/// The tiles of one panel after the other.
fn of_panels<'a>(kernels: &Kernels, tiles: &'a [u8]) -> std::slice::ChunksExact<'a, u8> {
    tiles.chunks_exact(tiles.len() / (N_OUT / panel_rows(kernels)))
}

fn numbers(columns: usize) -> Vec<f32> {
    (0..columns * N_IN).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect()
}

fn activations<const LIMBS: usize>(
    quantize: fn(&[f32], &mut [ActBlock<LIMBS>]),
    columns: usize,
) -> Vec<ActBlock<LIMBS>> {
    let mut blocks = vec![ActBlock::ZERO; columns * N_IN / packed::STRIP];
    quantize(&numbers(columns), &mut blocks);
    blocks
}

/// Bytes that are numbers of ordinary size in whatever format they are read, so that no kernel meets the slow cases of
/// the hardware (numbers next to zero).
fn harmless_bytes(n: usize) -> Vec<u8> {
    let mut rng = Mt19937::new(1);
    (0..n).map(|_| 0x30 + (rng.next_u32() % 12) as u8).collect()
}

/// Seconds of one call: the median of some passes, each of enough calls to take `seconds_per_pass`.
pub(super) fn seconds_of(mut call: impl FnMut(), passes: usize, seconds_per_pass: f64) -> f64 {
    let mut pass = |calls: usize| {
        let started = Instant::now();
        (0..calls).for_each(|_| call());
        started.elapsed().as_secs_f64()
    };
    pass(1); // brings the data into the cache
    let (mut calls, mut took) = (1, pass(1));
    while took < seconds_per_pass && calls < 1 << 24 {
        calls *= 2;
        took = pass(calls);
    }
    let samples: Vec<f64> = (0..passes.max(1)).map(|_| pass(calls) / calls as f64).collect();
    crate::measure::statistics::median(&samples)
}
