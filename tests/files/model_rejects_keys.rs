//! `Model::load` refuses hyper-parameters that no model can have, and names the key, what was expected and what was
//! found. (What is wrong with tensors is in `model_rejects_tensors.rs`.)

use crate::common::f32_cases;
use crate::common::refusal::{load, refusal};
use crate::common::tiny_gguf::TinyModel;
use crate::common::tiny_gguf::named;
use cutaway::gguf::{Encode, GgufError, Metadata, Value};
use cutaway::model::{FileKind, LoadOptions, Model, ModelError};
use proptest::prelude::*;

#[test]
fn a_required_key_must_be_there_with_its_type() {
    for case in f32_cases() {
        let whole = case.model();
        let epsilon = if case.variant.arch == "gpt2" { "layer_norm_epsilon" } else { "layer_norm_rms_epsilon" };
        let epsilon = format!("attention.{epsilon}");
        for key in [
            "context_length",
            "embedding_length",
            "block_count",
            "attention.head_count",
            "feed_forward_length",
            &epsilon,
        ] {
            let full = whole.key(key);
            let mut model = whole.clone();
            model.remove(key);
            let error = refusal(&model, key);
            assert!(
                matches!(&error, ModelError::Metadata(GgufError::MissingKey { key, .. }) if **key == full),
                "{error}"
            );

            let mut model = whole.clone();
            model.set(key, 64u64); // exactly as strict as llama.cpp: no other integer will do
            let error = refusal(&model, key);
            assert!(matches!(&error, ModelError::Metadata(GgufError::KeyType { key, .. }) if **key == full), "{error}");
        }
    }
    let mut model = named("llama-gqa-f32").model();
    model.metadata.retain(|key| !key.starts_with("tokenizer."));
    assert!(refusal(&model, "there is no vocabulary").to_string().contains("llama.vocab_size"));
}

/// Loading fails and the text has the key and `expected`.
fn refuses(case: &str, key: &str, value: impl Encode + std::fmt::Debug, expected: &str) {
    let mut model = named(case).model();
    model.set(key, value);
    let error = refusal(&model, key).to_string();
    assert!(error.contains(&model.key(key)) && error.contains(expected), "{case}: {error}");
}

#[test]
fn absurd_hyper_parameters_are_refused() {
    let llama = "llama-gqa-f32";
    for key in ["block_count", "embedding_length", "context_length", "attention.head_count", "feed_forward_length"] {
        refuses(llama, key, 0u32, "found 0");
        refuses(llama, key, u32::MAX, "found 4294967295");
    }
    refuses(llama, "block_count", 513u32, "expected 1 to 512, found 513");
    refuses(llama, "attention.head_count", 6u32, "a divisor of embedding_length 64");
    refuses(llama, "attention.head_count_kv", 3u32, "a divisor of head_count 4, found 3");
    refuses(llama, "attention.head_count_kv", 0u32, "found 0");
    refuses(llama, "attention.head_count_kv", [2u32, 2, 2], "an array of 2 values, one per block, found 3 values");
    refuses(llama, "attention.head_count_kv", [2i32, -2], "found -2");
    refuses(llama, "attention.head_count_kv", [2.0f32, 2.0], "an array of u32 or i32, found an array of f32");
    refuses(llama, "attention.value_length", 8u32, "expected 16, as attention.key_length, found 8");
    let mut model = named(llama).model();
    model.set("attention.key_length", 8u32);
    let error = refusal(&model, "keys and values differ").to_string();
    assert_eq!(error, "key 'llama.attention.value_length': expected 8, as attention.key_length, found 16");
    refuses("phi3-f32", "attention.key_length_swa", 8u32, "found 8");
    refuses(llama, "attention.causal", false, "expected true");
    refuses(llama, "nextn_predict_layers", 1u32, "expected 0, found 1");

    // Heads as wide as the stream, all together, where the family's graph needs that.
    let mut model = named("qwen2-f32").model();
    model.set("attention.key_length", 32u32);
    model.set("attention.value_length", 32u32);
    model.remove("rope.dimension_count");
    assert!(refusal(&model, "heads are too wide").to_string().contains("embedding_length 64 / 4 heads, found 32"));

    for eps in [f32::NAN, f32::INFINITY, -1e-5, 1.5, 1e38] {
        refuses(llama, "attention.layer_norm_rms_epsilon", eps, "expected 0 to 1, found ");
        refuses("gpt2-f32", "attention.layer_norm_epsilon", eps, "expected 0 to 1, found ");
    }
}

