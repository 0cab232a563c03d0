//! Every kernel against its scalar twin, bit by bit, on random and extreme inputs.
//!
//! Look first at [`verify_kernels`], then at [`Examiner::compare`], the one comparison. Scalar kernels are the
//! specification, so there is no tolerance: a kernel that differs in the last bit of one number is wrong.
//!
//! What it deliberately does not do: know instruction sets. A table of kernels is a value; any may be examined, one with a
//! kernel of your own in it too.

use super::tiles::{Fill, Magnitude, Random, activations, tiles};
use crate::kernels::{ActBlock, BlockGemm, Kernels, Panel};
use crate::quant::{GgmlType, f16, quantize};
use serde::Serialize;

/// What was found about some tables.
#[derive(Debug, Clone, Serialize)]
pub struct KernelReport {
    /// Whether every kernel of every table has the bits of its twin.
    pub passed: bool,
    /// One for each table.
    pub tables: Vec<TableReport>,
}

/// What was found about one table.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// Its name: `avx512`.
    pub table: &'static str,
    /// Whether every kernel has the bits of its twin.
    pub passed: bool,
    /// One for each field, in the order in which they were tried.
    pub kernels: Vec<KernelVerdict>,
}

/// What was found about one kernel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KernelVerdict {
    /// The field: `rms_norm`, `gemm_q4_1.a8`.
    pub kernel: String,
    /// Whether all results have the bits of the twin's.
    pub passed: bool,
    /// Inputs that were tried.
    pub cases: usize,
    /// How many of them came out differently.
    pub failed: usize,
    /// The first number that differs.
    pub first_difference: Option<Difference>,
}

/// One number that is not what the twin says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The input.
    pub case: String,
    /// Index of the number in the result.
    pub index: usize,
    /// What the scalar twin says.
    pub expected: f32,
    /// What the kernel says.
    pub found: f32,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { case, index, expected, found } = self;
        write!(f, "{case}: number {index} is {found:e}, expected {expected:e}")
    }
}

/// Examines every kernel of these tables; for those of this machine give it [`Kernels::available`].
pub fn verify_kernels(tables: &[Kernels]) -> KernelReport {
    let tables: Vec<TableReport> = tables.iter().map(examine).collect();
    KernelReport { passed: tables.iter().all(|table| table.passed), tables }
}

fn examine(table: &Kernels) -> TableReport {
    let mut examiner = Examiner { scalar: Kernels::scalar(), table, verdicts: Vec::new() };
    examiner.all();
    let passed = examiner.verdicts.iter().all(|verdict| verdict.passed);
    TableReport { table: table.name, passed, kernels: examiner.verdicts }
}

struct Examiner<'a> {
    scalar: Kernels,
    table: &'a Kernels,
    verdicts: Vec<KernelVerdict>,
}

