//! The block formats of GGML: how a few bits stand for a weight.
//!
//! A *block* is a short run of consecutive weights of one row (32, or 256 in the K-quants) stored together with
//! the scale that turns its small integers back into real numbers. This module names the formats
//! ([`GgmlType`]) and reaches them by name ([`dequantize`], [`quantize`]); every format then has one file with its
//! layout, a compile-time assertion of its size, and its scalar arithmetic. Look first at [`q4_0`], the simplest.
//!
//! What it deliberately does not do: dot products on quantised data (those are `kernels/`), and choosing which
//! tensor gets which format (that is the `quantize` command).
//!
//! Source: `ggml-common.h`, `ggml-quants.c` of llama.cpp; the bytes agree with both it and the `gguf` Python package.

mod ggml_type;

pub use ggml_type::GgmlType;
