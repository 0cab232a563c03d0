//! What llama-bench printed is understood, and what it should not print is refused.

use super::*;
use crate::kv_cache::KvFormat;

const F16: KvFormats = KvFormats { k: KvFormat::F16, v: KvFormat::F16 };

/// `llama-bench -m model.gguf -p 16 -n 4 -t 1 -r 2 -d 8 -fa 0 --repack 0 -o jsonl` of llama.cpp 0c1e570, the path shortened.
const RECORDED: &str = include_str!("../../../tests/golden/bench/llama_bench.jsonl");

fn pp(n: usize) -> Test {
    Test { kind: TestKind::Prompt(n), depth: 8 }
}

#[test]
fn a_recorded_output_is_understood() {
    let runs = parse(RECORDED).unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!((runs[0].n_prompt, runs[0].n_gen, runs[0].n_depth, runs[0].n_threads), (16, 0, 8, 1));
    assert_eq!((runs[1].n_prompt, runs[1].n_gen), (0, 4));
    assert_eq!(runs[0].samples_ts, [219.246, 220.103]);
    assert_eq!((runs[1].avg_ts, runs[1].build_commit.as_str()), (134.616500, "0c1e570"));
}

#[test]
fn an_array_and_a_banner_are_understood_too() {
    let lines: Vec<&str> = RECORDED.lines().collect();
    assert_eq!(parse(&format!("[\n{}\n]", lines.join(",\n"))).unwrap(), parse(RECORDED).unwrap());
    assert_eq!(parse(&format!("warning: asserts enabled\n{RECORDED}")).unwrap(), parse(RECORDED).unwrap());
}

#[test]
fn only_the_test_that_was_asked_for_counts() {
    let of = |test: Test, threads: usize, model: &str| PeerRun::of(RECORDED, test, threads, model, F16);
    assert_eq!(of(pp(16), 1, "model.gguf").unwrap().avg_ts, 219.674601);
    let tg = Test { kind: TestKind::Generate(4), depth: 8 };
    for (wrong, expected) in [
        (of(pp(17), 1, "model.gguf"), "a prompt of 17 and ran 16"),
        (of(tg, 1, "model.gguf"), "a prompt of 0 and ran 16"),
        (of(Test { depth: 0, ..pp(16) }, 1, "model.gguf"), "a depth of 0 and ran 8"),
        (of(pp(16), 2, "model.gguf"), "threads: 2 and ran 1"),
        (of(pp(16), 1, "other.gguf"), "the model other.gguf and ran model.gguf"),
    ] {
        let said = wrong.unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let q8 = RECORDED.replace("\"type_v\": \"f16\"", "\"type_v\": \"q8_0\"");
    let said = PeerRun::of(&q8, pp(16), 1, "model.gguf", F16).unwrap_err().to_string();
    assert!(said.contains("f16, q8_0"), "{said}");
}

/// `llama-bench -m model.gguf -t 1 -p 0 -n 0 -gp 64,8 -o json` of ik_llama.cpp, shortened.
#[test]
fn a_generation_after_a_prompt_is_one_at_depth() {
    let output = r#"[{"model_filename": "m", "n_threads": 1, "type_k": "f16", "type_v": "f16", "n_prompt": 64, "n_gen": 8,
        "test": "tg8@pp64", "avg_ts": 151.86, "samples_ts": [ 152.608, 151.112 ]}]"#;
    let test = Test { kind: TestKind::Generate(8), depth: 64 };
    assert_eq!(PeerRun::of(output, test, 1, "m", F16).unwrap().n_depth, 64);
    let together = output.replace("tg8@pp64", "pp64+tg8"); // a prompt and a generation, timed together
    let said = PeerRun::of(&together, test, 1, "m", F16).unwrap_err().to_string();
    assert!(said.contains("a prompt of 0 and ran 64"), "{said}");
}

#[test]
fn anything_else_is_refused_with_what_was_found() {
    for (output, expected) in [
        ("", "no run in it"),
        ("hello", "hello"),
        ("{\"n_prompt\": 1}", "missing field"),
        ("{\"n_prompt\": ", "EOF"),
        ("[1, 2]", "invalid type"),
    ] {
        let said = parse(output).unwrap_err().to_string();
        assert!(said.contains(expected), "{output}: {said}");
    }
    let standing = RECORDED.replace("[ 219.246, 220.103 ]", "[ 0.0 ]");
    assert!(PeerRun::of(&standing, pp(16), 1, "model.gguf", F16).unwrap_err().to_string().contains("no speeds"));
}

#[test]
fn the_best_configuration_is_the_fastest() {
    let tried = |speed: f64| Configuration { flags: vec![speed.to_string()], tokens_per_second: speed };
    assert_eq!(best(&[tried(3.0), tried(9.0), tried(5.0)]), Some(&tried(9.0)));
    assert_eq!(best(&[]), None);
}