impl Examiner<'_> {
    /// Every field. The pattern names them all, so that a new one does not compile until it is tried here.
    #[rustfmt::skip]
    fn all(&mut self) {
        let Kernels {
            name: _, groups_at_once: _,
            quantize: _, quantize_a16: _,
            gemm_q4_0: _, gemm_q4_1: _, gemm_q5_0: _, gemm_q5_1: _, gemm_q8_0: _,
            gemm_q2_k: _, gemm_q3_k: _, gemm_q4_k: _, gemm_q5_k: _, gemm_q6_k: _,
            gemm_iq4_nl: _, gemm_iq4_xs: _, gemm_mxfp4: _,
            gemm_f32: _, gemm_f16: _, gemm_bf16: _,
            expand: _, gemm_panel: _, gemm_panel_a16: _,
            load_k_f32: _, load_k_f16: _, load_k_q8_0: _, load_k_q4_0: _,
            load_v_f32: _, load_v_f16: _, load_v_q8_0: _, load_v_q4_0: _,
            qk: _, qk_f16: _, pv: _, pv_f16: _,
            max: _, exp_sum: _,
            rms_norm: _, layer_norm: _, silu: _, gelu: _, silu_mul: _, gelu_mul: _,
            rope_adjacent: _, rope_halves: _, add: _, scale: _, add_scaled: _,
        } = *self.table;
        self.quantize();
        GgmlType::WEIGHTS.into_iter().for_each(|ty| self.products(ty));
        self.attention();
        self.small_operations();
    }

    /// Runs one kernel of both tables on the same input and compares all bits of what it returns.
    fn compare(&mut self, kernel: &str, case: &str, run: impl Fn(&Kernels) -> Vec<f32>) {
        let (expected, found) = (run(&self.scalar), run(self.table));
        let known = self.verdicts.iter().position(|verdict| verdict.kernel == kernel);
        let at = known.unwrap_or_else(|| {
            let (kernel, first_difference) = (kernel.to_owned(), None);
            self.verdicts.push(KernelVerdict { kernel, passed: true, cases: 0, failed: 0, first_difference });
            self.verdicts.len() - 1
        });
        let verdict = &mut self.verdicts[at];
        verdict.cases += 1;
        let differ = expected.iter().zip(&found).position(|(a, b)| a.to_bits() != b.to_bits());
        if let Some(index) = differ {
            (verdict.passed, verdict.failed) = (false, verdict.failed + 1);
            let (case, expected, found) = (case.to_owned(), expected[index], found[index]);
            verdict.first_difference.get_or_insert(Difference { case, index, expected, found });
        }
    }

    fn quantize(&mut self) {
        for seed in 1..20 {
            let x = activations(96, &mut Random(seed));
            let case = format!("96 activations, seed {seed}");
            self.compare("quantize", &case, |kernels| blocks(kernels.quantize, &x).iter().flat_map(numbers).collect());
            self.compare("quantize_a16", &case, |kernels| {
                blocks(kernels.quantize_a16, &x).iter().flat_map(numbers).collect()
            });
        }
    }

    /// One format: few and many columns, one and several groups of rows, ordinary and extreme tiles.
    fn products(&mut self, ty: GgmlType) {
        let mut random = Random(42 + ty as u64);
        let gemm = format!("gemm_{}", ty.name().to_lowercase());
        let fill = |codes, scales| Fill { codes, scales };
        for (length, n_groups, n_cols, fill) in [
            (1, 1, 1, Fill::ORDINARY),
            (2, 3, 2, Fill::ORDINARY),
            (3, 2, 3, fill(Some(0xFF), Magnitude::Smallest)),
            (1, 5, 4, Fill::ORDINARY),
            (2, 1, 5, fill(Some(0), Magnitude::Zero)),
            (1, 2, 6, fill(Some(0), Magnitude::Ordinary)),
            (2, 4, 7, fill(Some(0x77), Magnitude::Largest)),
            (3, 1, 8, Fill::ORDINARY),
            (1, 3, 13, fill(Some(0xFF), Magnitude::Largest)),
            (2, 2, 33, Fill::ORDINARY),
        ] {
            let n_in = length * if ty.is_float() { 7 } else { ty.block_len() };
            let n_out = 16 * n_groups;
            let case = format!("{n_out} rows of {n_in} {ty}, {n_cols} columns, {fill}");
            let tiles = tiles(ty, n_in, n_groups, fill, &mut random);
            let x = activations(n_in * n_cols, &mut random);
            let n = n_out * n_cols;
            if ty.is_float() {
                self.compare(&gemm, &case, |kernels| match kernels.gemm_float(ty) {
                    Some(gemm) => into(n, |y| gemm(n_in, &tiles, &x, y)),
                    None => Vec::new(),
                });
                continue;
            }
            let scalar = self.scalar;
            let (x, a16) = (blocks(scalar.quantize, &x), blocks(scalar.quantize_a16, &x));
            self.compare(&format!("{gemm}.a8"), &case, |kernels| match kernels.gemm(ty) {
                Some(BlockGemm { a8, a16: _, many_columns: _ }) => into(n, |y| a8(n_in, &tiles, &x, y)),
                None => Vec::new(),
            });
            self.compare(&format!("{gemm}.a16"), &case, |kernels| match kernels.gemm(ty) {
                Some(gemm) => into(n, |y| (gemm.a16)(n_in, &tiles, &a16, y)),
                None => Vec::new(),
            });
            // Panels are one format, whoever writes or reads them: each kernel works with the other's twin.
            let unpacked = |kernels: &Kernels| {
                let mut panel = Panel::new();
                (kernels.expand)(ty, n_in, &tiles, &mut panel);
                panel
            };
            let panel = unpacked(&scalar);
            self.compare("expand", &case, |kernels| into(n, |y| (scalar.gemm_panel)(&unpacked(kernels), &x, y)));
            self.compare("gemm_panel", &case, |kernels| into(n, |y| (kernels.gemm_panel)(&panel, &x, y)));
            self.compare("gemm_panel_a16", &case, |kernels| into(n, |y| (kernels.gemm_panel_a16)(&panel, &a16, y)));
        }
    }

    fn attention(&mut self) {
        let mut random = Random(11);
        for (n, head_dim, n_q) in
            [(1, 8, 1), (16, 16, 3), (33, 64, 4), (64, 64, 9), (63, 80, 2), (40, 5, 7), (101, 200, 5)]
        {
            let case = format!("{n_q} queries, {n} positions, heads of {head_dim}");
            let (q, rows) = (random.floats(n_q * head_dim), random.floats(n * head_dim));
            let as_f32: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
            let as_f16: Vec<u8> = rows.iter().flat_map(|&x| f16::from_f32(x)).collect();
            let padded = n.next_multiple_of(16);
            let n_k = head_dim * padded;
            let k = into(n_k, |out| (self.scalar.load_k_f32)(&as_f32, head_dim, out));
            let p = random.floats(n_q * (padded + 3));
            let so_far = random.floats(n_q * head_dim);
            self.compare("load_k_f32", &case, |t| into(n_k, |out| (t.load_k_f32)(&as_f32, head_dim, out)));
            self.compare("load_k_f16", &case, |t| into(n_k, |out| (t.load_k_f16)(&as_f16, head_dim, out)));
            self.compare("load_v_f32", &case, |t| into(rows.len(), |out| (t.load_v_f32)(&as_f32, out)));
            self.compare("load_v_f16", &case, |t| into(rows.len(), |out| (t.load_v_f16)(&as_f16, out)));
            // A row of a block format is filled up to whole blocks.
            let filled: Vec<f32> = rows.chunks(head_dim).flat_map(|row| filled_up(row, 32)).collect();
            let [as_q8_0, as_q4_0] = [GgmlType::Q8_0, GgmlType::Q4_0].map(|ty| stored(ty, &filled));
            self.compare("load_k_q8_0", &case, |t| into(n_k, |out| (t.load_k_q8_0)(&as_q8_0, head_dim, out)));
            self.compare("load_k_q4_0", &case, |t| into(n_k, |out| (t.load_k_q4_0)(&as_q4_0, head_dim, out)));
            self.compare("load_v_q8_0", &case, |t| into(rows.len(), |out| (t.load_v_q8_0)(&as_q8_0, head_dim, out)));
            self.compare("load_v_q4_0", &case, |t| into(rows.len(), |out| (t.load_v_q4_0)(&as_q4_0, head_dim, out)));
            let stride = padded + 5;
            self.compare("qk", &case, |t| into(n_q * stride, |out| (t.qk)(&q, &k, head_dim, 0.125, out, stride)));
            let tiles: Vec<u8> = k.iter().flat_map(|&x| f16::from_f32(x)).collect();
            self.compare("qk_f16", &case, |t| {
                into(n_q * stride, |out| (t.qk_f16)(&q, &tiles, head_dim, 0.125, out, stride))
            });
            let stride = padded + 3;
            self.compare("pv", &case, |t| changed(&so_far, |out| (t.pv)(&p, stride, &rows, head_dim, out)));
            self.compare("pv_f16", &case, |t| changed(&so_far, |out| (t.pv_f16)(&p, stride, &as_f16, head_dim, out)));
        }
    }

    fn small_operations(&mut self) {
        let mut random = Random(3);
        for n in [1, 2, 7, 15, 16, 17, 31, 32, 33, 64, 100, 576] {
            let case = format!("{n} numbers");
            let (mut x, y, z) = (random.floats(n), random.floats(n), random.floats(n));
            x.iter_mut().step_by(3).for_each(|x| *x *= 30.0);
            let largest = x.iter().copied().fold(f32::MIN, f32::max);
            let angles = (&y[..n / 2], &z[..n / 2]);
            self.compare("max", &case, |t| vec![(t.max)(&x)]);
            self.compare("exp_sum", &case, |t| {
                let mut x = x.clone();
                let sum = (t.exp_sum)(&mut x, largest);
                x.into_iter().chain([sum]).collect()
            });
            self.compare("rms_norm", &case, |t| into(n, |out| (t.rms_norm)(&x, &y, 1e-5, out)));
            self.compare("layer_norm", &case, |t| into(n, |out| (t.layer_norm)(&x, &y, &z, 1e-5, out)));
            self.compare("silu", &case, |t| into(n, |out| (t.silu)(&x, out)));
            self.compare("gelu", &case, |t| into(n, |out| (t.gelu)(&x, out)));
            self.compare("silu_mul", &case, |t| into(n, |out| (t.silu_mul)(&x, &y, out)));
            self.compare("gelu_mul", &case, |t| into(n, |out| (t.gelu_mul)(&x, &y, out)));
            self.compare("rope_adjacent", &case, |t| changed(&x, |x| (t.rope_adjacent)(x, angles.0, angles.1)));
            self.compare("rope_halves", &case, |t| changed(&x, |x| (t.rope_halves)(x, angles.0, angles.1)));
            self.compare("add", &case, |t| changed(&x, |x| (t.add)(x, &y)));
            self.compare("scale", &case, |t| changed(&x, |x| (t.scale)(x, 0.3)));
            self.compare("add_scaled", &case, |t| changed(&x, |x| (t.add_scaled)(x, 0.7, &y)));
        }
    }
}

