//! What a table holds, listed once: the module of an instruction set brings functions of these names into scope and calls
//! `table!`. A kernel that the module lacks is an error when it is compiled.
//!
//! Look first at [`table`]; its fields are explained in [`Kernels`](super::Kernels).

use crate::quant::GgmlType;

/// The formats of the cache, as parameters.
pub(super) const F32: u32 = GgmlType::F32 as u32;
pub(super) const F16: u32 = GgmlType::F16 as u32;
pub(super) const Q8_0: u32 = GgmlType::Q8_0 as u32;
pub(super) const Q4_0: u32 = GgmlType::Q4_0 as u32;

/// A complete [`Kernels`](super::Kernels) of the functions in scope. Matrix kernels and loads are generic over the format's
/// id. The two numbers are those of the instruction set; `many_columns` is every format's.
macro_rules! table {
    ($name:literal, many_columns: $many_columns:literal, groups_at_once: $groups_at_once:literal) => {
        $crate::Kernels {
            name: $name,
            groups_at_once: $groups_at_once,
            quantize,
            quantize_a16,
            gemm_q4_0: $crate::table::block_gemm!(Q4_0, $many_columns),
            gemm_q4_1: $crate::table::block_gemm!(Q4_1, $many_columns),
            gemm_q5_0: $crate::table::block_gemm!(Q5_0, $many_columns),
            gemm_q5_1: $crate::table::block_gemm!(Q5_1, $many_columns),
            gemm_q8_0: $crate::table::block_gemm!(Q8_0, $many_columns),
            gemm_q2_k: $crate::table::block_gemm!(Q2_K, $many_columns),
            gemm_q3_k: $crate::table::block_gemm!(Q3_K, $many_columns),
            gemm_q4_k: $crate::table::block_gemm!(Q4_K, $many_columns),
            gemm_q5_k: $crate::table::block_gemm!(Q5_K, $many_columns),
            gemm_q6_k: $crate::table::block_gemm!(Q6_K, $many_columns),
            gemm_iq4_nl: $crate::table::block_gemm!(IQ4_NL, $many_columns),
            gemm_iq4_xs: $crate::table::block_gemm!(IQ4_XS, $many_columns),
            gemm_mxfp4: $crate::table::block_gemm!(MXFP4, $many_columns),
            gemm_f32: gemm_float::<{ $crate::quant::GgmlType::F32 as u32 }>,
            gemm_f16: gemm_float::<{ $crate::quant::GgmlType::F16 as u32 }>,
            gemm_bf16: gemm_float::<{ $crate::quant::GgmlType::BF16 as u32 }>,
            expand,
            gemm_panel: gemm_panel::<1>,
            gemm_panel_a16: gemm_panel::<2>,
            load_k_f32: load_k::<{ $crate::quant::GgmlType::F32 as u32 }>,
            load_k_f16: load_k::<{ $crate::quant::GgmlType::F16 as u32 }>,
            load_k_q8_0: load_k::<{ $crate::quant::GgmlType::Q8_0 as u32 }>,
            load_k_q4_0: load_k::<{ $crate::quant::GgmlType::Q4_0 as u32 }>,
            load_v_f32: load_v::<{ $crate::quant::GgmlType::F32 as u32 }>,
            load_v_f16: load_v::<{ $crate::quant::GgmlType::F16 as u32 }>,
            load_v_q8_0: load_v_blocks::<{ $crate::quant::GgmlType::Q8_0 as u32 }>,
            load_v_q4_0: load_v_blocks::<{ $crate::quant::GgmlType::Q4_0 as u32 }>,
            qk,
            qk_f16,
            pv,
            pv_f16,
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
        }
    };
}
pub(super) use table;

/// Both `gemm`s in scope for one block format.
macro_rules! block_gemm {
    ($ty:ident, $many_columns:literal) => {
        $crate::BlockGemm {
            a8: gemm::<{ $crate::quant::GgmlType::$ty as u32 }, 1>,
            a16: gemm::<{ $crate::quant::GgmlType::$ty as u32 }, 2>,
            many_columns: $many_columns,
        }
    };
}
pub(super) use block_gemm;

/// Compiles plain Rust bodies for an instruction set, as safe functions that only its table can reach.
#[cfg(target_arch = "x86_64")]
macro_rules! stamp {
    ($features:literal, $(fn $name:ident($($argument:ident: $ty:ty),*) $(-> $result:ty)? = $body:path;)*) => {
        $(pub(crate) fn $name($($argument: $ty),*) $(-> $result)? {
            #[target_feature(enable = $features)]
            fn compiled($($argument: $ty),*) $(-> $result)? {
                $body($($argument),*)
            }
            // SAFETY: see the top of the module of the set: this function is reachable only where the instructions exist.
            unsafe { compiled($($argument),*) }
        })*
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use stamp;

/// Compiles the small operations of `lanes.rs` for an instruction set.
#[cfg(target_arch = "x86_64")]
macro_rules! stamp_lanes {
    ($features:literal) => {
        $crate::table::stamp! { $features,
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
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use stamp_lanes;
