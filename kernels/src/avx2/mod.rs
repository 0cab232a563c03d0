//! Kernels for AVX2 with FMA and F16C: eight lanes, so sixteen rows are two registers.
//!
//! **Safety of this module.** Every function here is compiled for instructions that not every processor has, and calling
//! it on one that lacks them is undefined. Their only way out is [`kernels`], which returns the table after asking the
//! processor for each of these instructions; a table is never made otherwise. (`avx_vnni/` uses some of them too, and asks for
//! the same instructions and more.) That is the argument for every `unsafe` block that calls a `#[target_feature]` function.
//! Loads and stores go through references to arrays of the right length.
//!
//! Look first at `dot.rs`: what AVX-512 does with one instruction is done there with three, and must not overflow. The loops
//! around it are in `loops/`.

#![allow(unsafe_code)]

mod dot;
pub(super) mod registers;
mod stored;
pub(super) mod unpack;

/// Four columns: their sums are half of the sixteen registers.
mod gemm {
    crate::loops::stamp_gemm! { "avx2,fma,f16c", columns: [4, 2, 1] }
}

/// 16 rows × 4 columns: 8 registers of sums stay while the lines of a strip pass. What fits 16 bits depends on the largest
/// code, so the kinds are those of the formats ([`TileLayout::of`](super::packed::TileLayout::of)).
mod panel {
    crate::loops::stamp_panel! { "avx2,fma,f16c",
        groups: [1],
        columns: [4, 2, 1],
        columns_a16: 4,
        kinds: [
            (15, false, false), (15, false, true), (15, true, false), (15, true, true),
            (31, false, false), (31, false, true),
            (63, true, false),
            (255, false, false),
        ],
    }
}

pub(super) mod expand {
    crate::loops::stamp_expand! { "avx2,fma,f16c" }
}

pub(super) mod float {
    crate::loops::stamp_float! { "avx2,fma,f16c", groups: 2, columns: 3 }
}

pub(super) mod attention {
    crate::loops::stamp_attention! { "avx2,fma,f16c",
        qk: { (4.., _) => 4 x 2, (3, _) => 3 x 2, (_, 64..) => 1 x 8, (_, _) => 1 x 2 },
        pv: {
            (4.., 16..) => 4 x 2, (4.., _) => 4 x 1,
            (3, 16..) => 3 x 2, (3, _) => 3 x 1,
            (_, 64..) => 1 x 8, (_, _) => 1 x 1,
        },
        ahead: |bytes| bytes.max(crate::prefetch::AHEAD),
    }
}

pub(super) mod load {
    crate::loops::stamp_loads! { "avx2,fma,f16c" }
}

/// What is plain Rust, compiled for these instructions.
pub(super) mod plain {
    use crate::table::{stamp, stamp_lanes};
    use crate::{ActBlock, activations, lanes};

    stamp! { "avx2,fma,f16c",
        fn quantize(x: &[f32], out: &mut [ActBlock]) = activations::quantize;
        fn quantize_a16(x: &[f32], out: &mut [ActBlock<2>]) = activations::quantize;
    }
    stamp_lanes! { "avx2,fma,f16c" }
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

/// Whether the processor has what these kernels need.
pub(super) fn runs_here() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}

/// The table, where the processor has what it needs.
pub(super) fn kernels() -> Option<Kernels> {
    runs_here().then_some(KERNELS)
}

const KERNELS: Kernels = table!("avx2", many_columns: 9, groups_at_once: 2);
