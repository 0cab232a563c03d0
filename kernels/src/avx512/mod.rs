//! Kernels for AVX-512 with VNNI: sixteen lanes, so sixteen rows are one register; 64 byte products an instruction.
//!
//! **Safety of this module.** Every function here is compiled for instructions that not every processor has, and calling
//! it on one that lacks them is undefined. Their only way out is [`kernels`], which returns the table after asking the
//! processor for each of these instructions; a table is never made otherwise. That is the argument for every `unsafe` block
//! that calls a `#[target_feature]` function. Loads and stores go through references to arrays of the right length.
//!
//! Look first at `dot.rs`. The loops around it are in `loops/`.

#![allow(unsafe_code)]

mod dot;
mod quantize;
mod registers;
mod stored;
mod unpack;

/// Eight columns: their sums, their accumulators and the eight lines of a strip are 24 of the 32 registers.
mod gemm {
    crate::loops::stamp_gemm! {
        "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2",
        columns: [8, 4, 2, 1]
    }
}

/// 32 rows × 6 columns: 12 sums and 12 accumulators stay in registers; with two limbs 3 columns, 12 sums and 6 accumulators.
mod panel {
    crate::loops::stamp_panel! {
        "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2",
        groups: [2, 1],
        columns: [6, 3, 1],
        columns_a16: 3,
        kinds: [(255, false, false), (255, false, true), (255, true, false), (255, true, true)],
    }
}

mod expand {
    crate::loops::stamp_expand! { "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2" }
}

mod float {
    crate::loops::stamp_float! {
        "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2",
        groups: 4, columns: 4
    }
}

mod attention {
    crate::loops::stamp_attention! { "avx512f,avx512bw,avx512vl,f16c,fma",
        qk: {
            (4.., 64..) => 4 x 4, (4.., _) => 4 x 1,
            (3, 64..) => 3 x 4, (3, _) => 3 x 1,
            (_, 64..) => 1 x 4, (_, _) => 1 x 1,
        },
        pv: {
            (4.., 64..) => 4 x 4, (4.., _) => 4 x 1,
            (3, 64..) => 3 x 4, (3, _) => 3 x 1,
            (_, 64..) => 1 x 4, (_, _) => 1 x 1,
        },
        // The next tiles, and a quarter more, or the last of them come late.
        ahead: |bytes| bytes + bytes / 4,
    }
}

mod load {
    crate::loops::stamp_loads! { "avx512f,avx512bw,avx512vl,f16c" }
}

/// What is plain Rust, compiled for these instructions.
mod plain {
    crate::table::stamp_lanes! { "avx512f,avx512bw,avx512vl,avx512dq,f16c,fma,avx2" }
    use crate::lanes;
}

use super::Kernels;
use super::table::table;
use attention::{pv, pv_f16, qk, qk_f16};
use expand::expand;
use float::gemm_float;
use gemm::gemm;
use load::{load_k, load_v, load_v_blocks};
use panel::gemm_panel;
use plain::*;
use quantize::{quantize, quantize as quantize_a16};

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

const KERNELS: Kernels = table!("avx512", many_columns: 9, groups_at_once: 2);
