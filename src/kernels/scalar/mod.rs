//! The kernels in plain Rust: the specification of all others.

pub(super) mod attention;
pub(super) mod gemm;

use super::{Kernels, activations, lanes};
use crate::quant::GgmlType;

/// Every field is the specification.
pub(super) const KERNELS: Kernels = Kernels {
    name: "scalar",
    quantize: activations::quantize,
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
    gemm_f32: gemm::gemm_f32,
    gemm_f16: gemm::gemm_f16,
    gemm_bf16: gemm::gemm_bf16,
    expand: gemm::expand,
    gemm_panel: gemm::gemm_panel,
    load_k_f32: attention::load_k_f32,
    load_k_f16: attention::load_k_f16,
    load_k_q8_0: attention::load_k_q8_0,
    load_k_q4_0: attention::load_k_q4_0,
    load_v_f32: attention::load_v_f32,
    load_v_f16: attention::load_v_f16,
    load_v_q8_0: attention::load_v_q8_0,
    load_v_q4_0: attention::load_v_q4_0,
    qk: attention::qk,
    pv: attention::pv,
    pv_f16: attention::pv_f16,
    max: lanes::max,
    exp_sum: lanes::exp_sum,
    rms_norm: lanes::rms_norm,
    layer_norm: lanes::layer_norm,
    silu: lanes::silu,
    gelu: lanes::gelu,
    silu_mul: lanes::silu_mul,
    gelu_mul: lanes::gelu_mul,
    rope_adjacent: lanes::rope_adjacent,
    rope_halves: lanes::rope_halves,
    add: lanes::add,
    scale: lanes::scale,
    add_scaled: lanes::add_scaled,
};
