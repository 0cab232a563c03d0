//! Kernels for NEON, which every 64-bit ARM processor has: four lanes, so sixteen rows are four registers.
//!
//! **Safety of this room.** Every function here is compiled for NEON, and calling it on a processor that lacks it is
//! undefined. Their only way out is [`kernels`], which returns the table after asking the processor; a table is never made
//! otherwise. That is the argument for every `unsafe` block that calls a `#[target_feature]` function. Loads and stores go
//! through references to arrays of the right length.
//!
//! The small operations of `lanes.rs` need no second compilation: plain Rust is NEON on these processors already.
//!
//! Look first at `dot.rs`. What is deliberately not here: the extensions with products of four bytes, `sdot` and `i8mm`.

#![allow(unsafe_code)]

mod attention;
mod dot;
mod float;
mod gemm;
mod panel;
mod registers;
mod stored;
mod unpack;

use super::Kernels;
use super::activations::{quantize, quantize as quantize_fine};
use super::lanes::*;
use super::table::table;
use attention::{pv, pv_f16, qk, qk_f16};
use float::gemm_float;
use gemm::gemm;
use panel::{expand, gemm_panel};
use stored::{load_k, load_v, load_v_blocks};

/// The table, where the processor has what it needs.
pub(super) fn kernels() -> Option<Kernels> {
    std::arch::is_aarch64_feature_detected!("neon").then_some(KERNELS)
}

const KERNELS: Kernels = table!("neon");
