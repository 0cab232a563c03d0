//! Special tokens around a prompt, from outside: BOS and EOS, a doubled BOS, a stop sequence that is one special token,
//! and the trace of merges of a long text. The embedded model runs, and a small random one.

use crate::common::tiny_gguf;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cutaway"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn json(args: &[&str]) -> Value {
    serde_json::from_slice(&run(&[args, &["--format", "json"]].concat(), "").stdout).unwrap()
}

/// The file asks for EOS: `tokenize` shows it, but no prompt ends with it.
#[test]
fn a_prompt_never_ends_with_eos() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.gguf");
    let mut model = tiny_gguf::named("llama-gqa-q8_0").model();
    model.metadata.insert("tokenizer.ggml.add_bos_token", true).unwrap();
    model.metadata.insert("tokenizer.ggml.add_eos_token", true).unwrap();
    std::fs::write(&file, model.to_bytes()).unwrap();
    let file = file.to_str().unwrap();

    let shown: Vec<Value> = json(&["tokenize", "-m", file, "ab"])["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["id"].clone())
        .collect();
    let Some((_eos, prompt)) = shown.split_last() else { panic!("no tokens") };
    let generated = json(&["generate", "-m", file, "-p", "ab", "-n", "1", "--temp", "0"]);
    assert_eq!(generated["prompt_tokens"].as_array().unwrap(), prompt);
    assert_eq!(json(&["logits", "-m", file, "-p", "ab"])["tokens"].as_array().unwrap(), prompt);
}

#[test]
fn a_doubled_bos_is_announced_in_one_line() {
    let warnings = |args: &[&str]| String::from_utf8_lossy(&run(args, "").stderr).matches("BOS twice ('<s>')").count();
    for (text, expected) in [("<s>Once upon", 1), ("Once upon", 0), ("Once <s><s>", 0)] {
        assert_eq!(warnings(&["generate", "-p", text, "-n", "1", "--temp", "0"]), expected, "{text}");
        assert_eq!(warnings(&["logits", "-p", text]), expected, "{text}");
        assert_eq!(warnings(&["tokenize", text]), expected, "{text}");
        assert_eq!(warnings(&["tokenize", "--no-bos", text]), 0, "{text}");
    }
    assert_eq!(
        json(&["generate", "-p", "<s>Once upon", "-n", "1"])["prompt_tokens"],
        serde_json::json!([1, 1, 671, 623])
    );
}

/// The model ends its turn with `<|im_end|>`: as a stop sequence it stops, whether it is shown or not.
#[test]
fn a_special_token_stops_shown_or_not() {
    let prompt = "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n";
    let args = ["generate", "-p", prompt, "--temp", "0", "-n", "24", "--ignore-eos", "--stop", "<|im_end|>"];
    let hidden = json(&args);
    let shown = json(&[&args[..], &["--special"]].concat());
    assert_eq!((&hidden["stop_reason"], &shown["stop_reason"]), (&"stop_sequence".into(), &"stop_sequence".into()));
    assert_eq!(hidden["tokens"], shown["tokens"]);
    assert_eq!(hidden["text"], shown["text"]);
    // Another stop sequence does not stop there.
    let other = json(&[&args[..9], &["<|im_start|>"]].concat());
    assert_ne!(other["tokens"], hidden["tokens"]);
}

/// A line for each merge, none of which grows with the text.
#[test]
fn merges_of_a_long_text_are_short_lines() {
    let text = "a".repeat(20_000);
    let output = run(&["tokenize", "--merges"], &text);
    let longest = output.stdout.split(|&byte| byte == b'\n').map(<[u8]>::len).max().unwrap();
    assert!(longest < 1000, "{longest} bytes");
    let view = run(&["tokenize", "--merges", "--format", "json"], &"ab".repeat(2_000));
    let view: Value = serde_json::from_slice(&view.stdout).unwrap();
    let merges = view["merges"].as_array().unwrap();
    assert!(merges.len() >= 2_000);
    assert!(merges.iter().all(|merge| merge["word"].as_str().unwrap().len() < 1000));
    assert!(merges[1000]["word"].as_str().unwrap().starts_with("… "));
}
