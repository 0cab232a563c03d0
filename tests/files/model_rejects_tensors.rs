//! `Model::load` refuses tensors that do not fit, and names the tensor, what was expected and what was found. Every
//! tensor of every kind of model is taken away, reshaped and retyped in turn. (Keys: `model_rejects_keys.rs`.)

use crate::common::f32_cases;
use crate::common::refusal::{load, refusal};
use crate::common::tiny_gguf::{TinyTensor, all_cases, matrix, named};
use cutaway::gguf::Gguf;
use cutaway::model::{LoadOptions, Model, ModelError};
use cutaway::quant::GgmlType;
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

/// Tensors that a model of this architecture has only if its file has them.
fn is_optional(arch: &str, tensor: &str) -> bool {
    let is_bias = tensor.ends_with(".bias") && !tensor.ends_with("norm.bias");
    let of_qkv = ["attn_q.", "attn_k.", "attn_v.", "attn_qkv."].iter().any(|role| tensor.contains(role));
    match arch {
        "gpt2" => tensor == "output.weight",
        "llama" => tensor == "output.weight" || is_bias || tensor.starts_with("rope_f"),
        _ => {
            tensor == "output.weight" || tensor == "output.bias" || (is_bias && of_qkv) || tensor.starts_with("rope_f")
        }
    }
}

/// A fused tensor may be replaced by its parts, so the error for its absence names both.
fn names(error: &ModelError, tensor: &str) -> bool {
    matches!(error, ModelError::MissingTensor { name, .. } if name == tensor || name.starts_with(&format!("{tensor}, or ")))
}

#[test]
fn a_missing_tensor_is_named_with_its_shape() {
    for case in f32_cases() {
        let whole = case.model();
        for (i, tensor) in whole.tensors.iter().enumerate() {
            let mut model = whole.clone();
            model.tensors.remove(i);
            let why = format!("{} lacks {}", case.name, tensor.name);
            if is_optional(case.variant.arch, &tensor.name) {
                load(&model).unwrap_or_else(|error| panic!("{why}, which is optional: {error}"));
                continue;
            }
            let error = refusal(&model, &why);
            assert!(names(&error, &tensor.name), "{why}: {error}");
            let ModelError::MissingTensor { expected, .. } = error else { unreachable!() };
            assert_eq!(expected, tensor.ne, "{why}");
        }
    }
}

#[test]
fn a_wrong_shape_is_named_with_both_shapes() {
    for case in f32_cases() {
        let whole = case.model();
        for (i, tensor) in whole.tensors.iter().enumerate() {
            for change in [transposed, longer, deeper] {
                let mut model = whole.clone();
                change(&mut model.tensors[i]);
                let shape = model.tensors[i].ne.clone();
                if shape == tensor.ne {
                    continue; // a square matrix, transposed
                }
                let why = format!("{}: {} is {shape:?}", case.name, tensor.name);
                match refusal(&model, &why) {
                    ModelError::TensorShape { name, expected, found } => {
                        assert_eq!((&name, &expected, &found), (&tensor.name, &tensor.ne, &shape), "{why}");
                    }
                    other => panic!("{why}: {other}"),
                }
            }
        }
    }
}

/// The same numbers, rows and columns exchanged.
fn transposed(tensor: &mut TinyTensor) {
    tensor.ne.reverse();
}

/// One row (or number) more.
fn longer(tensor: &mut TinyTensor) {
    let last = tensor.ne.len() - 1;
    tensor.ne[last] += 1;
    resize(tensor);
}

/// One dimension more.
fn deeper(tensor: &mut TinyTensor) {
    tensor.ne.push(2);
    resize(tensor);
}

fn resize(tensor: &mut TinyTensor) {
    tensor.bytes.resize(tensor.ne.iter().product::<usize>() * 4, 0);
}

