//! `Model::load`: every family loads with its features. What must be refused is in `model_rejects_{tensors,keys}.rs`.

use crate::common::tiny_gguf;
use crate::common::tiny_gguf::{Case, TinyModel, all_cases, encode, matrix, named};
use cutaway::model::{ActFn, AttentionKind, FeedForward, LayerConfig, LoadOptions, Model, Norm, Rope, RopePairing};
use cutaway::quant::GgmlType;

fn load(case: &Case) -> Model {
    let options = LoadOptions { n_ctx: Some(case.variant.n_ctx), check_tensors: true };
    Model::load(case.gguf(), options).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

fn load_tiny(model: &TinyModel, n_ctx: Option<usize>) -> Model {
    Model::load(model.gguf(), LoadOptions { n_ctx, ..LoadOptions::default() }).expect("a sound model")
}

fn rope(layer: &LayerConfig) -> &Rope {
    layer.rope.as_ref().expect("a family with RoPE")
}

#[test]
fn every_variant_loads_in_every_format() {
    for case in all_cases() {
        let model = load(&case);
        for (config, weights) in model.config.layers.iter().zip(&model.weights.layers) {
            for (linear, n_out) in [
                (&weights.attn_q, config.n_embd_q()),
                (&weights.attn_k, config.n_embd_k()),
                (&weights.attn_v, config.n_embd_v()),
            ] {
                assert_eq!((linear.weight.n_in(), linear.weight.n_out()), (model.config.n_embd, n_out));
                assert_eq!(linear.weight.ty(), case.ty);
                assert_eq!(linear.weight.bytes().len(), n_out * linear.weight.row_bytes());
            }
        }
        assert_eq!(model.weights.layers.len(), model.config.n_layer());
        // Nothing was copied: the weights are the file's own bytes.
        let file = model.gguf().bytes().as_ptr_range();
        assert!(file.contains(&model.weights.layers[0].attn_output.weight.bytes().as_ptr()));
    }
}

#[test]
fn llama_is_the_plain_transformer() {
    let model = load(&named("llama-gqa-f32"));
    let config = &model.config;
    assert_eq!((config.n_vocab, config.n_embd, config.n_layer()), (tiny_gguf::tokens().len(), 64, 2));
    assert_eq!((config.n_ctx_train, config.n_ctx), (256, 256));
    assert_eq!(config.norm, Norm::Rms { eps: 1e-5 });
    assert_eq!(config.act_fn, ActFn::Silu);
    assert_eq!((config.embedding_scale, config.logit_softcap), (None, None));

    let layer = &config.layers[1];
    assert_eq!((layer.n_head, layer.n_head_kv, layer.n_group()), (4, 2, 2));
    assert_eq!((layer.head_dim_k, layer.head_dim_v, layer.n_ff), (16, 16, 96));
    assert_eq!((layer.attn_scale, layer.window, layer.experts), (0.25, None, None));
    let expected = Rope {
        n_rot: 16,
        pairing: RopePairing::Adjacent,
        base: 10_000.0,
        freq_scale: 1.0,
        ext_factor: 0.0,
        attn_factor: 1.0,
        beta_fast: 32.0,
        beta_slow: 1.0,
        n_ctx_orig: 256,
        freq_factors: None,
    };
    assert_eq!(rope(layer), &expected);

    let weights = &model.weights;
    assert!(weights.position_embd.is_none() && weights.output_bias.is_none());
    assert_eq!(weights.output_matrix().name(), "output.weight");
    assert!(weights.output_norm.bias.is_none());
    assert!(weights.layers[0].attn_q_norm.is_none() && weights.layers[0].post_attn_norm.is_none());
    assert!(matches!(weights.layers[0].ffn, FeedForward::Dense { gate: Some(_), .. }));
}

#[test]
fn heads_may_share_keys_tie_outputs_and_have_biases() {
    assert_eq!(load(&named("llama-mha-f32")).config.attention_kind(), Some(AttentionKind::Mha));
    assert_eq!(load(&named("llama-gqa-f32")).config.attention_kind(), Some(AttentionKind::Gqa));
    assert_eq!(load(&named("llama-mqa-f32")).config.attention_kind(), Some(AttentionKind::Mqa));

    let tied = load(&named("llama-tied-f32"));
    assert!(tied.weights.output.is_none());
    assert_eq!(tied.weights.output_matrix().name(), "token_embd.weight");
    assert_eq!(rope(&tied.config.layers[0]).base, 5e5);

    let biased = load(&named("llama-biases-f32"));
    let layer = &biased.weights.layers[0];
    let FeedForward::Dense { gate: Some(gate), up, down } = &layer.ffn else { panic!("a gated network") };
    for (linear, n) in
        [(&layer.attn_q, 64), (&layer.attn_k, 32), (&layer.attn_output, 64), (gate, 96), (up, 96), (down, 64)]
    {
        assert_eq!(linear.bias.as_ref().map(|bias| bias.len()), Some(n), "{:?}", linear.weight);
    }
}

#[test]
fn a_matrix_reads_as_rows_of_weights() {
    let model = load(&named("llama-gqa-q8_0"));
    let q = &model.weights.layers[1].attn_q.weight;
    let weights = q.to_f32();
    let expected = load(&named("llama-gqa-f32")).weights.layers[1].attn_q.weight.to_f32();
    // The largest weight of a block of 32 is about 0.6 here, and q8_0 rounds to 1/127 of it.
    assert!(weights.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 0.004));

    let middle = q.rows(8..24);
    assert_eq!((middle.n_in(), middle.n_out()), (64, 16));
    assert_eq!(middle.row(3), q.row(11));
    assert_eq!(middle.to_f32(), weights[8 * 64..24 * 64]);
}