#[test]
fn absurd_rotations_are_refused() {
    let llama = "llama-gqa-f32";
    refuses(llama, "rope.dimension_count", 8u32, "expected 16, the whole head, found 8");
    refuses(llama, "rope.dimension_count", 32u32, "expected 1 to 16, found 32");
    refuses("phi3-f32", "rope.dimension_count", 7u32, "an even number");
    refuses("gemma3-f32", "rope.dimension_count_swa", 8u32, "expected 32");
    refuses(llama, "rope.scaling.type", "dynamic", "none, linear, yarn or longrope, found dynamic");
    for base in [0.0, -1.0, 1.0, 1e-30, f32::MIN_POSITIVE, 1e16, f32::MAX, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        refuses(llama, "rope.freq_base", base, "expected 1.01 to 1e15, found ");
        refuses("llama-yarn-f32", "rope.freq_base", base, "expected 1.01 to 1e15, found ");
        refuses("gemma3-f32", "rope.freq_base_swa", base, "expected 1.01 to 1e15, found ");
    }
    for factor in [-4.0, 1e-5, 1e-40, 1e38, f32::NAN, f32::INFINITY] {
        for case in ["llama-linear-f32", "llama-yarn-f32", "gemma3-pattern3-f32"] {
            refuses(case, "rope.scaling.factor", factor, "expected 0, or 0.001 to 1e6, found ");
        }
        refuses(llama, "rope.scale_linear", factor, "expected 0, or 0.001 to 1e6, found ");
    }
    for factor in [0.0, -1.0, 1e38, -1e38, 1e-30, 101.0, f32::NAN, f32::INFINITY] {
        for case in [llama, "llama-yarn-f32", "phi3-longrope-short-f32"] {
            refuses(case, "rope.scaling.attn_factor", factor, "expected 0.01 to 100, found ");
        }
    }
    refuses("llama-yarn-f32", "rope.scaling.original_context_length", u32::MAX, "found 4294967295");

    // 16 heads of 5 components cannot turn in pairs.
    let mut model = named(llama).model();
    model.set("embedding_length", 80u32);
    model.set("attention.head_count", 16u32);
    model.set("attention.head_count_kv", 2u32);
    model.remove("rope.dimension_count");
    assert!(refusal(&model, "heads are odd").to_string().contains("in pairs, found 5"));
}

#[test]
fn absurd_experts_windows_and_caps_are_refused() {
    refuses("mixtral-f32", "expert_count", 1025u32, "expected 0 to 1024");
    refuses("mixtral-f32", "expert_used_count", 5u32, "expected 0 to 4, found 5");
    refuses("mixtral-f32", "expert_used_count", 0u32, "1 to 4");
    refuses("mixtral-f32", "expert_group_count", 2u32, "expected 0 to 1");
    refuses("llama-gqa-f32", "expert_used_count", 2u32, "expected 0, found 2");
    refuses("qwen3-f32", "expert_count", 4u32, "expected 0, found 4");
    refuses("gemma3-f32", "attention.sliding_window_pattern", [true, false], "an array of 6 values");
    refuses("gemma3-f32", "attention.sliding_window_pattern", ["a"; 6], "an array of bool, u32 or i32");
    for cap in [f32::NAN, f32::INFINITY, -30.0, 1e-38, 1e38] {
        refuses("gemma3-f32", "final_logit_softcapping", cap, "expected 0, or 0.1 to 1e6, found ");
    }
}

