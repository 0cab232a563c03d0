//! Where the system has no memory, the program says so and ends with exit code 2: it is never aborted.
//!
//! Each test finds by bisection how much address space (`ulimit -v`) a run needs, and then gives it a little less or lets
//! it need a little more. Linux only: elsewhere such a limit does not exist or does not hold.

#![cfg(target_os = "linux")]

mod common;
#[path = "common/program.rs"]
mod program;

use common::tiny_gguf::{TinyModel, TinyTensor, named};
use cutaway::quant::{GgmlType, quantize};
use program::{Place, text};
use std::process::{Command, Output, Stdio};

const MB: usize = 1024; // `ulimit -v` counts kilobytes

/// A llama of one block. Its matrices are few bytes in the file, and its keys and values as wide as asked for.
fn model(n_head: usize, head_dim: usize, n_ff: usize, n_ctx: u32) -> TinyModel {
    const N_EMBD: usize = 32;
    let mut model = named("llama-gqa-f32").model();
    let n_vocab = cutaway::model::Model::load(model.gguf(), Default::default()).unwrap().config.n_vocab;
    for (key, value) in [
        ("block_count", 1),
        ("embedding_length", N_EMBD as u32),
        ("context_length", n_ctx),
        ("feed_forward_length", n_ff as u32),
        ("attention.head_count", n_head as u32),
        ("attention.head_count_kv", n_head as u32),
        ("attention.key_length", head_dim as u32),
        ("attention.value_length", head_dim as u32),
        ("rope.dimension_count", head_dim as u32),
    ] {
        model.set(key, value);
    }
    let tensor = |name: &str, ty: GgmlType, ne: &[usize]| {
        let n: usize = ne.iter().product();
        let values: Vec<f32> = (0..n).map(|i| ((i * 2_654_435_761) % 1000) as f32 / 5000.0 - 0.1).collect();
        let mut bytes = vec![0; ty.row_bytes(n).unwrap()];
        quantize(ty, &values, &mut bytes).unwrap();
        TinyTensor { name: name.to_owned(), ty, ne: ne.to_vec(), bytes }
    };
    let matrix = |name: &str, n_in: usize, n_out: usize| tensor(name, GgmlType::Q4_0, &[n_in, n_out]);
    let width = n_head * head_dim;
    model.tensors = vec![
        matrix("token_embd.weight", N_EMBD, n_vocab),
        tensor("output_norm.weight", GgmlType::F32, &[N_EMBD]),
        tensor("blk.0.attn_norm.weight", GgmlType::F32, &[N_EMBD]),
        matrix("blk.0.attn_q.weight", N_EMBD, width),
        matrix("blk.0.attn_k.weight", N_EMBD, width),
        matrix("blk.0.attn_v.weight", N_EMBD, width),
        matrix("blk.0.attn_output.weight", width, N_EMBD),
        tensor("blk.0.ffn_norm.weight", GgmlType::F32, &[N_EMBD]),
        matrix("blk.0.ffn_gate.weight", N_EMBD, n_ff),
        matrix("blk.0.ffn_up.weight", N_EMBD, n_ff),
        matrix("blk.0.ffn_down.weight", n_ff, N_EMBD),
    ];
    model
}

/// Runs the program with so many kilobytes of address space.
fn run(place: &Place, limit: usize, args: &[&str]) -> Output {
    let script = format!("ulimit -v {limit} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_cutaway")]).args(args).current_dir(place.path());
    command.stdin(Stdio::null()).env("CUTAWAY_CACHE", place.path()).env("RUST_BACKTRACE", "0");
    command.output().unwrap()
}

/// Kilobytes with which a run succeeds; with a few hundred less it does not.
fn needed(place: &Place, args: &[&str]) -> usize {
    let succeeds = |limit: usize| run(place, limit, args).status.code() == Some(0);
    let (mut too_little, mut enough) = (8 * MB, 1024 * MB);
    assert!(succeeds(enough) && !succeeds(too_little), "{args:?}: the limits say nothing");
    while enough - too_little > MB / 4 {
        let middle = (enough + too_little) / 2;
        if succeeds(middle) { enough = middle } else { too_little = middle }
    }
    enough
}

/// Refused in one sentence that has `why` in it.
#[track_caller]
fn refused(output: &Output, why: &str, context: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{context}: {:?}, {said}", output.status);
    assert!(said.starts_with("error: ") && said.contains(why), "{context}: expected `{why}` in: {said}");
}

/// The cache needs another page in the middle of an answer, and there is none: what was said stays.
#[test]
fn an_answer_ends_where_the_cache_finds_no_page() {
    let place = Place::new();
    place.write("wide.gguf", &model(64, 128, 32, 4096).to_bytes()); // a page of 256 positions takes 8 MB
    let args = |n: &'static str| {
        [
            "generate",
            "-m",
            "wide.gguf",
            "-p",
            "a",
            "--ignore-eos",
            "-t",
            "1",
            "--temp",
            "0",
            "-ctk",
            "f32",
            "-ctv",
            "f32",
            "-n",
            n,
        ]
    };
    // With a little more memory, weights may get larger pages, which leaves less for the cache: so the limit goes up in steps,
    // until the first page is there and the second is not.
    let limit = needed(&place, &args("2"));
    let outputs = (1..64).map(|step| run(&place, limit + 2 * step * MB, &args("300")));
    let spoke = outputs.take_while(|output| output.status.code() != Some(0)).inspect(|output| {
        refused(output, "no memory for the KV cache: 1 more pages of 16777216 bytes", "a page");
    });
    let longest = spoke.map(|output| output.stdout.len()).max();
    assert!(longest > Some(50), "the text so far has {longest:?} bytes");
}

/// Whatever of a model finds no memory: its file, its packed or decoded weights, buffers, the first page of the cache.
#[test]
fn a_model_that_finds_no_memory_is_refused() {
    let place = Place::new();
    place.write("large.gguf", &model(16, 64, 1 << 16, 64).to_bytes());
    for (path, why) in [("naive", "weights as plain numbers"), ("optimized", "of packed weights")] {
        let args = ["generate", "-m", "large.gguf", "-p", "a", "-n", "1", "-t", "1", "--path", path];
        let enough = needed(&place, &args);
        let mut reasons = Vec::new();
        for missing in [1, 2, 5, 8, 11] {
            let output = run(&place, enough - missing * MB, &args);
            refused(&output, "memory", &format!("{path}, {missing} MB less"));
            reasons.push(text(&output.stderr));
        }
        assert!(reasons.iter().any(|said| said.contains(why)), "{path}: none says `{why}`: {reasons:?}");
    }
}

/// A short context does not pay for the page of a long one: keys and values of 2¹⁶ numbers, eight positions.
#[test]
fn a_page_is_no_longer_than_the_context() {
    let place = Place::new();
    place.write("wide.gguf", &model(512, 128, 32, 4096).to_bytes());
    for path in ["naive", "optimized"] {
        let args =
            ["generate", "-m", "wide.gguf", "-p", "a", "-n", "2", "-t", "1", "--ignore-eos", "--path", path, "-c", "8"];
        let output = run(&place, 200 * MB, &args); // 256 positions alone would take 64 MB in f16, 128 MB in f32
        assert_eq!(output.status.code(), Some(0), "{path}: {}", text(&output.stderr));
    }
}