#[test]
fn fused_tensors_are_their_parts() {
    for ty in GgmlType::WEIGHTS.into_iter().filter(|ty| ty.block_len() <= 32) {
        let format = ty.name().to_lowercase();
        let split = load(&named(&format!("llama-biases-{format}")));
        let fused = load(&named(&format!("llama-fused-{format}")));
        for (a, b) in split.weights.layers.iter().zip(&fused.weights.layers) {
            for (a, b) in [(&a.attn_q, &b.attn_q), (&a.attn_k, &b.attn_k), (&a.attn_v, &b.attn_v)] {
                assert!(b.weight.name().ends_with("attn_qkv.weight"));
                assert_eq!(a.weight.bytes(), b.weight.bytes(), "{ty} {:?}", a.weight);
                assert_eq!(a.bias, b.bias);
            }
        }
    }
    let phi3 = load(&named("phi3-q8_0"));
    let FeedForward::Dense { gate: Some(gate), up, .. } = &phi3.weights.layers[1].ffn else {
        panic!("a gated network")
    };
    assert_eq!(gate.weight.bytes(), matrix("blk.1.ffn_gate.weight", GgmlType::Q8_0, 1.5, 64, 96));
    assert_eq!(up.weight.bytes(), matrix("blk.1.ffn_up.weight", GgmlType::Q8_0, 1.5, 64, 96));
}

#[test]
fn rope_scaling_is_resolved() {
    let of = |name: &str| rope(&load(&named(name)).config.layers[0]).clone();
    let plain = of("llama-gqa-f32");
    let scaled = |freq_scale| Rope { freq_scale, ..plain.clone() };
    assert_eq!(of("llama-rope-none-f32"), plain, "type none: the factor is ignored");
    assert_eq!(of("llama-linear-f32"), scaled(0.25));

    // ggml multiplies by 1 + 0.1·ln 4 itself, so what is left of YaRN's magnitude is 1, times the file's own factor.
    let yarn = of("llama-yarn-f32");
    assert!((yarn.attn_factor - 1.0).abs() < 1e-6);
    assert_eq!(yarn, Rope { ext_factor: 1.0, attn_factor: yarn.attn_factor, ..scaled(0.25) });
    assert!((of("llama-yarn-attn-f32").attn_factor - 0.8).abs() < 1e-6);

    let llama3 = of("llama-llama3-f32").freq_factors.expect("rope_freqs");
    assert_eq!((llama3.len(), llama3[0], llama3[7]), (8, 1.0, 8.0));
    assert_eq!(of("llama-longrope-long-f32").freq_factors.expect("long factors")[7], 5.0);
}

