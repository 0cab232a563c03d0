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
fn types_have_the_ids_names_and_sizes_of_ggml() {
    let golden = golden(include_str!("../golden/quant/types.json"));
    let types = golden["types"].as_array().expect("a list of types");
    assert_eq!(types.len(), GgmlType::ALL.len());
    for row in types {
        let number = |i: usize| row[i].as_u64().expect("a number");
        let ty = GgmlType::from_id(number(0) as u32).expect("a known id");
        let name = row[1].as_str().expect("a name");
        assert_eq!(GgmlType::from_name(name), Some(ty), "{name}");
        assert_eq!((ty.block_len() as u64, ty.block_bytes() as u64), (number(2), number(3)), "{name}");
    }
}

#[test]
fn dequantised_blocks_equal_ggml_bit_for_bit() {
    let golden = golden(include_str!("../golden/quant/dequantize.json"));
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
    let golden = golden(include_str!("../golden/quant/quantize.json"));
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

/// Quantises and reads back.
fn round_trip(ty: GgmlType, weights: &[f32]) -> Vec<f32> {
    let mut blocks = vec![0; ty.row_bytes(weights.len()).expect("whole blocks")];
    quantize(ty, weights, &mut blocks).expect("finite weights");
    let mut back = vec![0.0; weights.len()];
    dequantize(ty, &blocks, &mut back).expect("the bytes just written");
    back
}

/// The formats that share a scale among several weights and can be written.
fn written_blocks() -> impl Iterator<Item = GgmlType> {
    GgmlType::ALL.into_iter().filter(|&ty| can_quantize(ty) && !ty.is_float())
}

/// The measure and the limit of llama.cpp's `test-quantize-fns`; note that it divides by n after the root.
#[test]
fn round_trips_stay_within_the_error_llama_cpp_allows() {
    const N: usize = 4096;
    for offset in [0, 1] {
        let weights: Vec<f32> = (0..N).map(|i| 0.1 + 2.0 * ((i + offset) as f32).cos()).collect();
        for ty in written_blocks() {
            let back = round_trip(ty, &weights);
            let squares: f64 = weights.iter().zip(&back).map(|(x, y)| f64::from(x - y).powi(2)).sum();
            let error = squares.sqrt() / N as f64;
            assert!(error < 0.002, "{ty}: {error}");
            // And something was lost: weights compared with themselves would give 0.
            assert!(error > 1e-5, "{ty}: {error}");
        }
    }
}

/// The extra bits buy accuracy: the root mean square error falls from format to format.
#[test]
fn more_bits_are_more_accurate() {
    use GgmlType::*;
    let weights: Vec<f32> = (0..4096).map(|i| ((i * i) as f32 * 0.37).sin() * (i as f32 * 0.11).cos()).collect();
    let error = |ty| -> f32 { weights.iter().zip(round_trip(ty, &weights)).map(|(x, y)| (x - y) * (x - y)).sum() };
    for finer in [[Q4_0, Q5_0], [Q4_1, Q5_1], [Q5_0, Q8_0], [Q4_K, Q5_K], [Q5_K, Q6_K], [Q6_K, Q8_0], [BF16, F16]] {
        let [coarse, fine] = finer.map(error);
        assert!(fine < coarse, "{finer:?}: {coarse} {fine}");
    }
}