/// The numbers of published models, and 0 where it means "none".
#[test]
fn usual_hyper_parameters_are_accepted() {
    for (case, key, values) in [
        ("llama-gqa-f32", "rope.freq_base", &[1e4_f32, 5e5, 1e6, 1e11][..]),
        ("gemma3-f32", "rope.freq_base_swa", &[1e4, 1e6]),
        ("llama-gqa-f32", "attention.layer_norm_rms_epsilon", &[0.0, 1e-12, 1e-6, 1e-5, 1e-3]),
        ("gpt2-f32", "attention.layer_norm_epsilon", &[1e-5]),
        ("llama-linear-f32", "rope.scaling.factor", &[0.0, 1.0, 2.5, 8.0, 512.0]),
        ("llama-yarn-f32", "rope.scaling.factor", &[0.0, 0.5, 4.0, 40.0, 128.0]),
        ("llama-gqa-f32", "rope.scale_linear", &[0.0, 4.0]),
        ("phi3-longrope-short-f32", "rope.scaling.attn_factor", &[1.0, 1.190_238_1, 1.243_163_4]),
        ("gemma3-f32", "final_logit_softcapping", &[0.0, 20.0, 30.0]),
    ] {
        for &value in values {
            let mut model = named(case).model();
            model.set(key, value);
            load(&model).unwrap_or_else(|error| panic!("{case}, {key} = {value}: {error}"));
        }
    }
}

/// Text that is only shown may be any bytes; text that is compared with names is refused, and shown.
#[test]
fn text_that_is_no_utf8_matters_only_where_it_is_used() {
    let bytes = Value::Str(b"caf\xe9 \x1b[31m");
    for key in ["general.name", "general.description", "general.author", "some.vendor.key"] {
        let mut model = named("llama-gqa-f32").model();
        model.metadata.insert(key, bytes).expect("a key");
        load(&model).unwrap_or_else(|error| panic!("{key}: {error}"));
    }
    let mut model = named("llama-gqa-f32").model();
    model.metadata.insert("general.name", bytes).expect("a key");
    assert_eq!(load(&model).expect("a model").config.name.as_deref(), Some("caf\u{fffd} \u{1b}[31m"));

    let mut model = named("llama-gqa-f32").model();
    model.metadata.insert("general.architecture", bytes).expect("a key");
    let error = refusal(&model, "no such family").to_string();
    assert!(error.contains("unknown model architecture 'caf\u{fffd} \\u{1b}[31m'"), "{error}");
    refuses("llama-gqa-f32", "rope.scaling.type", "li\u{1b}near", "found li\\u{1b}near");
    refuses("llama-gqa-f32", "rope.scaling.type", bytes, "is not UTF-8 from byte 3 on");

    let mut model = named("llama-gqa-f32").model();
    model.tensors[0].name = "bell\u{7}".to_owned();
    model.tensors.push(named("llama-gqa-f32").model().tensors[0].clone());
    let error = refusal(&model, "a tensor too many").to_string();
    assert!(error.ends_with("not part of this architecture: bell\\u{7}"), "{error}");
}