#[test]
fn longrope_factors_follow_the_context_asked_for() {
    let case = named("phi3-longrope-short-f32");
    let last = |n_ctx| {
        let model = load_tiny(&case.model(), n_ctx);
        let rope = rope(&model.config.layers[1]);
        assert_eq!((rope.n_rot, rope.pairing, rope.attn_factor), (8, RopePairing::Halves, 1.19));
        *rope.freq_factors.as_ref().expect("factors").last().expect("four of them")
    };
    assert_eq!(last(Some(256)), 1.5, "within the original context: short");
    assert_eq!(last(Some(257)), 5.0, "beyond it: long");
    assert_eq!(last(None), 5.0, "the training context is 1024");
    assert_eq!(load(&case).config.layers[0].window, None, "phi3's window is ignored");
}

#[test]
fn mixtral_has_experts() {
    let model = load(&named("mixtral-f32"));
    let experts = model.config.layers[0].experts.expect("experts");
    assert_eq!((experts.n, experts.n_used, experts.renormalize), (4, 2, true));
    assert_eq!(experts.min_weight_sum, 2.0f32.powi(-14));
    let FeedForward::Experts { router, gate, up, down } = &model.weights.layers[1].ffn else { panic!("experts") };
    assert_eq!((router.n_in(), router.n_out()), (64, 4));
    assert_eq!((gate.len(), up.len(), down.len()), (4, 4, 4));
    assert_eq!((down[3].n_in(), down[3].n_out()), (96, 64));
    let all = matrix("blk.1.ffn_up_exps.weight", GgmlType::F32, 1.5, 64, 4 * 96);
    assert_eq!(up.iter().flat_map(|up| up.bytes()).copied().collect::<Vec<u8>>(), all);
}

#[test]
fn the_qwens_differ_by_biases_and_head_norms() {
    let qwen2 = load(&named("qwen2-f32"));
    assert_eq!(rope(&qwen2.config.layers[0]).pairing, RopePairing::Halves);
    assert!(qwen2.weights.layers[0].attn_v.bias.is_some() && qwen2.weights.layers[0].attn_output.bias.is_none());
    assert_eq!(qwen2.weights.output_bias.as_ref().map(|bias| bias.len()), Some(qwen2.config.n_vocab));
    assert_eq!(rope(&load(&named("qwen2-yarn-f32")).config.layers[0]).ext_factor, 1.0);

    let qwen3 = load(&named("qwen3-f32"));
    let (config, layer) = (&qwen3.config.layers[0], &qwen3.weights.layers[0]);
    assert_eq!((config.n_embd_q(), config.n_embd_k(), config.n_embd_attn()), (128, 64, 128));
    assert_eq!(layer.attn_q_norm.as_ref().map(|norm| norm.len()), Some(32));
    assert_eq!(layer.attn_output.weight.n_in(), 128);
}

#[test]
fn gemma3_looks_through_windows() {
    let model = load(&named("gemma3-f32"));
    assert_eq!(model.config.embedding_scale, Some(8.0));
    assert_eq!((model.config.act_fn, model.config.logit_softcap), (ActFn::Gelu, None));
    let windows: Vec<_> = model.config.layers.iter().map(|layer| layer.window).collect();
    assert_eq!(windows, [Some(8), Some(8), Some(8), Some(8), Some(8), None]);
    let bases: Vec<_> = model.config.layers.iter().map(|layer| rope(layer).base).collect();
    assert_eq!(bases, [1e4, 1e4, 1e4, 1e4, 1e4, 1e6]);
    assert!(model.weights.layers[0].post_attn_norm.is_some() && model.weights.layers[0].post_ffn_norm.is_some());

    let model = load(&named("gemma3-pattern3-f32"));
    let seen: Vec<_> = model.config.layers.iter().map(|l| (l.window, rope(l).base, rope(l).freq_scale)).collect();
    assert_eq!(seen, [(Some(8), 500.0, 1.0), (Some(8), 500.0, 1.0), (None, 1e6, 0.125)]);
    assert_eq!(model.config.logit_softcap, Some(2.0));

    let mut tiny = named("gemma3-pattern3-f32").model();
    tiny.set("attention.sliding_window_pattern", [false, true, false]);
    let windows: Vec<_> = load_tiny(&tiny, None).config.layers.iter().map(|layer| layer.window).collect();
    assert_eq!(windows, [None, Some(8), None]);

    tiny.set("attention.sliding_window", 0u32);
    assert!(load_tiny(&tiny, None).config.layers.iter().all(|layer| layer.window.is_none()));
}

