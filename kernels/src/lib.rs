//! The inner loops of the optimized path: nearly all of its time is spent here. The block formats that they compute on are in
//! [`quant`]. `cutaway` re-exports both, as `cutaway::kernels` and `cutaway::quant`.
//!
//! [`Kernels`] is a plain value, a table of functions. [`Kernels::scalar`] is the specification in plain Rust;
//! [`Kernels::avx512`], [`Kernels::avx_vnni`], [`Kernels::avx2`] and [`Kernels::neon`] give **the same bits** with vector
//! instructions, for any number of rows and columns (`tests/kernels/match_scalar.rs`). [`Kernels::detect`] picks the best
//! this machine has, [`Kernels::by_name`] a certain one. Swap one kernel:
//!
//! ```
//! use cutaway_kernels::Kernels;
//! let kernels = Kernels { rms_norm: Kernels::scalar().rms_norm, ..Kernels::detect() };
//! ```
//!
//! Swap the matrix kernels of one format, for every product with it, prompts included ([`BlockGemm`]):
//!
//! ```
//! use cutaway_kernels::{BlockGemm, Kernels};
//! let mine = Kernels::scalar().gemm_q4_1; // in place of a kernel of your own
//! let kernels = Kernels { gemm_q4_1: BlockGemm::for_any_columns(mine.a8, mine.a16), ..Kernels::detect() };
//! ```
//!
//! A product of a weight matrix and some activations, from the bytes of a file:
//!
//! ```
//! use cutaway_kernels::{ActBlock, Kernels, pack, packed};
//! use cutaway_kernels::quant::{self, GgmlType};
//!
//! let (ty, n_in, n_out, n_cols) = (GgmlType::Q8_0, 64, 16, 2);
//! let mut rows = vec![0; ty.row_bytes(n_in).unwrap() * n_out];
//! quant::quantize(ty, &vec![0.5; n_in * n_out], &mut rows).unwrap();
//!
//! // Once, when the model is loaded: rows → tiles of sixteen rows.
//! let mut tiles = vec![0; packed::packed_bytes(ty, n_in, n_out).unwrap()];
//! pack::pack(ty, n_in, n_out, &rows, &mut tiles).unwrap();
//!
//! // For every batch: x [n_cols][n_in] → y [n_cols][n_out], n_out rounded up to sixteens.
//! let kernels = Kernels::detect();
//! let mut x = vec![ActBlock::ZERO; n_cols * n_in / 32];
//! (kernels.quantize)(&vec![1.0; n_cols * n_in], &mut x);
//! let mut y = vec![0.0; n_cols * n_out];
//! (kernels.gemm(ty).unwrap().a8)(n_in, &tiles, &x, &mut y);
//! assert!(y.iter().all(|y| (y - 32.0).abs() < 0.02));
//!
//! // Many columns: unpack some groups of sixteen rows once, then multiply. The same bits.
//! let mut panel = packed::Panel::new();
//! (kernels.expand)(ty, n_in, &tiles, &mut panel);
//! let mut same = vec![0.0; n_cols * n_out];
//! (kernels.gemm_panel)(&panel, &x, &mut same);
//! assert_eq!(y, same);
//! ```
//!
//! **Reading order**: [`packed`], the drawing of a tile; [`activations`]; `scalar/gemm.rs`, three lines of arithmetic; then
//! the loops that all vector kernels share, in `loops/`, beginning with `loops/gemm.rs`; then what differs between instruction
//! sets: `avx512/dot.rs`, and what a dot product takes where there is no VNNI, `avx2/dot.rs` and `neon/dot.rs`. `table.rs` lists
//! what a table holds, `prefetch.rs` asks for memory in time. What is deliberately not here: threads, memory, any decision about
//! a model.
//!
//! **A set whose unit is a tile of sixteen columns** (AMX multiplies 16 rows × 64 bytes by 16 columns with one instruction)
//! needs no new place: it is a table that differs from `avx512` in `gemm_panel` and `gemm_panel_a16`, which take columns
//! sixteen at a time, in `many_columns`, from which on that pays, and perhaps in `groups_at_once`. The lines of a
//! [`Strip`](packed::Strip) lie in memory as the instruction wants its weights, so `expand` stays the same.
//!
//! Sizes follow from the slices: a kernel computes as many rows as it is given tiles, and as many columns as activations.
//! A thread's share of a matrix is a sub-slice of whole groups of tiles. Slices that do not belong together are a mistake
//! of the caller and panic.

pub mod activations;
pub mod clock;
pub mod pack;
pub mod packed;
pub mod probe;
pub mod quant;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
mod lanes;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
mod loops;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
mod prefetch;
mod scalar;
mod shapes;
mod signatures;
mod table;

pub use activations::ActBlock;
pub use packed::Panel;
pub use signatures::{BlockGemm, Gemm, GemmFloat, GemmPanel, LayerNorm, Load, Map, MapPair, Qk, QkStored, Rope};

use crate::quant::GgmlType;

