//! The trainer and the engine agree on what a model is, and training teaches.

use cutaway::gguf::Gguf;
use cutaway::quant::GgmlType;
use cutaway_train::language::Split;
use cutaway_train::trainer::config::{ModelConfig, NAMES};
use cutaway_train::trainer::corpus_ids;
use cutaway_train::trainer::data::Windows;
use cutaway_train::trainer::evaluate::{Runner, naive_difference};
use cutaway_train::trainer::export::to_gguf;
use cutaway_train::trainer::model::Model;
use cutaway_train::trainer::training::{BATCH, Plan, train};
use std::sync::Arc;

/// Random weights of every member, exported as F32 and run by the naive path: the trainer's logits come out, to what
/// two orders of summation in f32 leave after six blocks.
#[test]
fn the_engine_computes_what_the_trainer_computed() {
    for name in NAMES {
        let model = Model::new(ModelConfig::named(name).unwrap());
        let params = model.layout.initial(&model.config, 3);
        let gguf = Gguf::from_bytes(to_gguf(&model, &params, GgmlType::F32).unwrap()).unwrap();
        let difference = naive_difference(&model, &params, &mut Runner::new(Arc::new(gguf)).unwrap()).unwrap();
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

#[test]
fn the_budgets_match() {
    let size = |name: &str| {
        let model = Model::new(ModelConfig::named(name).unwrap());
        (model.layout.len() as f64, model.layout.n_active(&model.config) as f64)
    };
    let (tiny, _) = size("tiny");
    for name in ["tiny-mqa", "tiny-mha", "tiny-swa"] {
        assert!((size(name).0 / tiny - 1.0).abs() < 0.025, "{name}");
    }
    assert!(size("tiny-moe").1 <= tiny);
}

/// Eight batches, with one thread and with two: the same losses but for the order of sums, and they fall.
#[test]
fn a_few_steps_lower_the_loss_whatever_the_threads() {
    let losses = |threads| {
        let model = Model::new(ModelConfig { n_layer: 2, ..ModelConfig::named("tiny").unwrap() });
        let plan = Plan { tokens: 8 * BATCH, seed: 1, peak: 3e-3, threads };
        let mut windows = Windows::new(corpus_ids(1, Split::Train).unwrap());
        let mut losses = vec![];
        let report = |progress: cutaway_train::trainer::training::Progress, _: &[f32]| {
            losses.push(progress.loss);
            Ok(())
        };
        train(&model, &plan, &mut windows, 4, report).unwrap();
        losses
    };
    let (one, two) = (losses(1), losses(2));
    assert!(one[1] < one[0] - 0.1, "{one:?}");
    assert!(one.iter().zip(&two).all(|(a, b)| (a - b).abs() < 1e-3), "{one:?} {two:?}");
}