#[test]
fn the_62_layers_of_gemma3_27b_have_a_scale_of_their_own() {
    let mut tiny = named("gemma3-f32").model();
    assert_eq!(load_tiny(&tiny, None).config.layers[0].attn_scale, 1.0 / 32f32.sqrt());
    let layer: Vec<_> = tiny.tensors.iter().filter(|t| t.name.starts_with("blk.0.")).cloned().collect();
    for il in 6..62 {
        tiny.tensors.extend(layer.iter().cloned().map(|mut tensor| {
            tensor.name = tensor.name.replace("blk.0.", &format!("blk.{il}."));
            tensor
        }));
    }
    tiny.set("block_count", 62u32);
    assert_eq!(load_tiny(&tiny, None).config.layers[0].attn_scale, 1.0 / 16f32.sqrt());
}

#[test]
fn gpt2_has_learned_positions_and_no_gate() {
    let model = load(&named("gpt2-f32"));
    assert_eq!(model.config.norm, Norm::Layer { eps: 1e-5 });
    assert_eq!(model.config.act_fn, ActFn::Gelu);
    assert!(model.config.layers.iter().all(|layer| layer.rope.is_none()));
    let positions = model.weights.position_embd.as_ref().expect("positions");
    assert_eq!((positions.n_in(), positions.n_out()), (64, 256));
    let layer = &model.weights.layers[0];
    assert!(layer.attn_norm.bias.is_some() && layer.attn_q.bias.is_some());
    assert!(matches!(&layer.ffn, FeedForward::Dense { gate: None, up, .. } if up.bias.is_some()));
}

#[test]
fn head_counts_may_differ_by_layer() {
    let mut tiny = named("llama-gqa-f32").model();
    tiny.set("attention.head_count_kv", [2u32, 1]);
    let key =
        tiny.tensors.iter_mut().filter(|t| matches!(t.name.as_str(), "blk.1.attn_k.weight" | "blk.1.attn_v.weight"));
    for tensor in key {
        tensor.ne[1] = 16;
        tensor.bytes.truncate(64 * 16 * 4);
    }
    let config = load_tiny(&tiny, None).config;
    assert_eq!(config.attention_kind(), None);
    assert_eq!(config.layers[1].attention_kind(), AttentionKind::Mqa);
}

#[test]
fn a_file_without_a_vocabulary_says_its_size() {
    let mut tiny = named("llama-gqa-f32").model();
    tiny.metadata.retain(|key| !key.starts_with("tokenizer."));
    tiny.set("vocab_size", tiny_gguf::tokens().len() as u32);
    assert_eq!(load_tiny(&tiny, None).config.n_vocab, tiny_gguf::tokens().len());
}

#[test]
fn small_tensors_are_decoded_from_any_float_format() {
    let values: Vec<f32> = (0..64).map(|i| i as f32 / 8.0).collect(); // exact in all three formats
    for ty in [GgmlType::F16, GgmlType::BF16, GgmlType::F32] {
        let mut tiny = named("llama-gqa-f32").model();
        let norm = tiny.tensors.iter_mut().find(|t| t.name == "output_norm.weight").expect("a norm");
        (norm.ty, norm.bytes) = (ty, encode(ty, &values));
        assert_eq!(*load_tiny(&tiny, None).weights.output_norm.weight, values[..], "{ty}");
    }
}
