//! The block formats against GGML itself. The goldens and the script that makes them: `tests/golden/quant/`.

use cutaway::quant::{GgmlType, can_quantize, dequantize, quantize};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn golden(text: &str) -> Value {
    serde_json::from_str(text).expect("goldens are JSON")
}

/// The bytes of a hexadecimal string.
fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("a hexadecimal string");
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal digits")).collect()
}

/// Little-endian f32 bits: compared as bits, so that −0 and 0 differ; all NaNs are one.
fn bits(weights: &[f32]) -> Vec<u32> {
    weights.iter().map(|x| if x.is_nan() { 0x7FC0_0000 } else { x.to_bits() }).collect()
}

fn hash(bits: &[u32]) -> String {
    let bytes: Vec<u8> = bits.iter().flat_map(|b| b.to_le_bytes()).collect();
    Sha256::digest(bytes)[..8].iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn dequantised_blocks_equal_ggml_bit_for_bit() {
    let golden = golden(include_str!("golden/quant/dequantize.json"));
    let types = golden["types"].as_object().expect("answers by type");
    for ty in GgmlType::WEIGHTS.into_iter().filter(|&ty| ty != GgmlType::F32) {
        let blocks = types[ty.name()].as_array().expect("a list of blocks");
        assert!(!blocks.is_empty());
        for (i, case) in blocks.iter().enumerate() {
            let block = bytes(&case["block"]);
            let mut weights = vec![0.0; block.len() / ty.block_bytes() * ty.block_len()];
            dequantize(ty, &block, &mut weights).expect("whole blocks");

            let found = bits(&weights);
            if let Some(hex) = case.get("weights") {
                let expected: Vec<u32> = bytes(hex).as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
                for (j, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    assert_eq!(
                        found,
                        expected,
                        "{ty} block {i} weight {j}: found {}, expected {}",
                        f32::from_bits(*found),
                        f32::from_bits(*expected)
                    );
                }
            }
            assert_eq!(hash(&found), case["sha256"], "{ty} block {i}");
        }
    }
}

#[test]
fn quantised_weights_equal_ggml_byte_for_byte() {
    let golden = golden(include_str!("golden/quant/quantize.json"));
    let inputs = golden["inputs"].as_object().expect("answers by input");
    for ty in GgmlType::ALL.into_iter().filter(|&ty| can_quantize(ty) && ty != GgmlType::F32) {
        for (name, case) in inputs {
            let weights: Vec<f32> =
                bytes(&case["weights"]).as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let expected = bytes(&case[ty.name()]);
            let mut found = vec![0; expected.len()];
            quantize(ty, &weights, &mut found).expect("finite weights");

            let per_block = ty.block_bytes();
            for (i, (found, expected)) in found.chunks(per_block).zip(expected.chunks(per_block)).enumerate() {
                assert_eq!(found, expected, "{ty} of '{name}', block {i}");
            }
        }
    }
}
