//! `inspect` on every family, and on files of unknown families: its sums must be those of the file.

use crate::common::tiny_gguf;
use std::process::Command;
use std::sync::Arc;

use cutaway::gguf::{Gguf, Metadata, Writer};
use cutaway::measure::inspect::{self, Inspection, Part};
use cutaway::quant::GgmlType;

/// What must hold for any file.
fn check_sums(name: &str, gguf: &Arc<Gguf>, found: &Inspection) {
    let elements: u64 = gguf.tensors().map(|info| info.n_elements() as u64).sum();
    let bytes: u64 = gguf.tensors().map(|info| info.n_bytes() as u64).sum();
    assert_eq!(found.n_parameters, elements, "{name}");
    assert_eq!(found.parts.iter().map(|p| p.n_parameters).sum::<u64>(), elements, "{name}: parameters by part");
    assert_eq!(found.parts.iter().map(|p| p.bytes).sum::<u64>(), bytes, "{name}: bytes by part");
    assert_eq!(found.parts.iter().map(|p| p.n_tensors).sum::<usize>(), gguf.tensors().len(), "{name}");
    assert_eq!(found.formats.iter().map(|f| f.n_parameters).sum::<u64>(), elements, "{name}: parameters by format");
    assert_eq!(found.formats.iter().map(|f| f.bytes).sum::<u64>(), bytes, "{name}: bytes by format");

    let mut end = 0;
    for section in &found.file.sections {
        assert_eq!(section.offset, end, "{name}: {} follows what is before it", section.name);
        end += section.bytes;
    }
    assert_eq!(end, gguf.file_bytes(), "{name}: the sections are the file");
    let data = found.file.sections.iter().find(|section| section.name == "tensor data");
    if gguf.tensors().len() > 0 {
        assert_eq!(data.unwrap().offset, gguf.data_offset() as u64, "{name}");
    }
}

#[test]
fn every_family_adds_up_and_has_nothing_unaccounted_for() {
    for case in tiny_gguf::cases() {
        let gguf = case.gguf();
        let found = inspect::inspect(&gguf);
        check_sums(&case.name, &gguf, &found);
        assert_eq!(found.problem, None, "{}", case.name);
        // In a family that is known, only the divisors of RoPE frequencies have no part of their own.
        for tensor in inspect::tensor_reports(&gguf).iter().filter(|tensor| tensor.part == Part::Other) {
            assert!(tensor.name.starts_with("rope_"), "{}: {} belongs to a part", case.name, tensor.name);
        }
        let features = found.features.unwrap();
        let layers: usize = features.layers.iter().map(|group| group.indices.len()).sum();
        assert_eq!(layers, features.n_layer, "{}", case.name);
        assert_eq!(features.window_pattern.len(), features.n_layer, "{}", case.name);
        let decode = found.decode.unwrap();
        assert_eq!(decode.kv_bytes_per_position_f32, 2 * decode.kv_bytes_per_position_f16, "{}", case.name);
        let numbers = decode.kv_bytes_per_position_f32 / 4; // in heads of 16, 32 or more: a block each at least
        assert!(decode.kv_bytes_per_position_q8_0 >= numbers * 34 / 32, "{}", case.name);
        assert_eq!(18 * decode.kv_bytes_per_position_q8_0, 34 * decode.kv_bytes_per_position_q4_0, "{}", case.name);
        assert!(decode.weight_bytes_per_token <= found.tensor_bytes, "{}", case.name);
        assert!(decode.kv_bytes_full_context_f16_windowed <= decode.kv_bytes_full_context_f16, "{}", case.name);
    }
}

