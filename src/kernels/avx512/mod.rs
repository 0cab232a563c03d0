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
mod gemm;
mod stored;

use super::{ActBlock, Kernels, activations, lanes, stamp};
use crate::quant::GgmlType;
use stored::{F16, F32, Q4_0, Q8_0};

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

const KERNELS: Kernels = Kernels {
    name: "avx512",
    quantize,
    gemm_q4_0: gemm::gemm::<{ GgmlType::Q4_0 as u32 }>,
    gemm_q4_1: gemm::gemm::<{ GgmlType::Q4_1 as u32 }>,
    gemm_q5_0: gemm::gemm::<{ GgmlType::Q5_0 as u32 }>,
    gemm_q5_1: gemm::gemm::<{ GgmlType::Q5_1 as u32 }>,
    gemm_q8_0: gemm::gemm::<{ GgmlType::Q8_0 as u32 }>,
    gemm_q2_k: gemm::gemm::<{ GgmlType::Q2_K as u32 }>,
    gemm_q3_k: gemm::gemm::<{ GgmlType::Q3_K as u32 }>,
    gemm_q4_k: gemm::gemm::<{ GgmlType::Q4_K as u32 }>,
    gemm_q5_k: gemm::gemm::<{ GgmlType::Q5_K as u32 }>,
    gemm_q6_k: gemm::gemm::<{ GgmlType::Q6_K as u32 }>,
    gemm_iq4_nl: gemm::gemm::<{ GgmlType::IQ4_NL as u32 }>,
    gemm_iq4_xs: gemm::gemm::<{ GgmlType::IQ4_XS as u32 }>,
    gemm_mxfp4: gemm::gemm::<{ GgmlType::MXFP4 as u32 }>,
    gemm_f32: gemm::gemm_float::<{ GgmlType::F32 as u32 }>,
    gemm_f16: gemm::gemm_float::<{ GgmlType::F16 as u32 }>,
    gemm_bf16: gemm::gemm_float::<{ GgmlType::BF16 as u32 }>,
    expand: gemm::expand,
    gemm_panel: gemm::gemm_panel,
    load_k_f32: stored::load_k::<F32>,
    load_k_f16: stored::load_k::<F16>,
    load_k_q8_0: stored::load_k::<Q8_0>,
    load_k_q4_0: stored::load_k::<Q4_0>,
    load_v_f32: stored::load_v::<F32>,
    load_v_f16: stored::load_v::<F16>,
    load_v_q8_0: stored::load_v_blocks::<Q8_0>,
    load_v_q4_0: stored::load_v_blocks::<Q4_0>,
    qk: attention::qk,
    pv: attention::pv,
    pv_f16: attention::pv_f16,
    max,
    exp_sum,
    rms_norm,
    layer_norm,
    silu,
    gelu,
    silu_mul,
    gelu_mul,
    rope_adjacent,
    rope_halves,
    add,
    scale,
    add_scaled,
};

stamp! { "avx512f,avx512bw,avx512vl,avx512dq,f16c,fma,avx2",
    fn quantize(x: &[f32], out: &mut [ActBlock]) = activations::quantize;
    fn max(x: &[f32]) -> f32 = lanes::max;
    fn exp_sum(x: &mut [f32], max: f32) -> f32 = lanes::exp_sum;
    fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) = lanes::rms_norm;
    fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) = lanes::layer_norm;
    fn silu(x: &[f32], out: &mut [f32]) = lanes::silu;
    fn gelu(x: &[f32], out: &mut [f32]) = lanes::gelu;
    fn silu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) = lanes::silu_mul;
    fn gelu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) = lanes::gelu_mul;
    fn rope_adjacent(x: &mut [f32], cos: &[f32], sin: &[f32]) = lanes::rope_adjacent;
    fn rope_halves(x: &mut [f32], cos: &[f32], sin: &[f32]) = lanes::rope_halves;
    fn add(x: &mut [f32], y: &[f32]) = lanes::add;
    fn scale(x: &mut [f32], factor: f32) = lanes::scale;
    fn add_scaled(x: &mut [f32], factor: f32, y: &[f32]) = lanes::add_scaled;
}
