//! The kernels in plain Rust: the specification of all others.
//!
//! Look first at `gemm.rs`.

pub(super) mod attention;
pub(super) mod gemm;

use super::Kernels;
use super::activations::{quantize, quantize as quantize_a16};
use super::lanes::*;
use super::table::table;
use attention::{load_k, load_v, load_v_blocks, pv, pv_f16, qk, qk_f16};
use gemm::{expand, gemm, gemm_float, gemm_panel};

/// Every field is the specification.
pub(super) const KERNELS: Kernels = table!("scalar", many_columns: 9, groups_at_once: 2);
