//! The tokenizer against llama.cpp: its own vocabularies with their expected ids, and real models.

use crate::common::cache;
use std::path::{Path, PathBuf};

use cutaway::gguf::Gguf;
use cutaway::tokenizer::{ChatTemplate, DetokenizeOptions, EncodeOptions, Message, Tokenizer};
use serde::Deserialize;
use serde::de::DeserializeOwned;

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

/// What `tests/golden/tokenizer/make.py` wrote under this name.
fn golden<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/tokenizer/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Texts {
    texts: Vec<String>,
}

/// llama.cpp's answers about one vocabulary: with and without special tokens.
#[derive(Deserialize)]
struct Answers {
    /// Tokens that end a generation.
    ends: Vec<u32>,
    #[serde(rename = "case 0")]
    plain: Case,
    #[serde(rename = "case 1")]
    special: Case,
}

#[derive(Deserialize)]
struct Case {
    add_special: bool,
    parse_special: bool,
    ids: Vec<Vec<u32>>,
    detokenized: Vec<String>,
}

fn agrees_with_llama_cpp(name: &str, file: Option<PathBuf>) {
    let Some(file) = file else { return };
    let tokenizer = open(&file);
    let Texts { texts } = golden("texts");
    let Answers { ends, plain, special } = golden(name);
    assert!(tokenizer.vocab().end_of_generation().iter().eq(&ends), "{name}: {ends:?}");
    for Case { add_special, parse_special, ids, detokenized } in [plain, special] {
        assert_eq!(texts.len(), ids.len());
        for ((text, ids), detokenized) in texts.iter().zip(ids).zip(detokenized) {
            let options = EncodeOptions { add_bos: add_special, add_eos: add_special, parse_special };
            let encoding = tokenizer.encode_with_spans(text, options);
            assert_eq!(encoding.ids, ids, "{name}, {options:?}: {text:?}");
            assert_eq!(tokenizer.encode(text, options), ids, "{name}: the word cache changes {text:?}");
            let all = DetokenizeOptions { remove_special: false, unparse_special: true };
            assert_eq!(tokenizer.detokenize(&ids, all), detokenized, "{name}: {text:?}");
            // Spans are in order and inside the text.
            assert!(encoding.spans.iter().all(|span| span.start <= span.end && span.end <= text.len()));
            assert!(encoding.spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{name}: {text:?}");
        }
    }
}

#[test]
fn smollm2() {
    agrees_with_llama_cpp("smollm2", cache::model("SmolLM2-135M-Instruct.Q4_1.gguf"));
}

#[test]
fn gemma3() {
    agrees_with_llama_cpp("gemma3", cache::model("gemma-3-270m-q4_k_m.gguf"));
}

#[test]
fn vocabularies_with_special_tokens() {
    for name in ["phi-3", "llama-spm", "llama-bpe", "gemma-4", "deepseek-llm", "falcon"] {
        agrees_with_llama_cpp(name, cache::vocab(&format!("ggml-vocab-{name}.gguf")));
    }
}

#[derive(Deserialize)]
struct Chats {
    template: String,
    bos: String,
    eos: String,
    cases: Vec<Chat>,
}

#[derive(Deserialize)]
struct Chat {
    name: String,
    messages: Vec<(String, String)>,
    add_generation_prompt: bool,
    prompt: String,
}

/// The templates of both real families and of others, rendered as llama.cpp's own Jinja engine renders them.
#[test]
fn chat_templates() {
    let goldens: serde_json::Map<String, serde_json::Value> = golden("chat");
    let mut n_cases = 0;
    for (name, chats) in goldens.into_iter().filter(|(_, value)| value.is_object()) {
        let Chats { template, bos, eos, cases } = serde_json::from_value(chats).unwrap();
        let template = ChatTemplate::new(&template, &bos, &eos).unwrap().at_time(1_735_689_600);
        for case in cases {
            let messages: Vec<_> = case.messages.into_iter().map(|(role, text)| Message::new(role, text)).collect();
            let prompt = template.render(&messages, case.add_generation_prompt).unwrap();
            assert_eq!(prompt, case.prompt, "{name}: {}, {}", case.name, case.add_generation_prompt);
            n_cases += 1;
        }
    }
    assert!(n_cases >= 80);
}

/// The instruct model has a template, the base model has none.
#[test]
fn templates_of_the_real_models() {
    let template = |file: PathBuf| {
        let gguf = Gguf::open(&file).unwrap();
        let tokenizer = Tokenizer::from_metadata(gguf.metadata()).unwrap();
        ChatTemplate::from_metadata(gguf.metadata(), tokenizer.vocab()).unwrap()
    };
    if let Some(file) = cache::model("SmolLM2-135M-Instruct.Q4_1.gguf") {
        let goldens: serde_json::Value = golden("chat");
        assert_eq!(template(file).unwrap().source(), goldens["smollm2"]["template"]);
    }
    if let Some(file) = cache::model("gemma-3-270m-q4_k_m.gguf") {
        assert!(template(file).is_none());
    }
}
