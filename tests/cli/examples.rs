//! Every example of every `--help` is run as it stands, on the real models.

use crate::common::cache;
use std::path::Path;
use std::process::{Command, Stdio};

fn help(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cutaway")).args(args).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The command lines under "Examples:".
fn examples(help: &str) -> Vec<String> {
    let under = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    under.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

fn commands() -> Vec<String> {
    let help = help(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    listed.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_example_runs() {
    if cache::model("SmolLM2-135M-Instruct.Q4_1.gguf").is_none() || cache::model("gemma-3-270m-q4_k_m.gguf").is_none() {
        return;
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_cutaway"));
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    // Examples speak of `model.gguf`, of `README.md`, and of recorded runs: all are here.
    let dir = tempfile::tempdir().unwrap();
    let tiny = crate::common::tiny_gguf::named("llama-gqa-q8_0").to_bytes();
    std::fs::write(dir.path().join("model.gguf"), tiny).unwrap();
    std::fs::copy("README.md", dir.path().join("README.md")).unwrap();
    for name in ["run.jsonl", "before.jsonl", "after.jsonl"] {
        std::fs::copy("tests/golden/record/run.jsonl", dir.path().join(name)).unwrap();
    }

    let mut pages = vec![help(&["--help"])];
    pages.extend(commands().iter().map(|name| help(&[name, "--help"])));
    for page in pages {
        let examples = examples(&page);
        assert!(!examples.is_empty(), "no examples in:\n{page}");
        for example in examples {
            println!("$ {example}");
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(&example).env("PATH", &path).current_dir(dir.path()).stdin(Stdio::null());
            let output = shell.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{example}\n{said}");
            assert!(!output.stdout.is_empty() || example.starts_with("cutaway chat -m"), "{example} says nothing");
        }
    }
}
