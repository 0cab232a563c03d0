//! Peak memory while a real model is loaded and packed: its packed weights, and hardly anything of the file besides.
//!
//! It is the only test of its program, because the system counts memory by process. Only on Linux, which reports the peak.

#![cfg(target_os = "linux")]

mod common;

use common::cache;
use cutaway::gguf::Gguf;
use cutaway::model::{LoadOptions, Model};
use cutaway::optimized::{Options, Transformer};
use std::sync::Arc;
use std::time::Instant;

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// The smaller model first: a peak never falls.
#[test]
fn weights_are_never_twice_in_memory() {
    for file in ["SmolLM2-135M-Instruct.Q4_1.gguf", "gemma-3-270m-q4_k_m.gguf"] {
        let Some(path) = cache::model(file) else { return };
        let gguf = Arc::new(Gguf::open(&path).unwrap());
        let file_bytes = gguf.file_bytes();
        let model = Model::load(gguf, LoadOptions::default()).unwrap();
        let started = Instant::now();
        let ready = Transformer::new(&model, Options::default()).unwrap();
        let packing = started.elapsed();
        let ratio = peak() as f64 / file_bytes as f64;
        println!("{file}: packed {} bytes in {packing:.2?}; peak {ratio:.2} times the file", ready.packed_bytes());
        assert!(ready.packed_bytes() as f64 <= 1.03 * file_bytes as f64, "the packed weights grew");
        assert!(ratio < 1.3, "peak memory is {ratio:.2} times the file");
    }
}
