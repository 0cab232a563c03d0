//! `cutaway verify` from outside: exit codes, the JSON view, flags. What it finds is tested in `tests/verify/families.rs`.

use crate::common::tiny_gguf::{self, TinyModel};
use serde_json::Value;
use std::process::{Command, Output};

/// Runs the command in a directory where `model.gguf` is this model.
fn cutaway(model: &TinyModel, args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("model.gguf"), model.to_bytes()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutaway"));
    command.args(["verify"]).args(args).current_dir(dir.path()).env("CUTAWAY_CACHE", dir.path());
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A model whose activations cannot be rounded to eight bits: the norm makes one component of what the first feed-forward
/// network reads ten thousand times as large as the others, and the matrices that read it ignore it. All else of its strip is rounded to
/// nothing, which no budget allows for.
fn outlier() -> TinyModel {
    let mut model = tiny_gguf::named("llama-gqa-q8_0").model();
    for tensor in &mut model.tensors {
        match tensor.name.as_str() {
            "blk.0.ffn_norm.weight" => tensor.bytes[..4].copy_from_slice(&1e4_f32.to_le_bytes()),
            "blk.0.ffn_gate.weight" | "blk.0.ffn_up.weight" => {
                let row_bytes = tensor.bytes.len() / tensor.ne[1];
                tensor.bytes.chunks_exact_mut(row_bytes).for_each(|row| row[2] = 0); // after the scale: input 0
            }
            _ => {}
        }
    }
    model
}

#[test]
fn exit_codes_and_json_say_the_same() {
    let model = tiny_gguf::named("llama-gqa-q4_0").model();
    let output = cutaway(&model, &["-m", "model.gguf", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let view = json(&output);
    assert_eq!((&view["passed"], &view["mode"]), (&Value::Bool(true), &Value::from("locked")));
    for line in view["ops"].as_array().unwrap() {
        assert!(line["hook"].is_string() && line["op"].is_string(), "{line}");
        let number = |key: &str| line[key].as_f64().unwrap_or_else(|| panic!("{key} in {line}"));
        assert!(number("max_abs") >= 0.0 && number("rel_rms") <= number("budget") && number("cosine") > 0.9);
    }
    assert_eq!(view["ops"][0]["hook"], "hook_embed");
    assert!(view["first_divergence"].is_null());
    assert!(view["logits"]["top1"].as_f64().unwrap() > 0.8 && view["logits"]["kl_mean"].as_f64().unwrap() < 0.05);

    let output = cutaway(&outlier(), &["-m", "model.gguf", "--mode", "free", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let view = json(&output);
    assert_eq!((&view["passed"], &view["first_divergence"]["hook"]), (&false.into(), &"blocks.0.mlp.hook_pre".into()));
    let spoken = cutaway(&outlier(), &["-m", "model.gguf", "--mode", "free"]);
    assert_eq!(spoken.status.code(), Some(1));
    let text = String::from_utf8(spoken.stdout).unwrap();
    assert!(
        text.contains("failed: first divergence: blocks.0.mlp.hook_pre (op ffn_gate), prefill of positions 0"),
        "{text}"
    );

    for refused in [["-p", ""], ["--kernels", "mmx"], ["--hook", "blocks.*.attn.hook_qq"], ["-ctk", "f64"]] {
        let output = cutaway(&model, &[&["-m", "model.gguf"][..], &refused].concat());
        assert_eq!(output.status.code(), Some(2), "{refused:?}: {output:?}");
        assert!(output.stdout.is_empty());
    }
}

/// Keys and values that are rounded cost something, and locked mode allows nothing for it.
#[test]
fn every_format_of_the_cache_is_verified() {
    let model = tiny_gguf::named("llama-gqa-f32").model();
    let view = |args: &[&str]| {
        let output = cutaway(&model, &[&["-m", "model.gguf", "--format", "json"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        json(&output)
    };
    let reason = |args: &[&str]| view(&[&["--mode", "free"], args].concat())["ops"][0]["reason"].to_string();
    assert!(reason(&[]).contains("f32 sums"));
    assert!(reason(&["-ctk", "f16", "-ctv", "f16"]).contains("rounded to f16"));
    assert!(reason(&["-ctk", "q8_0", "-ctv", "q8_0"]).contains("rounded to q8_0"));
    assert!(reason(&["-ctv", "q4_0", "-ctk", "f16"]).contains("values rounded to q4_0"));
    assert!(reason(&["-ctk", "q4_0", "-ctv", "f16"]).contains("keys rounded to q4_0"));
    for format in ["f32", "f16", "q8_0", "q4_0"] {
        let ops = view(&["-ctk", format, "-ctv", format])["ops"].clone();
        assert!(ops.as_array().unwrap().iter().all(|line| line["budget"] == 1e-5), "{format}");
    }
}

#[test]
fn a_hook_shows_its_blocks_and_kernels_their_table() {
    let model = tiny_gguf::named("gemma3-q8_0").model();
    let output = cutaway(&model, &["-m", "model.gguf", "--mode", "free", "--hook", "blocks.*.attn.hook_z"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let blocks = text.lines().filter(|line| line.starts_with("blocks.") && line.contains(".attn.hook_z  ")).count();
    assert_eq!(blocks, 6, "{text}");
    assert!(text.contains("passed: all ") && text.contains("the bits of the watched run"), "{text}");

    let output = cutaway(&model, &["kernels", "--kernels", "scalar", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let view = json(&output);
    assert_eq!((&view["passed"], &view["tables"][0]["table"]), (&true.into(), &"scalar".into()));
    let spoken = cutaway(&model, &["kernels"]);
    assert!(String::from_utf8(spoken.stdout).unwrap().contains("passed: every kernel has the bits"));

    // The table of a comparison of both paths, and what belongs to it alone.
    let scalar = cutaway(&model, &["-m", "model.gguf", "--kernels", "scalar", "-n", "0"]);
    assert!(String::from_utf8(scalar.stdout).unwrap().starts_with("optimized path, scalar kernels"));
    assert_eq!(cutaway(&model, &["kernels", "-m", "model.gguf"]).status.code(), Some(2));
}
