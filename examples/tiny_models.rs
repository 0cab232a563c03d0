//! Writes the small random models that the tests use into a directory, one GGUF file per case, and lists them.
//!
//! ```text
//! cargo run --release --example tiny_models -- DIR          # those that the goldens are made from
//! cargo run --release --example tiny_models -- DIR --all    # every variant in every tensor format
//! ```
//!
//! Each line of the list is a file's name and the context size to load it with, separated by a tab.

use std::error::Error;
use std::path::PathBuf;

#[path = "../tests/common/tiny_gguf.rs"]
mod tiny_gguf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().ok_or("usage: tiny_models DIR [--all]")?);
    let cases = match args.next().as_deref() {
        None => tiny_gguf::cases(),
        Some("--all") => tiny_gguf::all_cases(),
        Some(other) => return Err(format!("unknown argument {other}; usage: tiny_models DIR [--all]").into()),
    };
    std::fs::create_dir_all(&dir)?;
    for case in cases {
        let file = format!("{}.gguf", case.name);
        std::fs::write(dir.join(&file), case.model().try_to_bytes()?)?;
        println!("{file}\t{}", case.variant.n_ctx);
    }
    Ok(())
}
