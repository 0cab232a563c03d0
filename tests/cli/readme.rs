//! The README shows what the programs print and what the source says.

use crate::common::cache;
use std::process::Command;

/// The text blocks of the README, without their fences.
fn blocks() -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    readme.split("```").skip(1).step_by(2).map(str::to_owned).collect()
}

/// The block whose second line, behind `$ `, is this command; without these two lines.
fn shown(command: &str) -> String {
    let prompt = format!("text\n$ {command}\n");
    let block = blocks().into_iter().find_map(|block| block.strip_prefix(&prompt).map(str::to_owned));
    block.unwrap_or_else(|| panic!("the README does not show `{command}`"))
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn the_planted_mistake_is_named_as_shown() {
    // Cargo builds the examples beside the tests.
    let deps = std::env::current_exe().unwrap();
    let example = deps.ancestors().nth(2).unwrap().join("examples/my_attention");
    let missing = "only `cargo test` without `--test` builds the examples";
    let output =
        Command::new(&example).output().unwrap_or_else(|error| panic!("{}: {error}; {missing}", example.display()));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(words(&said), words(&shown("cargo run --release --example my_attention")));
}

#[test]
fn inspect_prints_what_is_shown() {
    if cache::model("SmolLM2-135M-Instruct.Q4_1.gguf").is_none() {
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_cutaway")).args(["inspect", "smollm2-135m"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let shown = shown("cutaway inspect smollm2-135m");
    let mut printed = said.lines();
    for line in shown.lines().filter(|line| *line != "…") {
        assert!(printed.any(|printed| printed == line), "not printed, or not in this order: {line}");
    }
}

#[test]
fn the_block_is_that_of_the_source() {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/naive/transformer.rs")).unwrap();
    let block =
        blocks().into_iter().find(|block| block.starts_with("rust\nfn block(")).expect("the README shows a block");
    let mut lines = source.lines().skip_while(|line| line.trim() != "fn block(").map(str::trim);
    for line in block.lines().skip(2).map(str::trim).filter(|line| !line.is_empty()) {
        assert!(lines.any(|found| found == line), "not in the source, or not in this order: {line}");
    }
}