/// What comes beside models as GGUF too is told by its kind, not by what it lacks.
#[test]
fn other_files_are_named_for_what_they_are() {
    let tensor = named("llama-gqa-f32").model().tensors.remove(0);
    for (keys, kind, said) in [
        (
            &[("general.architecture", "clip"), ("general.type", "mmproj")][..],
            FileKind::Projector,
            "architecture 'clip'",
        ),
        (&[("general.architecture", "clip")], FileKind::Projector, "a projector, not a language model"),
        (
            &[("general.architecture", "qwen2"), ("general.type", "mmproj")],
            FileKind::Projector,
            "general.type 'mmproj'",
        ),
        (
            &[("general.architecture", "llama"), ("general.type", "adapter"), ("adapter.type", "lora")],
            FileKind::Adapter,
            "an adapter, not a whole model (general.type 'adapter')",
        ),
        (&[("general.architecture", "mamba"), ("general.type", "adapter")], FileKind::Adapter, "llama-export-lora"),
        (&[("general.architecture", "controlvector")], FileKind::ControlVector, "architecture 'controlvector'"),
        (&[("general.type", "imatrix")], FileKind::ImportanceMatrix, "general.type 'imatrix'"),
    ] {
        let mut metadata = Metadata::new();
        keys.iter().for_each(|(key, value)| metadata.insert(key, *value).expect("a key"));
        let error = refusal(&TinyModel { metadata, tensors: vec![tensor.clone()] }, said);
        assert!(matches!(error, ModelError::NotAModel { kind: found, .. } if found == kind), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    // A vocabulary: everything is there but the tensors.
    let mut model = named("llama-gqa-f32").model();
    model.tensors.clear();
    let error = refusal(&model, "no weights");
    assert!(matches!(error, ModelError::NotAModel { kind: FileKind::NoTensors, .. }), "{error}");
    // A model may say that it is one.
    let mut model = named("llama-gqa-f32").model();
    model.metadata.insert("general.type", "model").expect("a key");
    load(&model).expect("a model");
    // A shard is a shard first: of a family that nobody knows, and with next to nothing in it.
    let mut metadata = Metadata::new();
    metadata.insert("split.no", 1u16).expect("a key");
    metadata.insert("split.count", 2u16).expect("a key");
    let error = refusal(&TinyModel { metadata, tensors: vec![tensor] }, "a shard").to_string();
    assert!(error.contains("shard 2 of 2 of a split model") && error.contains("--merge"), "{error}");
}

#[test]
fn an_unknown_architecture_a_shard_and_an_impossible_context_are_refused() {
    let mut model = named("llama-gqa-f32").model();
    model.metadata.insert("general.architecture", "mamba").expect("a key");
    let error = refusal(&model, "mamba is unknown").to_string();
    assert!(error.contains("'mamba'") && error.contains("llama, qwen2, qwen3, gemma3, phi3, gpt2"), "{error}");

    let mut model = named("llama-gqa-f32").model();
    model.metadata.insert("split.count", 3u16).expect("a key");
    assert!(refusal(&model, "it is a shard").to_string().contains("shard 1 of 3"));

    for (case, n_ctx) in [("llama-gqa-f32", 0), ("gpt2-f32", 257), ("llama-gqa-f32", 1 << 31)] {
        let options = LoadOptions { n_ctx: Some(n_ctx), ..LoadOptions::default() };
        let error = Model::load(named(case).gguf(), options).expect_err("no such context");
        assert!(matches!(error, ModelError::Context { asked, .. } if asked == n_ctx), "{error}");
    }
}

const SIZES: [&str; 14] = [
    "context_length",
    "embedding_length",
    "block_count",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "rope.dimension_count",
    "rope.scaling.original_context_length",
    "expert_count",
    "expert_used_count",
];

const FLOATS: [&str; 5] = [
    "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scaling.factor",
    "rope.scaling.attn_factor",
    "final_logit_softcapping",
];

proptest! {
    /// Law: whatever numbers the keys have, loading gives a model or an error.
    #[test]
    fn no_number_panics(
        case in 0..f32_cases().len(),
        sizes in prop::collection::vec((prop::sample::select(&SIZES[..]), prop_oneof![0u32..9, any::<u32>()]), 0..4),
        floats in prop::collection::vec((prop::sample::select(&FLOATS[..]), any::<f32>()), 0..3),
    ) {
        let mut model = f32_cases()[case].model();
        for (key, value) in sizes {
            model.set(key, value);
        }
        for (key, value) in floats {
            model.set(key, value);
        }
        if let Ok(model) = load(&model) {
            let ropes = || model.config.layers.iter().filter_map(|l| l.rope.as_ref());
            prop_assert!(ropes().all(|r| r.attn_factor.is_finite() && r.freq_scale.is_finite() && r.base > 1.0));
        }
    }
}
