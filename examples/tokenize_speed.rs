//! How fast is the tokenizer? `cargo run --release --example tokenize_speed MODEL.gguf TEXT [REPEATS]`
//!
//! Prints megabytes per second of encoding and of decoding, for the text and for 1 MB each of two hard cases: one
//! letter repeated, and spaces. Medians of several runs, one thread.

use std::time::Instant;

use anyhow::Context;
use cutaway::gguf::Gguf;
use cutaway::tokenizer::{EncodeOptions, Tokenizer};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (model, text) = args.next().zip(args.next()).context("usage: tokenize_speed MODEL.gguf TEXT [REPEATS]")?;
    let repeats: usize = args.next().map_or(Ok(5), |n| n.parse())?;

    let start = Instant::now();
    let gguf = Gguf::open(model.as_ref())?;
    let tokenizer = Tokenizer::from_metadata(gguf.metadata())?;
    println!("{tokenizer:?} loaded in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);

    let text = std::fs::read_to_string(text)?;
    println!("{:<16} {:>8} {:>9} {:>13} {:>13} {:>9}", "text", "MB", "tokens", "encode MB/s", "decode MB/s", "ms");
    for (name, text) in [("file", text), ("a × 1 MB", "a".repeat(1 << 20)), ("space × 1 MB", " ".repeat(1 << 20))] {
        let ids = tokenizer.encode(&text, EncodeOptions::default());
        let encode = median(repeats, || tokenizer.encode(&text, EncodeOptions::default()).len());
        let decode = median(repeats, || tokenizer.decode(&ids, true).len());
        let megabytes = text.len() as f64 / 1e6;
        println!(
            "{name:<16} {megabytes:>8.2} {:>9} {:>13.1} {:>13.1} {:>9.1}",
            ids.len(),
            megabytes / encode,
            megabytes / decode,
            encode * 1e3
        );
    }
    Ok(())
}

/// Median seconds of a run.
fn median(repeats: usize, mut run: impl FnMut() -> usize) -> f64 {
    let mut seconds: Vec<f64> = (0..repeats.max(1))
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(run());
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
