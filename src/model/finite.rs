//! The optional scan for damaged weights: NaN or infinity among floats, or among the scales of blocks.
//!
//! Quants themselves cannot be wrong, every bit pattern is a number; a block is poisoned only by its scale. Looking at
//! all bytes of a large file takes a while, so this runs only when asked for.
//!
//! Source: `ggml_validate_row_data` in `ggml-quants.c`.

use super::ModelError;
use crate::gguf::Gguf;
use crate::quant::GgmlType;
use half::{bf16, f16};

/// Where a block keeps numbers that could be NaN or infinite.
enum Scales {
    /// f16 values at these byte offsets.
    F16(&'static [usize]),
    /// An 8-bit exponent at offset 0, of which 0xff means NaN.
    E8M0,
    F32,
    F64,
    BF16,
    /// Integers, or formats that no weight may have.
    Nothing,
}

fn scales(ty: GgmlType) -> Scales {
    match ty {
        GgmlType::F32 => Scales::F32,
        GgmlType::F64 => Scales::F64,
        GgmlType::BF16 => Scales::BF16,
        GgmlType::F16 | GgmlType::Q4_0 | GgmlType::Q5_0 | GgmlType::Q8_0 => Scales::F16(&[0]),
        GgmlType::IQ4_NL | GgmlType::IQ4_XS => Scales::F16(&[0]),
        GgmlType::Q4_1 | GgmlType::Q5_1 | GgmlType::Q4_K | GgmlType::Q5_K => Scales::F16(&[0, 2]),
        GgmlType::Q2_K => Scales::F16(&[80, 82]),
        GgmlType::Q3_K => Scales::F16(&[108]),
        GgmlType::Q6_K => Scales::F16(&[208]),
        GgmlType::MXFP4 => Scales::E8M0,
        _ => Scales::Nothing,
    }
}

/// Scans every tensor of the file; the error names the first bad block.
pub(super) fn check(gguf: &Gguf) -> Result<(), ModelError> {
    for info in gguf.tensors() {
        let blocks = gguf.data(&info).chunks_exact(info.ty.block_bytes());
        for (block, bytes) in blocks.enumerate() {
            if let Some(found) = not_finite(info.ty, bytes) {
                let name = info.name.to_owned();
                return Err(ModelError::InvalidData { name, block, expected: "finite numbers", found });
            }
        }
    }
    Ok(())
}

/// What is wrong with a block, if anything is.
fn not_finite(ty: GgmlType, block: &[u8]) -> Option<String> {
    let bad = |x: f64| (!x.is_finite()).then(|| x.to_string());
    match scales(ty) {
        Scales::F32 => bad(f32::from_le_bytes(block.try_into().ok()?).into()),
        Scales::F64 => bad(f64::from_le_bytes(block.try_into().ok()?)),
        Scales::BF16 => bad(bf16::from_le_bytes(block.try_into().ok()?).into()),
        Scales::F16(offsets) => {
            offsets.iter().find_map(|&at| bad(f16::from_le_bytes([block[at], block[at + 1]]).into()))
        }
        Scales::E8M0 => (block[0] == 0xff).then(|| "exponent 0xff".to_owned()),
        Scales::Nothing => None,
    }
}