/// Positions in a tile of keys, `[head_dim][16]`: a register of AVX-512, so that a score has a lane of its own.
///
/// ```text
///            position  0   1   2  …  15
///  dimension 0       │ · │ · │ · │ … │ · │     element (d, position p) of one head's keys, [n / 16][head_dim][16], is
///  dimension 1       │ · │ · │ · │ … │ · │     number (p / 16 · head_dim + d) · 16 + p % 16
///  …                 │                   │
/// ```
pub const KEY_TILE: usize = 16;

/// One function for everything the fast path computes, and what the instruction set asks of its callers.
#[derive(Debug, Clone, Copy)]
pub struct Kernels {
    /// What the table is called: `scalar`, `neon`, `avx2`, `avx_vnni`, `avx512`.
    pub name: &'static str,
    /// Groups of sixteen rows that a product of several columns should be given at a time, at least 1: as many as
    /// [`Kernels::gemm_panel`] multiplies at a time, and so few that their panel and a tile of results, `[columns][16 · groups]`,
    /// stay in the nearest cache. Another number changes the speed and no bit.
    pub groups_at_once: usize,

    /// `(x, out)`: 32 activations → one [`ActBlock`] of eight bits each.
    pub quantize: fn(&[f32], &mut [ActBlock]),
    /// As [`Kernels::quantize`], to sixteen bits each.
    pub quantize_a16: fn(&[f32], &mut [ActBlock<2>]),

    /// `y = W · x` with Q4_0 tiles.
    pub gemm_q4_0: BlockGemm,
    /// `y = W · x` with Q4_1 tiles.
    pub gemm_q4_1: BlockGemm,
    /// `y = W · x` with Q5_0 tiles.
    pub gemm_q5_0: BlockGemm,
    /// `y = W · x` with Q5_1 tiles.
    pub gemm_q5_1: BlockGemm,
    /// `y = W · x` with Q8_0 tiles.
    pub gemm_q8_0: BlockGemm,
    /// `y = W · x` with Q2_K tiles.
    pub gemm_q2_k: BlockGemm,
    /// `y = W · x` with Q3_K tiles.
    pub gemm_q3_k: BlockGemm,
    /// `y = W · x` with Q4_K tiles.
    pub gemm_q4_k: BlockGemm,
    /// `y = W · x` with Q5_K tiles.
    pub gemm_q5_k: BlockGemm,
    /// `y = W · x` with Q6_K tiles.
    pub gemm_q6_k: BlockGemm,
    /// `y = W · x` with IQ4_NL tiles.
    pub gemm_iq4_nl: BlockGemm,
    /// `y = W · x` with IQ4_XS tiles.
    pub gemm_iq4_xs: BlockGemm,
    /// `y = W · x` with MXFP4 tiles.
    pub gemm_mxfp4: BlockGemm,
    /// `y = W · x` with F32 tiles: `acc = fma(w, x, acc)` in the order of inputs, like the next two.
    pub gemm_f32: GemmFloat,
    /// `y = W · x` with F16 tiles.
    pub gemm_f16: GemmFloat,
    /// `y = W · x` with BF16 tiles.
    pub gemm_bf16: GemmFloat,
    /// `(ty, n_in, tiles, panel)`: unpacks groups of sixteen rows of any block format, for products of at least
    /// [`many_columns`](BlockGemm::many_columns) columns.
    pub expand: fn(GgmlType, usize, &[u8], &mut Panel),
    /// `(panel, x, y)`: as [`BlockGemm::a8`], from an unpacked panel; the same bits.
    pub gemm_panel: GemmPanel,
    /// `(panel, x, y)`: as [`BlockGemm::a16`], from an unpacked panel; the same bits.
    pub gemm_panel_a16: GemmPanel<2>,

    /// `(rows, head_dim, out)`: keys `[n][head_dim]` of f32 → tiles `[n / 16][head_dim][16]` ([`KEY_TILE`]), the last filled
    /// up with zeros.
    pub load_k_f32: Load,
    /// As [`Kernels::load_k_f32`], keys stored as f16.
    pub load_k_f16: Load,
    /// As [`Kernels::load_k_f32`], keys stored as Q8_0 blocks; the last block of a key may be filled up.
    pub load_k_q8_0: Load,
    /// As [`Kernels::load_k_q8_0`], keys stored as Q4_0 blocks.
    pub load_k_q4_0: Load,
    /// `(rows, out)`: values stored as f32, in the same order.
    pub load_v_f32: fn(&[u8], &mut [f32]),
    /// `(rows, out)`: values stored as f16 → f32, in the same order.
    pub load_v_f16: fn(&[u8], &mut [f32]),
    /// `(rows, head_dim, out)`: values stored as Q8_0 blocks → `[n][head_dim]`; the last block of a value may be filled up.
    pub load_v_q8_0: Load,
    /// As [`Kernels::load_v_q8_0`], values stored as Q4_0 blocks.
    pub load_v_q4_0: Load,
    /// `(q, k, head_dim, scale, scores, stride)`: `scores[i][j] = scale · q_i · k_j`.
    ///
    /// q `[n_q][head_dim]`, k tiles `[n / 16][head_dim][16]`, scores `n_q` rows of `n`, `stride` apart. The sum runs over
    /// dimensions in order by fma, so each score has the same bits however queries and positions are grouped.
    pub qk: Qk,
    /// As [`Kernels::qk`] with tiles as stored, in f16: saves writing them out where few queries share them.
    pub qk_f16: QkStored,
    /// `(p, stride, v, head_dim, out)`: `out[i] += Σ_j p[i][j] · v[j]`.
    ///
    /// p `n_q` rows of `n`, `stride` apart, v `[n][head_dim]`, out `[n_q][head_dim]`. The sum runs over positions in order by
    /// fma, beginning with what `out` holds: pages one after the other are one long sum.
    pub pv: fn(&[f32], usize, &[f32], usize, &mut [f32]),
    /// As [`Kernels::pv`] with values as stored, in f16: saves writing them out where few queries share them.
    pub pv_f16: fn(&[f32], usize, &[u8], usize, &mut [f32]),
    /// The largest number, −∞ of none.
    pub max: fn(&[f32]) -> f32,
    /// `(x, max)`: `x ← e^(x − max)`, returning the sum in sixteen lanes. −∞ becomes 0.
    pub exp_sum: fn(&mut [f32], f32) -> f32,

