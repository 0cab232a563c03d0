//! `cutaway bench` from outside, on the embedded model and with the smallest settings. No test asserts a time.

use crate::common::{kernel_names, tiny_gguf};
use cutaway::kernels::Kernels;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn cutaway(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutaway"));
    command.current_dir(dir).env("CUTAWAY_CACHE", dir).env("RUST_BACKTRACE", "0").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn spoken(args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let output = cutaway(dir.path(), args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&spoken(&[args, &["--format", "json"]].concat())).unwrap()
}

fn refused(dir: &Path, args: &[&str], why: &[&str]) {
    let output = cutaway(dir, args);
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{args:?}: {stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{args:?}: {stderr}");
    why.iter().for_each(|part| assert!(stderr.contains(part), "{args:?}: expected {part:?} in: {stderr}"));
}

/// Finite and above zero.
#[track_caller]
fn is_positive(value: &Value) {
    assert!(value.as_f64().is_some_and(|x| x.is_finite() && x > 0.0), "{value}");
}

const TINY: [&str; 7] = ["bench", "-p", "8", "-n", "4", "-r", "2"];

#[test]
fn the_json_has_the_keys_that_other_programs_rely_on() {
    let rows = json(&[&TINY[..], &["-d", "0,5", "-t", "1,2,1"]].concat());
    let key = |row: &Value| {
        (row["test"].as_str().unwrap().to_owned(), row["depth"].as_u64().unwrap(), row["threads"].as_u64().unwrap())
    };
    let expected = [1, 2].map(|t| [("pp8", 0, t), ("tg4", 0, t), ("pp8", 5, t), ("tg4", 5, t)]).concat();
    let expected: Vec<_> = expected.into_iter().map(|(test, depth, t)| (test.to_owned(), depth, t)).collect();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.iter().map(key).collect::<Vec<_>>(), expected);
    for row in rows {
        assert_eq!(row["path"], "optimized");
        let samples = row["tokens_per_second"]["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 2);
        samples.iter().for_each(is_positive);
        is_positive(&row["tokens_per_second"]["median"]);
        ["load_seconds", "bytes_per_second", "operations_per_second"].iter().for_each(|key| is_positive(&row[key]));
        assert!(row["machine"]["cores"].as_u64().unwrap() >= 1);
        assert_eq!(row["model"]["sha256"].as_str().unwrap().len(), 64);
        assert!(row["command"].as_str().unwrap().contains("bench -p 8"));
        assert!(row.get("peer").is_none());
    }
    assert_eq!(rows[1]["work"]["passes"], 4);
    assert_eq!(rows[0]["work"]["passes"], 1);
}

#[test]
fn the_text_opens_with_what_was_measured_where() {
    let said = spoken(&[&TINY[..], &["-d", "3", "-t", "1"]].concat());
    let opening: Vec<&str> = said.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for word in ["machine", "program", "model", "command", "test", "pp8", "tg4"] {
        assert!(opening.contains(&word), "no line begins with {word}:\n{said}");
    }
    assert!(said.contains("pp8 @ d3") && said.contains("sha256"));
}

#[test]
fn the_naive_path_is_timed_too() {
    let rows = json(&[&TINY[..], &["--path", "naive", "-t", "2"]].concat());
    for row in rows.as_array().unwrap() {
        assert_eq!((row["path"].as_str(), row["threads"].as_u64()), (Some("naive"), Some(1)), "it has one thread");
        assert!(row.get("kernels").is_none());
        is_positive(&row["tokens_per_second"]["median"]);
    }
}

#[test]
fn what_cannot_be_timed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("gpt2.gguf"), tiny_gguf::named("gpt2-f32").to_bytes()).unwrap();
    for (args, why) in [
        (&["bench", "-p", "0", "-n", "0"][..], &["nothing to time"][..]),
        (&["bench", "-r", "0"], &["-r 0"]),
        (&["bench", "--kernels", "mmx"], &["no kernels 'mmx'", "scalar"]),
        (&["bench", "-m", "absent.gguf"], &["absent.gguf"]),
        (&["bench", "-m", "gpt2.gguf", "-p", "1000000"], &["1000000", "expected 1 to 256"]), // learned positions cannot be stretched
        (&["bench", "--peer", "absent"], &["absent", "llama-bench"]),
        (&["bench", "roofline", "--stream", "0"], &["too short"]),
        (&["bench", "kernels", "--kernels", "mmx"], &["no kernels 'mmx'", "scalar"]),
    ] {
        refused(dir.path(), args, why);
    }
}

#[test]
fn the_roofline_is_measured_and_a_model_has_a_share_of_it() {
    let quick = ["bench", "roofline", "--stream", "1", "-r", "1", "-t", "1,2"];
    let found = json(&[&quick[..], &["-m", "tiny", "-p", "8", "-n", "4"]].concat());
    let ceilings = &found["ceilings"];
    for (list, n) in [("streams", 8), ("sweep", 7), ("dot", 2), ("fma", 2), ("barriers", 1), ("drifts", 2)] {
        assert_eq!(ceilings[list].as_array().unwrap().len(), n, "{list}");
    }
    let tests = found["tests"].as_array().unwrap();
    assert_eq!(tests.len(), 4);
    for test in tests {
        ["bytes_per_second", "of_read_roof", "operations_per_second", "of_compute_roof"]
            .iter()
            .for_each(|key| is_positive(&test["shares"][key]));
    }
    let said = spoken(&quick);
    for part in ["reading memory", "2 MB pages", "registers only", "synchronising", "measured again"] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
    assert!(!said.contains("the model"), "none was named");
}

