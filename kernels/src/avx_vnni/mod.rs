//! Kernels for AVX-VNNI: AVX2 with one instruction more, which multiplies 32 bytes and adds them up. Intel's processors
//! without AVX-512 have it since Alder Lake (2021).
//!
//! The smallest instruction set here. Its registers, its unpacking and every kernel that multiplies no bytes are those of
//! `avx2/`, its loops those of `loops/`; its own is the dot product. Look first at `dot.rs`.
//!
//! **Safety of this module.** As in `avx2/mod.rs`: the only way out is [`kernels`], which asks the processor for every
//! instruction first.

#![allow(unsafe_code)]

mod dot;

/// Four columns: their sums are half of the sixteen registers.
mod gemm {
    crate::loops::stamp_gemm! { "avx2,fma,f16c,avxvnni", columns: [4, 2, 1] }
}

/// 16 rows × 4 columns: 8 registers of sums stay while the lines of a strip pass. Codes of any size are multiplied alike.
mod panel {
    crate::loops::stamp_panel! { "avx2,fma,f16c,avxvnni",
        groups: [1],
        columns: [4, 2, 1],
        columns_a16: 4,
        kinds: [(255, false, false), (255, false, true), (255, true, false), (255, true, true)],
    }
}

use super::Kernels;
use super::avx2::attention::{pv, pv_f16, qk, qk_f16};
use super::avx2::expand::expand;
use super::avx2::float::gemm_float;
use super::avx2::load::{load_k, load_v, load_v_blocks};
use super::avx2::plain::*;
use super::avx2::{registers, runs_here, unpack};
use super::table::table;
use gemm::gemm;
use panel::gemm_panel;

/// The table, where the processor has what it needs.
pub(super) fn kernels() -> Option<Kernels> {
    (runs_here() && is_x86_feature_detected!("avxvnni")).then_some(KERNELS)
}

const KERNELS: Kernels = table!("avx_vnni", many_columns: 9, groups_at_once: 2);
