//! `profile`: the table, the files, and what is refused.

use crate::program::{Place, text};
use serde_json::Value;

const SHORT: [&str; 8] = ["profile", "-m", "model.gguf", "-p", "abc", "-n", "3", "--no-roofs"];

fn run(place: &Place, more: &[&str]) -> String {
    let args: Vec<&str> = SHORT.iter().chain(more).copied().collect();
    let output = place.run(&args);
    assert_eq!(output.status.code(), Some(0), "{more:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path().join(name)).unwrap()
}

#[test]
fn the_table_has_the_parts_of_both_phases() {
    let place = Place::new();
    for path in ["optimized", "naive"] {
        let table = run(&place, &["--path", path]);
        for expected in
            ["prefill", "decode", "attention", "feed_forward", "norms", "unembedding", "sampling", "a token"]
        {
            assert!(table.contains(expected), "{path}: no {expected} in\n{table}");
        }
    }
    assert!(run(&place, &["--by", "op"]).contains("attn_q + attn_k + attn_v"), "what ran as one is one line");
    assert!(run(&place, &["--by", "layer"]).contains("block   1"));
    let lines: Value = serde_json::from_str(&run(&place, &["--format", "json"])).unwrap();
    let shares: f64 = lines
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["phase"] == "decode" && line["name"] != "a token")
        .map(|line| line["share"].as_f64().unwrap())
        .sum();
    assert!((0.9..1.1).contains(&shares), "{shares}");
}

#[test]
fn counting_knows_no_time() {
    let place = Place::new();
    let table = run(&place, &["--mode", "count", "--jsonl", "run.jsonl"]);
    assert!(table.contains("FLOP/token") && !table.contains("GB/s"), "{table}");
    assert!(
        read(&place, "run.jsonl")
            .lines()
            .filter(|line| line.contains("\"ev\":\"op\""))
            .all(|l| l.contains("\"dt_ns\":0"))
    );
}

#[test]
fn every_file_is_written_and_a_report_can_be_made_of_the_events() {
    let place = Place::new();
    run(
        &place,
        &[
            "--mode",
            "trace",
            "-t",
            "2",
            "--jsonl",
            "run.jsonl",
            "--perfetto",
            "trace.json",
            "--folded",
            "stacks.txt",
            "--csv",
            "ops.csv",
        ],
    );
    let events = read(&place, "run.jsonl");
    let lines: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["ev"], &lines.last().unwrap()["ev"]), (&"run".into(), &"end".into()));
    let count = |ev: &str| lines.iter().filter(|line| line["ev"] == ev).count();
    assert!(count("span") > 0 && count("op") > 0 && count("token") == 4, "{} spans", count("span"));
    assert_eq!(read(&place, "ops.csv").lines().count(), count("op") + 1);
    let trace: Value = serde_json::from_str(&read(&place, "trace.json")).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().len() > count("op"));
    assert!(read(&place, "stacks.txt").lines().all(|line| line.rsplit(' ').next().unwrap().parse::<u64>().is_ok()));
    assert_eq!(place.run(&["report", "run.jsonl"]).status.code(), Some(0));
    assert!(read(&place, "run.html").contains("<svg"));
}

#[test]
fn some_steps_can_be_left_out() {
    let place = Place::new();
    run(&place, &["--skip", "2", "--active", "1", "--jsonl", "run.jsonl"]);
    let events = read(&place, "run.jsonl");
    let lines = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let steps: Vec<Value> = lines.map(|line| line["step"].clone()).filter(|step| !step.is_null()).collect();
    assert!(!steps.is_empty() && steps.iter().all(|step| step == 2), "{steps:?}");
}

/// The parts of a token add up to it: nothing is counted twice or lost.
#[test]
fn the_parts_of_a_token_are_the_token() {
    let place = Place::new();
    let lines: Vec<Value> = serde_json::from_str(&run(&place, &["--format", "json"])).unwrap();
    for phase in ["prefill", "decode"] {
        let of_phase: Vec<&Value> = lines.iter().filter(|line| line["phase"] == phase).collect();
        let seconds = |line: &Value| line["seconds_per_token"].as_f64().unwrap();
        let (token, parts): (Vec<&Value>, Vec<&Value>) =
            of_phase.into_iter().partition(|line| line["name"] == "a token");
        let sum: f64 = parts.iter().map(|line| seconds(line)).sum();
        assert!((sum / seconds(token[0]) - 1.0).abs() < 1e-6, "{phase}: {sum} of {lines:#?}");
        assert!(parts.iter().any(|line| line["name"] == "between operations" && seconds(line) > 0.0), "{parts:#?}");
    }
}

/// Only the steps that are kept need room, and only their values become files.
#[test]
fn what_is_left_out_takes_no_room() {
    let place = Place::new();
    let values = ["--mode", "activations", "--hooks", "blocks.0.attn.hook_q", "--npy", "values"];
    run(&place, &[&values[..], &["--skip", "2", "--active", "1"]].concat());
    let names: Vec<_> =
        std::fs::read_dir(place.path().join("values")).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(names, ["blocks.0.attn.hook_q.step2.npy"]);
}

#[test]
fn values_are_files_for_numpy() {
    let place = Place::new();
    let table =
        run(&place, &["--path", "naive", "--mode", "activations", "--npy", "values", "--hooks", "blocks.0.attn.*"]);
    assert!(table.contains("blocks.0.attn.hook_pattern") && !table.contains("blocks.1"), "{table}");
    let names: Vec<String> = std::fs::read_dir(place.path().join("values"))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.contains(&"blocks.0.attn.hook_q.step0.npy".to_owned()), "{names:?}");
    assert!(names.contains(&"blocks.0.attn.hook_q.step3.npy".to_owned()), "a file for each step: {names:?}");
    let file = std::fs::read(place.path().join("values/blocks.0.attn.hook_q.step1.npy")).unwrap();
    assert!(file.starts_with(b"\x93NUMPY\x01\x00"));
}

#[test]
fn what_cannot_be_is_refused() {
    let place = Place::new();
    let with = |more: &[&'static str]| SHORT.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    place.refused(&with(&["--hooks", "*"]), &["--mode activations"]);
    place.refused(&with(&["--mode", "activations", "--hooks", "blocks.*.hook_nothing"]), &["hook_nothing"]);
    std::fs::write(place.path().join("file"), "").unwrap();
    place.refused(&with(&["--jsonl", "file/run.jsonl"]), &["cannot write file/run.jsonl"]);
    place.refused(&with(&["--skip", "500"]), &["no step is left", "--skip 500"]);
    place.refused(&with(&["--active", "0"]), &["--active 0"]);
    place.refused(&with(&["--mode", "count", "--perfetto", "trace.json"]), &["--perfetto", "--mode profile"]);
    place.refused(&with(&["--mode", "activations", "--folded", "stacks.txt"]), &["--folded", "--mode profile"]);
    if cfg!(target_os = "linux") {
        place.refused(&with(&["--csv", "/dev/full"]), &["cannot write /dev/full", "No space left"]);
    }
}
