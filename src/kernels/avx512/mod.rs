//! Kernels for AVX-512 with VNNI: sixteen lanes, 64 byte products an instruction.
//!
//! **Safety of this room.** Every function here is compiled for instructions that not every processor has, and calling
//! it on one that lacks them is undefined. Their only way out is [`kernels`], which returns the table after asking the
//! processor for each of these instructions; a table is never made otherwise. That is the argument for every `unsafe` block
//! that calls a `#[target_feature]` function. Loads and stores go through references to arrays of the right length.
//!
//! Look first at `gemm.rs`.

#![allow(unsafe_code)]

mod attention;
mod float;
mod gemm;
mod panel;
mod quantize;
mod registers;
mod stored;
mod unpack;

use super::table::{stamp_lanes, table};
use super::{Kernels, lanes};
use attention::{pv, pv_f16, qk, qk_f16};
use float::gemm_float;
use gemm::gemm;
use panel::{expand, gemm_panel};
use quantize::{quantize, quantize as quantize_fine};
use stored::{load_k, load_v, load_v_blocks};

/// The table, where the processor has what it needs.
pub(super) fn kernels() -> Option<Kernels> {
    let has_all = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("f16c")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("avx2");
    has_all.then_some(KERNELS)
}

const KERNELS: Kernels = table!("avx512");

stamp_lanes! { "avx512f,avx512bw,avx512vl,avx512dq,f16c,fma,avx2" }