/// A file of an unknown family: two tensors, a few keys.
fn foreign() -> Arc<Gguf> {
    let mut metadata = Metadata::new();
    metadata.insert("general.architecture", "platypus").unwrap();
    metadata.insert("general.name", "Duck\x1b[31m\nbill").unwrap();
    metadata.insert("platypus.block_count", 2_u32).unwrap();
    metadata.insert("other.key", vec![1_i32; 100]).unwrap();
    let (first, second) = (vec![0; 64 * 4], vec![0; 34 * 3]);
    let mut writer = Writer::new(metadata);
    writer.tensor("blk.0.attn_q.weight", GgmlType::F32, &[64], &first).unwrap();
    writer.tensor("beak.weight", GgmlType::Q8_0, &[32, 3], &second).unwrap();
    Arc::new(Gguf::from_bytes(writer.to_bytes().unwrap()).unwrap())
}

#[test]
fn an_unknown_family_is_described_as_far_as_it_goes() {
    let gguf = foreign();
    let found = inspect::inspect(&gguf);
    check_sums("platypus", &gguf, &found);
    assert!(found.problem.unwrap().contains("platypus"));
    assert!(found.features.is_none() && found.decode.is_none() && found.tokenizer.is_none());
    assert_eq!(found.keys.len(), 1);
    assert_eq!((found.keys[0].key.as_str(), found.keys[0].value.as_str()), ("platypus.block_count", "2"));
    let other = found.parts.iter().find(|share| share.part == Part::Other).unwrap();
    assert_eq!((other.n_tensors, other.n_parameters, other.bytes), (1, 96, 102));
}

#[test]
fn a_file_without_tensors_is_a_file() {
    let gguf = Arc::new(Gguf::from_bytes(Writer::new(Metadata::new()).to_bytes().unwrap()).unwrap());
    let found = inspect::inspect(&gguf);
    check_sums("empty", &gguf, &found);
    assert_eq!(found.file.sections.len(), 1);
    assert!(found.problem.is_some());
}

/// Runs the program; returns (exit code, standard output, standard error).
fn cutaway(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cutaway")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_text_and_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let case = &tiny_gguf::cases()[0];
    std::fs::write(path("a.gguf"), case.to_bytes()).unwrap();
    std::fs::write(path("b.gguf"), foreign().bytes()).unwrap();

    let (code, text, _) = cutaway(&["inspect", &path("a.gguf"), &path("b.gguf"), "--tensors", "--metadata"]);
    assert_eq!(code, 0);
    for expected in ["a.gguf", "b.gguf", "platypus", "parameters by part", "beak.weight", "other.key", "Duck\\u{1b}"] {
        assert!(text.contains(expected), "no `{expected}` in\n{text}");
    }
    assert!(!text.contains('\x1b'), "a file must not send control characters to the terminal");
    assert!(text.contains("cannot be loaded as a model: unknown model architecture 'platypus'"), "{text}");

    let (code, json, _) = cutaway(&["inspect", &path("a.gguf"), "--format", "json", "--tensors"]);
    assert_eq!(code, 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let sum =
        |list: &serde_json::Value| list.as_array().unwrap().iter().map(|x| x["n_parameters"].as_u64().unwrap()).sum();
    let total: u64 = json[0]["n_parameters"].as_u64().unwrap();
    assert_eq!((sum(&json[0]["parts"]), sum(&json[0]["tensors"])), (total, total));
    assert!(json[0].get("metadata").is_none());
}

#[test]
fn bad_input_is_one_line_and_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("text.gguf"), "not a model at all").unwrap();
    let whole = tiny_gguf::cases()[0].to_bytes();
    std::fs::write(path("cut.gguf"), &whole[..whole.len() / 2]).unwrap();

    for (argument, expected) in [
        (path("text.gguf"), "text.gguf"),
        (path("cut.gguf"), "cut.gguf"),
        (path("absent.gguf"), "no such file"),
        (dir.path().to_str().unwrap().to_owned(), "is a directory"),
    ] {
        let (code, out, err) = cutaway(&["inspect", &argument]);
        assert_eq!((code, out.as_str()), (2, ""), "{argument}: {err}");
        assert!(err.starts_with("error: ") && err.contains(expected), "{argument}: {err}");
        assert_eq!(err.trim_end().lines().count(), 1, "{argument}: {err}");
    }
}
