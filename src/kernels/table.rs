//! What a table holds, listed once: an instruction set's room brings functions of these names into scope and says
//! `table!("name")`. A kernel that a room lacks is an error when it is compiled.
//!
//! Look first at [`table`]; its fields are explained in [`Kernels`](super::Kernels).

use crate::quant::GgmlType;

/// The formats of the cache, as parameters.
pub(super) const F32: u32 = GgmlType::F32 as u32;
pub(super) const F16: u32 = GgmlType::F16 as u32;
pub(super) const Q8_0: u32 = GgmlType::Q8_0 as u32;
pub(super) const Q4_0: u32 = GgmlType::Q4_0 as u32;

/// A whole [`Kernels`](super::Kernels) of the functions in scope. Matrix kernels and loads are generic over the
/// format's id.
macro_rules! table {
    ($name:literal) => {
        $crate::kernels::Kernels {
            name: $name,
            quantize,
            quantize_fine,
            gemm_q4_0: gemm::<{ $crate::quant::GgmlType::Q4_0 as u32 }, 1>,
            gemm_q4_1: gemm::<{ $crate::quant::GgmlType::Q4_1 as u32 }, 1>,
            gemm_q5_0: gemm::<{ $crate::quant::GgmlType::Q5_0 as u32 }, 1>,
            gemm_q5_1: gemm::<{ $crate::quant::GgmlType::Q5_1 as u32 }, 1>,
            gemm_q8_0: gemm::<{ $crate::quant::GgmlType::Q8_0 as u32 }, 1>,
            gemm_q2_k: gemm::<{ $crate::quant::GgmlType::Q2_K as u32 }, 1>,
            gemm_q3_k: gemm::<{ $crate::quant::GgmlType::Q3_K as u32 }, 1>,
            gemm_q4_k: gemm::<{ $crate::quant::GgmlType::Q4_K as u32 }, 1>,
            gemm_q5_k: gemm::<{ $crate::quant::GgmlType::Q5_K as u32 }, 1>,
            gemm_q6_k: gemm::<{ $crate::quant::GgmlType::Q6_K as u32 }, 1>,
            gemm_iq4_nl: gemm::<{ $crate::quant::GgmlType::IQ4_NL as u32 }, 1>,
            gemm_iq4_xs: gemm::<{ $crate::quant::GgmlType::IQ4_XS as u32 }, 1>,
            gemm_mxfp4: gemm::<{ $crate::quant::GgmlType::MXFP4 as u32 }, 1>,
            gemm_f32: gemm_float::<{ $crate::quant::GgmlType::F32 as u32 }>,
            gemm_f16: gemm_float::<{ $crate::quant::GgmlType::F16 as u32 }>,
            gemm_bf16: gemm_float::<{ $crate::quant::GgmlType::BF16 as u32 }>,
            expand,
            gemm_panel: gemm_panel::<1>,
            gemm_fine: $crate::kernels::table::gemm_fine!(),
            gemm_panel_fine: gemm_panel::<2>,
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

/// The `gemm` in scope with two digits, for any block format: calls itself with their list.
macro_rules! gemm_fine {
    () => {
        $crate::kernels::table::gemm_fine!(Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4)
    };
    ($($ty:ident)*) => {
        |ty, n_in, tiles, x, y| match ty {
            $($crate::quant::GgmlType::$ty => gemm::<{ $crate::quant::GgmlType::$ty as u32 }, 2>(n_in, tiles, x, y),)*
            _ => panic!("{ty} has no tiles of whole numbers"),
        }
    };
}
pub(super) use gemm_fine;

/// Compiles plain Rust bodies for an instruction set, as safe functions that only its table can reach.
#[cfg(target_arch = "x86_64")]
macro_rules! stamp {
    ($features:literal, $(fn $name:ident($($argument:ident: $ty:ty),*) $(-> $result:ty)? = $body:path;)*) => {
        $(fn $name($($argument: $ty),*) $(-> $result)? {
            #[target_feature(enable = $features)]
            fn compiled($($argument: $ty),*) $(-> $result)? {
                $body($($argument),*)
            }
            // SAFETY: see the top of the file: this function is reachable only where the instructions exist.
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
        $crate::kernels::table::stamp! { $features,
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
