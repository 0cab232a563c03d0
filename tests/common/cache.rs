//! Finds files that are too large for the repository: real models and vocabularies, fetched into a cache.
//!
//! The cache is the one that `cutaway pull` fills: `$CUTAWAY_CACHE`, else `$XDG_CACHE_HOME/cutaway`, else
//! `~/.cache/cutaway`, with models in `models/` and vocabularies in `vocabs/` (see `.ci/fetch-vocabs`). A test that does not find its file says so in one
//! line and passes; with `CUTAWAY_REQUIRE_MODELS=1` it fails instead.

#![allow(dead_code, unreachable_pub)] // every test crate uses its own part of this

use std::path::PathBuf;

/// Where the fetched files are.
pub fn directory() -> PathBuf {
    cutaway::model::known::cache_dir().unwrap_or_else(|_| PathBuf::from(".cache/cutaway"))
}

/// A model by its file name, e.g. `SmolLM2-135M-Instruct.Q4_1.gguf`.
pub fn model(name: &str) -> Option<PathBuf> {
    find("models", name)
}

/// A vocabulary, or its `.inp` or `.out`, by its file name.
pub fn vocab(name: &str) -> Option<PathBuf> {
    find("vocabs", name)
}

/// `Some(path)` if the file is there. Otherwise one line and `None`, or a panic where the file is required.
fn find(folder: &str, name: &str) -> Option<PathBuf> {
    let path = directory().join(folder).join(name);
    if path.is_file() {
        return Some(path);
    }
    let required = std::env::var("CUTAWAY_REQUIRE_MODELS").is_ok_and(|value| value == "1");
    assert!(!required, "CUTAWAY_REQUIRE_MODELS=1, but {} is not there", path.display());
    println!("skipped: {} is not there", path.display());
    None
}
