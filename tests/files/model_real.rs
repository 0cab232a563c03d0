//! The two real models load, with the features that their makers published.

use crate::common::cache;
use cutaway::gguf::Gguf;
use cutaway::model::{ActFn, AttentionKind, LoadOptions, Model, RopePairing};
use std::sync::Arc;

/// Loads a model from the cache, weights checked; `None`, after saying so, if it is not there.
fn load(name: &str) -> Option<Model> {
    let path = cache::model(name)?;
    let gguf = Gguf::open(&path).expect("a sound file");
    let options = LoadOptions { check_tensors: true, ..LoadOptions::default() };
    Some(Model::load(Arc::new(gguf), options).expect("a sound model"))
}

#[test]
fn smollm2() {
    let Some(model) = load("SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let config = &model.config;
    assert_eq!((config.n_vocab, config.n_embd, config.n_layer(), config.n_ctx_train), (49152, 576, 30, 8192));
    assert_eq!(config.attention_kind(), Some(AttentionKind::Gqa));
    let layer = &config.layers[29];
    assert_eq!((layer.n_head, layer.n_head_kv, layer.head_dim_k, layer.n_ff), (9, 3, 64, 1536));
    let rope = layer.rope.as_ref().expect("RoPE");
    assert_eq!((rope.n_rot, rope.pairing, rope.base), (64, RopePairing::Adjacent, 100_000.0));
    assert!(model.weights.output.is_none(), "tied");
}

#[test]
fn gemma3() {
    let Some(model) = load("gemma-3-270m-q4_k_m.gguf") else { return };
    let config = &model.config;
    assert_eq!((config.n_vocab, config.n_embd, config.n_layer(), config.n_ctx_train), (262_144, 640, 18, 32768));
    assert_eq!((config.attention_kind(), config.act_fn), (Some(AttentionKind::Mqa), ActFn::Gelu));
    for (il, layer) in config.layers.iter().enumerate() {
        assert_eq!((layer.n_head, layer.n_head_kv, layer.head_dim_k, layer.n_ff), (4, 1, 256, 2048));
        let (window, base) = if il % 6 == 5 { (None, 1e6) } else { (Some(512), 1e4) };
        assert_eq!((layer.window, layer.rope.as_ref().map(|rope| rope.base)), (window, Some(base)), "layer {il}");
    }
}
