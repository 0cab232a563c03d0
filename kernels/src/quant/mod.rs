//! The block formats of GGML: how a few bits stand for a weight.
//!
//! A *block* is a short run of consecutive weights of one row (32, or 256 in the K-quants) stored together with
//! the scale that turns its small integers back into real numbers. This module names the formats
//! ([`GgmlType`]) and reaches them by name ([`dequantize`], [`quantize`]); every format then has one file with its
//! layout, a compile-time assertion of its size, and its scalar arithmetic. Look first at [`q4_0`], the simplest,
//! and go on in this order; each row adds one idea:
//!
//! | format | bits per weight | the idea |
//! |---|---|---|
//! | [`mod@f16`], [`bf16`] | 16 | a float with fewer bits |
//! | [`q4_0`], [`q8_0`] | 4.5, 8.5 | whole numbers times a shared scale |
//! | [`q4_1`] | 5 | an offset, for blocks that do not lie around zero |
//! | [`q5_0`], [`q5_1`] | 5.5, 6 | a bit that does not fit gets a place of its own |
//! | [`q4_k`], [`q5_k`] | 4.5, 5.5 | many scales, themselves quantised; searched for, not just computed |
//! | [`q6_k`], [`q3_k`], [`q2_k`] | 6.5625, 3.4375, 2.625 | the same with other widths |
//! | [`iq4_nl`], [`iq4_xs`] | 4.5, 4.25 | codes that are looked up in a table |
//! | [`mxfp4`] | 4.25 | codes that are tiny floats; a scale that is a power of two |
//!
//! What it deliberately does not do: dot products on quantised data (those are `kernels/`), and choosing which
//! tensor gets which format (that is the `quantize` command).
//!
//! Source: `ggml-common.h`, `ggml-quants.c` of llama.cpp; the bytes agree with both it and the `gguf` Python package.

#![forbid(unsafe_code)]

mod block;
mod error;
mod ggml_type;

pub mod bf16;
pub mod f16;

pub mod q4_0;
pub mod q4_1;
pub mod q5_0;
pub mod q5_1;
pub mod q8_0;

pub mod k_scales;
pub mod k_search;
pub mod q2_k;
pub mod q3_k;
pub mod q4_k;
pub mod q5_k;
pub mod q6_k;

pub mod iq4_nl;
pub mod iq4_xs;
pub mod mxfp4;

pub use error::QuantError;
pub use ggml_type::GgmlType;

use std::mem::offset_of;

use block::{for_each_block, make_each_block};

/// Turns `src`, whole blocks of format `ty`, into `dst.len()` weights.
///
/// Every byte pattern is a valid block, so after the lengths are checked nothing can go wrong; a block whose scale is
/// infinite or NaN gives weights that are.
///
/// # Errors
/// A type without dequantiser ([`GgmlType::is_weight`] is false), or lengths that do not belong together.
pub fn dequantize(ty: GgmlType, src: &[u8], dst: &mut [f32]) -> Result<(), QuantError> {
    if !ty.is_weight() {
        return Err(QuantError::NoDequantizer { ty });
    }
    check_lengths(ty, dst.len(), src.len())?;
    match ty {
        GgmlType::F32 => for_each_block(src, dst, |b, w: &mut [f32; 1]| w[0] = f32::from_le_bytes(*b)),
        GgmlType::F16 => f16::dequantize(src, dst),
        GgmlType::BF16 => for_each_block(src, dst, |b, w: &mut [f32; 1]| w[0] = bf16::to_f32(*b)),
        GgmlType::Q4_0 => for_each_block(src, dst, |b, w| q4_0::Block::from_bytes(b).dequantize(w)),
        GgmlType::Q4_1 => for_each_block(src, dst, |b, w| q4_1::Block::from_bytes(b).dequantize(w)),
        GgmlType::Q5_0 => for_each_block(src, dst, |b, w| q5_0::Block::from_bytes(b).dequantize(w)),
        GgmlType::Q5_1 => for_each_block(src, dst, |b, w| q5_1::Block::from_bytes(b).dequantize(w)),
        GgmlType::Q8_0 => for_each_block(src, dst, |b, w| q8_0::Block::from_bytes(b).dequantize(w)),
        GgmlType::Q2_K => for_each_block(src, dst, |b, w| q2_k::Block::from_bytes(b).dequantize(w)),
        GgmlType::Q3_K => for_each_block(src, dst, |b, w| q3_k::Block::from_bytes(b).dequantize(w)),
        GgmlType::Q4_K => for_each_block(src, dst, |b, w| q4_k::Block::from_bytes(b).dequantize(w)),
        GgmlType::Q5_K => for_each_block(src, dst, |b, w| q5_k::Block::from_bytes(b).dequantize(w)),
        GgmlType::Q6_K => for_each_block(src, dst, |b, w| q6_k::Block::from_bytes(b).dequantize(w)),
        GgmlType::IQ4_NL => for_each_block(src, dst, |b, w| iq4_nl::Block::from_bytes(b).dequantize(w)),
        GgmlType::IQ4_XS => for_each_block(src, dst, |b, w| iq4_xs::Block::from_bytes(b).dequantize(w)),
        GgmlType::MXFP4 => for_each_block(src, dst, |b, w| mxfp4::Block::from_bytes(b).dequantize(w)),
        _ => return Err(QuantError::NoDequantizer { ty }),
    }
    Ok(())
}