    /// `(x, weight, eps, out)`: `x / √(mean(x²) + ε) · weight`.
    pub rms_norm: fn(&[f32], &[f32], f32, &mut [f32]),
    /// `(x, weight, bias, eps, out)`: `(x − mean) / √(variance + ε) · weight + bias`.
    pub layer_norm: LayerNorm,
    /// `out = x / (1 + e⁻ˣ)`.
    pub silu: Map,
    /// `out = gelu(x)`, tanh form.
    pub gelu: Map,
    /// `out = silu(gate) · up`.
    pub silu_mul: MapPair,
    /// `out = gelu(gate) · up`.
    pub gelu_mul: MapPair,
    /// RopeTable pairs `(2i, 2i + 1)` of one head.
    pub rope_adjacent: Rope,
    /// RopeTable pairs `(i, i + pairs)` of one head.
    pub rope_halves: Rope,
    /// `x += y`.
    pub add: fn(&mut [f32], &[f32]),
    /// `x ← x · factor`.
    pub scale: fn(&mut [f32], f32),
    /// `(x, factor, y)`: `x ← fma(factor, y, x)`.
    pub add_scaled: fn(&mut [f32], f32, &[f32]),
}

impl Kernels {
    /// The specification, in plain Rust.
    #[inline(never)] // inlined into another crate, it would take a copy of every scalar kernel there
    pub fn scalar() -> Self {
        scalar::KERNELS
    }

    /// NEON, if this machine has it.
    pub fn neon() -> Option<Self> {
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        return neon::kernels();
        #[cfg(not(all(target_arch = "aarch64", target_endian = "little")))]
        None
    }

    /// AVX2 with FMA and F16C, if this machine has it.
    pub fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return avx2::kernels();
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// AVX-VNNI beside AVX2, if this machine has them.
    pub fn avx_vnni() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return avx_vnni::kernels();
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// AVX-512 with VNNI, if this machine has it.
    pub fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return avx512::kernels();
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// Every table this machine can run, slowest first.
    pub fn available() -> Vec<Self> {
        let sets = [Some(Self::scalar()), Self::neon(), Self::avx2(), Self::avx_vnni(), Self::avx512()];
        sets.into_iter().flatten().collect()
    }

    /// The table with this name, if this machine can run it.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|kernels| kernels.name == name)
    }

    /// The fastest table this machine can run; its name says which.
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or(Self::scalar())
    }

    /// The kernels that multiply with tiles of this block format; `None` for floats ([`Kernels::gemm_float`]).
    pub fn gemm(&self, ty: GgmlType) -> Option<BlockGemm> {
        Some(match ty {
            GgmlType::Q4_0 => self.gemm_q4_0,
            GgmlType::Q4_1 => self.gemm_q4_1,
            GgmlType::Q5_0 => self.gemm_q5_0,
            GgmlType::Q5_1 => self.gemm_q5_1,
            GgmlType::Q8_0 => self.gemm_q8_0,
            GgmlType::Q2_K => self.gemm_q2_k,
            GgmlType::Q3_K => self.gemm_q3_k,
            GgmlType::Q4_K => self.gemm_q4_k,
            GgmlType::Q5_K => self.gemm_q5_k,
            GgmlType::Q6_K => self.gemm_q6_k,
            GgmlType::IQ4_NL => self.gemm_iq4_nl,
            GgmlType::IQ4_XS => self.gemm_iq4_xs,
            GgmlType::MXFP4 => self.gemm_mxfp4,
            _ => return None,
        })
    }

    /// The kernel that multiplies with tiles of this float format.
    pub fn gemm_float(&self, ty: GgmlType) -> Option<GemmFloat> {
        match ty {
            GgmlType::F32 => Some(self.gemm_f32),
            GgmlType::F16 => Some(self.gemm_f16),
            GgmlType::BF16 => Some(self.gemm_bf16),
            _ => None,
        }
    }
}
