//! The tokenizer against llama.cpp: its own vocabularies with their expected ids, and real models.

#[path = "common/cache.rs"]
mod cache;

use std::path::Path;

use cutaway::gguf::Gguf;
use cutaway::tokenizer::{EncodeOptions, Tokenizer};

/// Every vocabulary that llama.cpp ships with expected ids and whose pre-tokenizer is known here. (The only other
/// one is `bert-bge`, which is WordPiece.)
const VOCABULARIES: &[&str] = &[
    "command-r",
    "deepseek-coder",
    "deepseek-llm",
    "falcon",
    "gemma-4",
    "gpt-2",
    "llama-bpe",
    "llama-spm",
    "mpt",
    "phi-3",
    "qwen2",
    "qwen35",
    "refact",
    "starcoder",
];

fn open(path: &Path) -> Tokenizer {
    let gguf = Gguf::open(path).unwrap();
    Tokenizer::from_metadata(gguf.metadata()).unwrap()
}

/// `.inp` holds texts between lines `__ggml_vocab_test__`, `.out` one line of ids for each.
#[test]
fn llama_cpp_vocabularies() {
    for name in VOCABULARIES {
        let file = |suffix: &str| cache::vocab(&format!("ggml-vocab-{name}.gguf{suffix}"));
        let (Some(vocab), Some(texts), Some(ids)) = (file(""), file(".inp"), file(".out")) else { return };
        let tokenizer = open(&vocab);
        let (texts, ids) = (std::fs::read_to_string(texts).unwrap(), std::fs::read_to_string(ids).unwrap());
        let separator = "\n__ggml_vocab_test__\n";
        let texts: Vec<&str> = texts.strip_suffix(separator).unwrap_or(&texts).split(separator).collect();
        let ids: Vec<&str> = ids.lines().collect();
        assert_eq!(texts.len(), ids.len(), "{name}");
        assert!(texts.len() >= 46, "{name}");
        for (text, ids) in texts.iter().zip(ids) {
            let expected: Vec<u32> = ids.split_whitespace().map(|id| id.parse().unwrap()).collect();
            assert_eq!(tokenizer.encode(text, EncodeOptions::default()), expected, "{name}: {text:?}");
        }
    }
}