/// A row, and zeros up to a multiple of `len`.
fn filled_up(row: &[f32], len: usize) -> Vec<f32> {
    let mut row = row.to_vec();
    row.resize(row.len().next_multiple_of(len), 0.0);
    row
}

/// Numbers as a format stores them; whole blocks.
fn stored(ty: GgmlType, numbers: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; ty.row_bytes(numbers.len()).unwrap_or(0)];
    let stored = quantize(ty, numbers, &mut bytes);
    debug_assert_eq!(stored, Ok(()), "finite numbers, whole blocks");
    bytes
}

/// What a kernel writes into a place that holds something else before.
fn into(n: usize, write: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut out = vec![0.75; n];
    write(&mut out);
    out
}

/// What a kernel makes of `x` in place.
fn changed(x: &[f32], change: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut x = x.to_vec();
    change(&mut x);
    x
}

fn blocks<const LIMBS: usize>(quantize: fn(&[f32], &mut [ActBlock<LIMBS>]), x: &[f32]) -> Vec<ActBlock<LIMBS>> {
    let mut blocks = vec![ActBlock::ZERO; x.len() / 32];
    quantize(x, &mut blocks);
    blocks
}

/// All that a block holds.
fn numbers<const LIMBS: usize>(block: &ActBlock<LIMBS>) -> Vec<f32> {
    let limbs = block.q.iter().flatten().map(|&limb| f32::from(limb));
    limbs.chain([block.d, block.s]).chain(block.sums.map(|sum| sum as f32)).collect()
}