#[test]
fn a_type_that_cannot_be_computed_with_is_named() {
    for case in f32_cases() {
        let whole = case.model();
        for (i, tensor) in whole.tensors.iter().enumerate() {
            let mut model = whole.clone();
            model.tensors[i].ty = GgmlType::I32;
            let why = format!("{}: {} is I32", case.name, tensor.name);
            match refusal(&model, &why) {
                ModelError::TensorType { name, found, .. } => {
                    assert_eq!((name, found), (tensor.name.clone(), GgmlType::I32))
                }
                other => panic!("{why}: {other}"),
            }
        }
    }
    // A matrix may be quantised, a norm may not.
    let mut model = named("llama-gqa-f32").model();
    let norm = model.tensors.iter_mut().find(|t| t.name == "blk.1.ffn_norm.weight").expect("a norm");
    (norm.ty, norm.bytes) = (GgmlType::Q8_0, matrix("x", GgmlType::Q8_0, 1.5, 64, 1));
    let error = refusal(&model, "a norm is quantised");
    let expected = "tensor 'blk.1.ffn_norm.weight' has the wrong type: expected F32, F16 or BF16, found Q8_0";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_tensor_that_nobody_asked_for_is_an_error() {
    for (case, extra) in [
        ("llama-gqa-f32", "blk.0.attn_q_norm.weight"),
        ("llama-gqa-f32", "blk.2.attn_norm.weight"),
        ("mixtral-f32", "blk.0.ffn_up.weight"),
        ("llama-fused-f32", "blk.0.attn_q.weight"),
        ("qwen2-f32", "blk.0.attn_output.bias"),
        ("qwen3-f32", "rope_freqs.weight"),
        ("phi3-f32", "rope_freqs.weight"),
        ("phi3-f32", "blk.0.ffn_gate.weight"),
        ("gpt2-f32", "rope_freqs.weight"),
        ("llama-llama3-f32", "rope_factors_long.weight"),
    ] {
        let mut model = named(case).model();
        model.tensors.push(TinyTensor { name: extra.into(), ty: GgmlType::F32, ne: vec![1], bytes: vec![0; 4] });
        match refusal(&model, extra) {
            ModelError::UnknownTensors { expected, found, unknown } => {
                assert_eq!((expected + 1, unknown.as_str()), (found, extra), "{case}");
            }
            other => panic!("{case} with {extra}: {other}"),
        }
    }
}

#[test]
fn damaged_weights_are_found_when_asked_for() {
    let checked = LoadOptions { check_tensors: true, ..LoadOptions::default() };
    for case in all_cases().into_iter().filter(|case| case.variant.name == "llama-gqa") {
        let mut model = case.model();
        let tensor = model.tensors.iter_mut().find(|t| t.name == "blk.0.ffn_up.weight").expect("a matrix");
        let block = tensor.bytes.chunks_exact_mut(case.ty.block_bytes()).nth(3).expect("a fourth block");
        let scale = match case.ty {
            GgmlType::Q2_K => 82,
            GgmlType::Q3_K => 108,
            GgmlType::Q6_K => 208,
            GgmlType::F32 | GgmlType::BF16 => block.len() - 2,
            _ => 0,
        };
        let infinity = if matches!(case.ty, GgmlType::F32 | GgmlType::BF16) { [0x80, 0x7f] } else { [0x00, 0x7c] };
        if case.ty == GgmlType::MXFP4 {
            block[0] = 0xff;
        } else {
            block[scale..scale + 2].copy_from_slice(&infinity);
        }
        load(&model).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        match Model::load(model.gguf(), checked) {
            Err(ModelError::InvalidData { name, block: 3, .. }) => assert_eq!(name, "blk.0.ffn_up.weight"),
            other => panic!("{}: {other:?}", case.name),
        }
    }
    let mut model = named("llama-llama3-f32").model();
    let factors = model.tensors.iter_mut().find(|t| t.name == "rope_freqs.weight").expect("factors");
    factors.bytes[4..8].copy_from_slice(&0f32.to_le_bytes());
    let error = refusal(&model, "a frequency is divided by 0").to_string();
    assert_eq!(error, "tensor 'rope_freqs.weight', block 1: expected 0.001 to 1e32, found 0");
}

/// Some files, and where their data begins.
static FILES: LazyLock<[(Vec<u8>, usize); 5]> = LazyLock::new(|| {
    ["llama-llama3-q8_0", "mixtral-q4_0", "gemma3-q4_0", "phi3-f32", "gpt2-f16"]
        .map(named)
        .map(|case| (case.to_bytes(), case.gguf().data_offset()))
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Law: whatever happens to the bytes before the data (keys, values, names, shapes, types), the file is refused or
    /// loads; and then every matrix has its bytes.
    #[test]
    fn no_damaged_byte_panics(
        file in 0..FILES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (mut bytes, directory) = FILES[file].clone();
        for (at, byte) in damage {
            bytes[at.index(directory)] = byte;
        }
        let Ok(gguf) = Gguf::from_bytes(bytes) else { return Ok(()) };
        if let Ok(model) = Model::load(Arc::new(gguf), LoadOptions::default()) {
            for layer in &model.weights.layers {
                let matrix = &layer.attn_output.weight;
                prop_assert_eq!(matrix.bytes().len(), matrix.n_out() * matrix.row_bytes());
            }
        }
    }
}