#[test]
fn every_kernel_is_in_the_table() {
    let quick = ["bench", "kernels", "--pass", "0.01", "-r", "1"];
    let found = json(&quick);
    let (matrix, vector) = (found["matrix"].as_array().unwrap(), found["vector"].as_array().unwrap());
    let available = Kernels::available();
    // 16 formats by 1 to 8 columns, and for those that are no floats a panel with its two steps, and two products with
    // sixteen bits.
    assert_eq!(matrix.len(), available.len() * (16 * 8 + 13 * 5));
    for table in available {
        let timed = matrix.iter().chain(vector).filter(|row| row["kernels"] == table.name);
        let timed = timed.flat_map(|row| row["kernel"].as_str().unwrap().split(" + ")).map(str::to_owned);
        assert_eq!(timed.collect::<BTreeSet<_>>(), kernel_names(&table), "{}", table.name);
    }
    for kernel in matrix {
        is_positive(&kernel["bytes_per_second"]);
        match kernel["kernel"].as_str() {
            Some("expand") => assert!(kernel["macs_per_second"].is_null(), "it multiplies nothing: {kernel}"),
            _ => is_positive(&kernel["macs_per_second"]),
        }
    }
    vector.iter().for_each(|kernel| is_positive(&kernel["per_second"]));
    let said = spoken(&[&quick[..], &["--kernels", "scalar"]].concat());
    assert!(said.contains("Q4_1") && said.contains("rms_norm") && !said.contains("avx"), "{said}");
}

/// A program that answers as llama-bench does: every call is written down, and what it says depends on its flags.
#[cfg(unix)]
fn impostor(dir: &TempDir, name: &str, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.path().join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Prints the flags that a llama-bench has when it is asked for help, and otherwise a run with the speed `$speed`.
#[cfg(unix)]
const ANSWER: &str = r#"
if [ "$1" = --help ]; then echo "--n-prompt --n-gen --threads --output <jsonl> --n-depth --flash-attn"; exit; fi
echo "$*" >> calls
speed=100; case "$*" in *"-fa 1"*) speed=200;; esac
while [ $# -gt 0 ]; do case "$1" in -p) p=$2;; -n) n=$2;; -t) t=$2;; -d) d=$2;; -m) m=$2;; esac; shift; done
echo "{\"build_commit\": \"abc\", \"model_filename\": \"$m\", \"n_threads\": $t, \"type_k\": \"f16\", \"type_v\": \"f16\","\
" \"n_prompt\": $p, \"n_gen\": $n, \"n_depth\": ${d:-0}, \"avg_ts\": $speed, \"samples_ts\": [ $speed ]}"
"#;

#[cfg(unix)]
#[test]
fn a_peer_is_measured_by_turns_in_its_best_configuration() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("model.gguf"), tiny_gguf::named("llama-gqa-q8_0").to_bytes()).unwrap();
    let peer = impostor(&dir, "peer", ANSWER);
    let args = ["bench", "-m", "model.gguf", "-p", "0", "-n", "4", "-d", "3", "-t", "1", "-r", "3", "--peer", &peer];
    let output = cutaway(dir.path(), &[&args[..], &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &rows[0]["peer"];
    assert_eq!((found["commit"].as_str(), found["flags"][1].as_str()), (Some("abc"), Some("1")), "{found}");
    assert_eq!(found["tried"].as_array().unwrap().len(), 2);
    let pairs = found["ratio"]["pairs"].as_array().unwrap();
    let ours = rows[0]["tokens_per_second"]["samples"].as_array().unwrap();
    assert_eq!((pairs.len(), ours.len()), (3, 3));
    for (pair, ours) in pairs.iter().zip(ours) {
        assert!((pair.as_f64().unwrap() - ours.as_f64().unwrap() / 200.0).abs() < 1e-12);
    }
    // Two tries, then one run for each pair, all with the test that was asked for.
    let calls = std::fs::read_to_string(dir.path().join("calls")).unwrap();
    assert_eq!(calls.lines().count(), 5);
    assert!(calls.lines().all(|call| call.contains("-p 0 -n 4 -t 1 -r 1") && call.contains("-d 3")), "{calls}");
    assert!(calls.lines().skip(2).all(|call| call.ends_with("-fa 1")), "{calls}");

    let said = text(&cutaway(dir.path(), &args).stdout);
    assert!(said.contains("with -fa 1 (commit abc)") && said.contains("95 % interval"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_peer_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("model.gguf"), tiny_gguf::named("llama-gqa-q8_0").to_bytes()).unwrap();
    let model = ["bench", "-m", "model.gguf", "-p", "2", "-n", "0", "-r", "1", "--format", "json", "--peer"];
    let other = impostor(&dir, "other", "echo usage");
    refused(dir.path(), &[&model[..], &[&other]].concat(), &["is not llama-bench", "--n-prompt"]);
    let failing = impostor(&dir, "failing", &ANSWER.replace("speed=100", "echo no such model >&2; exit 3"));
    refused(dir.path(), &[&model[..], &[&failing]].concat(), &["exit status: 3", "no such model", "-p 2"]);
    let deaf = impostor(&dir, "deaf", &ANSWER.replace("\\\"n_prompt\\\": $p", "\\\"n_prompt\\\": 99"));
    refused(dir.path(), &[&model[..], &[&deaf]].concat(), &["a prompt of 2 and ran 99"]);
    let mute = impostor(&dir, "mute", &ANSWER.replace("speed=100", "exit 0"));
    refused(dir.path(), &[&model[..], &[&mute]].concat(), &["no run in it"]);
    let ours = impostor(&dir, "peer", ANSWER);
    refused(dir.path(), &["bench", "--peer", &ours, "--format", "json"], &["embedded model", "-m"]);
}
