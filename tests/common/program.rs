//! The program as a process, in a directory of its own.

#![allow(dead_code, unreachable_pub)] // each test uses its part

use super::common::tiny_gguf;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A directory with `model.gguf` in it, the small llama of the tests.
pub struct Place {
    dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        let mut model = tiny_gguf::named("llama-gqa-q8_0").model();
        model.metadata.insert("tokenizer.ggml.add_bos_token", true).unwrap();
        place.write("model.gguf", &model.to_bytes());
        place
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with_input(args, "")
    }

    pub fn run_with_input(&self, args: &[&str], input: impl AsRef<[u8]>) -> Output {
        let mut child = cutaway(self.dir.path()).args(args).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_ref()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Standard output of a command that must succeed, as JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    /// A command that must be refused: exit code 2, nothing on standard output, one line that says why.
    pub fn refused(&self, args: &[&str], why: &[&str]) {
        let output = self.run(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{args:?}: one line, found:\n{stderr}");
        assert!(stderr.starts_with("error: "), "{args:?}: {stderr}");
        for part in why {
            assert!(stderr.contains(part), "{args:?}: expected {part:?} in: {stderr}");
        }
    }
}

pub fn cutaway(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutaway"));
    command.current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("CUTAWAY_CACHE", dir).env("RUST_BACKTRACE", "0");
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