/// Whether [`quantize`] can write this format.
pub fn can_quantize(ty: GgmlType) -> bool {
    use GgmlType::*;
    matches!(ty, F32 | F16 | BF16 | Q4_0 | Q4_1 | Q5_0 | Q5_1 | Q8_0 | Q4_K | Q5_K | Q6_K)
}

/// Turns the weights `src` into whole blocks of format `ty`, the same bytes that llama.cpp's reference quantisers make.
///
/// F32, F16 and BF16 hold NaNs and infinities as well as any number, and F16 makes an infinity of what exceeds its
/// range. In a block format one such weight would ruin the scale of its neighbours, so it is refused, and so are finite
/// weights so large that the scale is not (`llama-quantize` refuses both too). To quantise without these checks, call
/// the format's `Block::quantize`: it takes any 32 or 256 numbers, and at worst spoils that one block.
///
/// # Errors
/// A type without quantiser ([`can_quantize`]), lengths that do not belong together, or, in a block format, a weight
/// that is not finite or too large.
pub fn quantize(ty: GgmlType, src: &[f32], dst: &mut [u8]) -> Result<(), QuantError> {
    if !can_quantize(ty) {
        return Err(QuantError::NoQuantizer { ty });
    }
    check_lengths(ty, src.len(), dst.len())?;
    check_finite(ty, src)?;
    match ty {
        GgmlType::F32 => make_each_block(src, dst, |w: &[f32; 1]| w[0].to_le_bytes()),
        GgmlType::F16 => f16::quantize(src, dst),
        GgmlType::BF16 => make_each_block(src, dst, |w: &[f32; 1]| bf16::from_f32(w[0])),
        GgmlType::Q4_0 => make_each_block(src, dst, |w| q4_0::Block::quantize(w).to_bytes()),
        GgmlType::Q4_1 => make_each_block(src, dst, |w| q4_1::Block::quantize(w).to_bytes()),
        GgmlType::Q5_0 => make_each_block(src, dst, |w| q5_0::Block::quantize(w).to_bytes()),
        GgmlType::Q5_1 => make_each_block(src, dst, |w| q5_1::Block::quantize(w).to_bytes()),
        GgmlType::Q8_0 => make_each_block(src, dst, |w| q8_0::Block::quantize(w).to_bytes()),
        GgmlType::Q4_K => make_each_block(src, dst, |w| q4_k::Block::quantize(w).to_bytes()),
        GgmlType::Q5_K => make_each_block(src, dst, |w| q5_k::Block::quantize(w).to_bytes()),
        GgmlType::Q6_K => make_each_block(src, dst, |w| q6_k::Block::quantize(w).to_bytes()),
        _ => return Err(QuantError::NoQuantizer { ty }),
    }
    check_scales(ty, dst)
}

/// `n_weights` must be whole blocks, and `n_bytes` what those blocks take.
fn check_lengths(ty: GgmlType, n_weights: usize, n_bytes: usize) -> Result<(), QuantError> {
    // `row_bytes` can also be `None` by overflow, but a slice of f32 is never long enough for that.
    let Some(expected) = ty.row_bytes(n_weights) else {
        return Err(QuantError::PartialBlock { ty, block_len: ty.block_len(), found: n_weights });
    };
    if n_bytes != expected {
        return Err(QuantError::WrongByteCount { ty, weights: n_weights, expected, found: n_bytes });
    }
    Ok(())
}

/// Refuses the first weight of a block format that is a NaN or an infinity.
fn check_finite(ty: GgmlType, weights: &[f32]) -> Result<(), QuantError> {
    match weights.iter().position(|x| !x.is_finite()) {
        Some(index) if !ty.is_float() => Err(QuantError::NotFinite { ty, index, value: weights[index] }),
        _ => Ok(()),
    }
}

/// Refuses the first block that was given an infinite or undefined scale.
fn check_scales(ty: GgmlType, blocks: &[u8]) -> Result<(), QuantError> {
    let scales: &[usize] = match ty {
        GgmlType::Q4_0 => &[offset_of!(q4_0::Block, d)],
        GgmlType::Q4_1 => &[offset_of!(q4_1::Block, d), offset_of!(q4_1::Block, m)],
        GgmlType::Q5_0 => &[offset_of!(q5_0::Block, d)],
        GgmlType::Q5_1 => &[offset_of!(q5_1::Block, d), offset_of!(q5_1::Block, m)],
        GgmlType::Q8_0 => &[offset_of!(q8_0::Block, d)],
        GgmlType::Q4_K => &[offset_of!(q4_k::Block, d), offset_of!(q4_k::Block, dmin)],
        GgmlType::Q5_K => &[offset_of!(q5_k::Block, d), offset_of!(q5_k::Block, dmin)],
        GgmlType::Q6_K => &[offset_of!(q6_k::Block, d)],
        _ => return Ok(()), // plain numbers have no scale
    };
    let finite = |block: &[u8], at: usize| f16::to_f32([block[at], block[at + 1]]).is_finite();
    let spoiled = |block: &[u8]| scales.iter().any(|&at| !finite(block, at));
    match blocks.chunks_exact(ty.block_bytes()).position(spoiled) {
        Some(i) => Err(QuantError::ScaleTooLarge { ty, first: i * ty.block_len(), last: (i + 1) * ty.block_len() - 1 }),
        None => Ok(()),
    }
}
