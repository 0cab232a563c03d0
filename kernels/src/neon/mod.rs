//! Kernels for NEON, which every 64-bit ARM processor has: four lanes, so sixteen rows are four registers.
//!
//! **Safety of this module.** Every function here is compiled for NEON, and calling it on a processor that lacks it is
//! undefined. Their only way out is [`kernels`], which returns the table after asking the processor; a table is never made
//! otherwise. That is the argument for every `unsafe` block that calls a `#[target_feature]` function. Loads and stores go
//! through references to arrays of the right length.
//!
//! The small operations of `lanes.rs` need no second compilation: plain Rust is NEON on these processors already.
//!
//! Look first at `dot.rs`. The loops around it are in `loops/`. What is deliberately not here: the extensions with products
//! of four bytes, `sdot` and `i8mm`.

#![allow(unsafe_code)]

mod dot;
mod registers;
mod stored;
mod unpack;

/// Two columns: their products and accumulators are 24 of the 32 registers.
mod gemm {
    crate::loops::stamp_gemm! { "neon", columns: [2, 1] }
}

/// 16 rows × 2 columns: 16 registers of products stay while the lines of a strip pass. What fits 16 bits depends on the
/// largest code, so the kinds are those of the formats ([`TileLayout::of`](super::packed::TileLayout::of)).
mod panel {
    crate::loops::stamp_panel! { "neon",
        groups: [1],
        columns: [2, 1],
        columns_a16: 2,
        kinds: [
            (31, false, false), (31, false, true), (31, true, false), (31, true, true),
            (63, true, false),
            (255, false, false),
        ],
    }
}

mod expand {
    crate::loops::stamp_expand! { "neon" }
}

mod float {
    crate::loops::stamp_float! { "neon", groups: 2, columns: 2 }
}

mod attention {
    crate::loops::stamp_attention! { "neon",
        qk: { (4.., _) => 4 x 4, (3, _) => 3 x 4, (_, _) => 1 x 4 },
        pv: {
            (4.., 16..) => 4 x 4, (4.., _) => 4 x 1,
            (3, 16..) => 3 x 4, (3, _) => 3 x 1,
            (_, 16..) => 1 x 4, (_, _) => 1 x 1,
        },
        ahead: |bytes| bytes, // NEON does not prefetch
    }
}

mod load {
    crate::loops::stamp_loads! { "neon" }
}

use super::Kernels;
use super::activations::{quantize, quantize as quantize_a16};
use super::lanes::*;
use super::table::table;
use attention::{pv, pv_f16, qk, qk_f16};
use expand::expand;
use float::gemm_float;
use gemm::gemm;
use load::{load_k, load_v, load_v_blocks};
use panel::gemm_panel;

/// The table, where the processor has what it needs.
pub(super) fn kernels() -> Option<Kernels> {
    std::arch::is_aarch64_feature_detected!("neon").then_some(KERNELS)
}

const KERNELS: Kernels = table!("neon", many_columns: 9, groups_at_once: 2);
