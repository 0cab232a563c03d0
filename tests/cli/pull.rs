//! `pull` from outside, as far as it goes without a network: how files are fetched is tested in `cli/fetch/tests.rs`.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the program with its cache in `cache` and nobody at the keyboard; returns (exit code, stdout, stderr).
fn cutaway(cache: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutaway"));
    // Nothing may be found, and nothing answers.
    command.env("CUTAWAY_CACHE", cache).env("HF_HOME", cache.join("hf")).env("HF_ENDPOINT", "http://127.0.0.1:1");
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_list_says_what_is_here() {
    let cache = tempfile::tempdir().unwrap();
    let models = cache.path().join("models");
    std::fs::create_dir(&models).unwrap();
    std::fs::write(models.join("gemma-3-270m-q4_k_m.gguf.part"), "beginning").unwrap();

    let (code, json, _) = cutaway(cache.path(), &["pull", "--list", "--format", "json"]);
    assert_eq!(code, 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let states: Vec<_> =
        json.as_array().unwrap().iter().map(|m| (m["name"].as_str().unwrap(), m["state"].as_str().unwrap())).collect();
    assert_eq!(states[..2], [("gemma3-270m", "partial"), ("smollm2-135m", "absent")]);
    // The embedded model's family needs no pull where there is a checkout.
    assert!(states[2..].iter().all(|(name, state)| name.starts_with("tiny") && *state == "present"), "{states:?}");

    let (code, text, _) = cutaway(cache.path(), &["pull", "--list"]);
    assert_eq!(code, 0);
    assert!(text.contains("partly here") && text.contains("not here"), "{text}");
}

#[test]
fn a_file_of_the_repository_is_copied_from_the_checkout() {
    let cache = tempfile::tempdir().unwrap();
    let (code, json, err) = cutaway(cache.path(), &["pull", "tiny-mqa", "--format", "json"]);
    assert_eq!(code, 0, "{err}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["origin"], "checkout");
    assert!(cache.path().join("models/tiny-mqa.gguf").is_file());
}

#[test]
fn terms_come_first_and_must_be_accepted() {
    let cache = tempfile::tempdir().unwrap();
    let (code, out, err) = cutaway(cache.path(), &["pull", "gemma3-270m"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("gemma3-270m comes under: Gemma Terms of Use"), "{err}");
    assert!(err.contains("cutaway pull gemma3-270m --accept-licence"), "{err}");
    assert!(!cache.path().join("models").exists(), "nothing was begun");
}

#[test]
fn bad_names_say_what_would_be_right() {
    let cache = tempfile::tempdir().unwrap();
    let (code, _, err) = cutaway(cache.path(), &["pull", "smollm3"]);
    assert_eq!(code, 2);
    assert!(err.contains("gemma3-270m, smollm2-135m"), "{err}");

    let (code, _, err) = cutaway(cache.path(), &["inspect", "smollm2-135m"]);
    assert_eq!(code, 2);
    assert!(err.contains("run `cutaway pull smollm2-135m`"), "{err}");

    assert_eq!(cutaway(cache.path(), &["pull"]).0, 2, "a name or --list");
}
