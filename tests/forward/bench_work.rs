//! The work of a benchmark equals the costs of a run with an observer. Those equal what a counting number type counts
//! (`cost_is_counted.rs`).

use crate::common::{load, some_tokens, tiny_gguf};
use cutaway::batch::{Batch, SeqId};
use cutaway::engine::Engine;
use cutaway::kv_cache::KvFormat;
use cutaway::measure::bench::{BenchError, BenchOptions, PathProfile, Runner, Test, TestKind, Work, grid};
use cutaway::measure::inspect::{Decode, kv_read_bytes};
use cutaway::observe::{Interests, Observer, Op, OpAt, OpWork};

/// Adds up the FLOPs of matrices, and of attention.
#[derive(Default)]
struct FlopCounter {
    matrices: u64,
    attention: u64,
    /// Outputs of matrices: at most this many of their FLOPs are the addition of a bias.
    made: u64,
}

const MATRICES: [Op; 9] =
    [Op::AttnQ, Op::AttnK, Op::AttnV, Op::AttnOutput, Op::FfnGateInp, Op::FfnGate, Op::FfnUp, Op::FfnDown, Op::Output];

impl Observer for FlopCounter {
    fn interests(&self) -> Interests {
        Interests::OPS
    }

    fn end(&mut self, at: OpAt, work: &OpWork) {
        if MATRICES.contains(&at.op) {
            self.matrices += work.cost.flops;
            self.made += work.cost.activation_write / 4;
        }
        if at.op == Op::Attention {
            self.attention += work.cost.flops;
        }
    }
}

/// The costs of the naive path for a prompt of `n` tokens after `depth` others, with logits for the last.
fn watched(case: &tiny_gguf::Case, depth: usize, n: usize) -> FlopCounter {
    let model = load(case);
    let mut engine = Engine::naive(&model).unwrap();
    let mut cache = engine.new_cache(KvFormat::F32, 64);
    let tokens = some_tokens(depth + n, model.config.n_vocab, 1);
    if depth > 0 {
        let before = Batch::prompt(SeqId(0), 0, &tokens[..depth]).without_logits();
        engine.forward(&before, &mut cache, &mut FlopCounter::default()).unwrap();
    }
    let mut adder = FlopCounter::default();
    engine.forward(&Batch::prompt(SeqId(0), depth, &tokens[depth..]), &mut cache, &mut adder).unwrap();
    adder
}

#[test]
fn multiply_adds_are_those_of_the_cost_model() {
    for case in tiny_gguf::cases() {
        for (depth, n) in [(0, 1), (0, 7), (5, 3)] {
            let model = load(&case);
            let test = Test { kind: TestKind::Prompt(n), depth };
            let work = Work::of(&model, test, PathProfile::NAIVE, 512, KvFormat::F32);
            let found = watched(&case, depth, n);
            // Per score: head_dim_k + head_dim_v multiply-adds, and 4 FLOPs of softmax.
            let mut attention_macs = 0;
            let mut softmax = 0;
            for layer in &model.config.layers {
                let visible: usize = (depth..depth + n).map(|p| layer.window.unwrap_or(p + 1).min(p + 1)).sum();
                attention_macs += layer.n_head * (layer.head_dim_k + layer.head_dim_v) * visible;
                softmax += 4 * layer.n_head * visible;
            }
            assert_eq!(found.attention, (2 * attention_macs + softmax) as u64, "{}", case.name);
            let matrix_macs = work.macs() - attention_macs as u64;
            let biases = found.matrices - 2 * matrix_macs;
            let has_bias = model.weights.layers[0].attn_q.bias.is_some();
            assert!(if has_bias { biases > 0 && biases <= found.made } else { biases == 0 }, "{}: {biases}", case.name);
            assert_eq!((work.tokens, work.passes, work.quantised_macs), (n as u64, 1, 0), "{}", case.name);
        }
    }
}

#[test]
fn a_generation_reads_all_weights_for_every_token_and_what_it_sees() {
    let model = load(&tiny_gguf::named("llama-gqa-q8_0"));
    let decode = Decode::of(&model);
    let test = Test { kind: TestKind::Generate(4), depth: 10 };
    let work = Work::of(&model, test, PathProfile::OPTIMIZED, 512, KvFormat::F16);
    assert_eq!((work.tokens, work.passes), (4, 4));
    assert_eq!(work.weight_bytes, 4 * decode.weight_bytes_per_token);
    assert_eq!(work.kv_bytes, (11 + 12 + 13 + 14) * decode.kv_bytes_per_position_f16);
    assert_eq!(kv_read_bytes(&model.config, KvFormat::F16, 3), 3 * decode.kv_bytes_per_position_f16);

    // The same tokens as a prompt: one pass, and only the last token goes through the output matrix.
    let prompt =
        Work::of(&model, Test { kind: TestKind::Prompt(4), ..test }, PathProfile::OPTIMIZED, 512, KvFormat::F16);
    assert_eq!((prompt.passes, prompt.weight_bytes), (1, decode.weight_bytes_per_token));
    assert!(prompt.macs() < work.macs());
    // In two passes the weights are read twice. The first pass wants no logits, so its last block has no queries.
    let cut = Work::of(&model, Test { kind: TestKind::Prompt(4), ..test }, PathProfile::OPTIMIZED, 2, KvFormat::F16);
    assert_eq!((cut.passes, cut.weight_bytes), (2, 2 * prompt.weight_bytes));
    assert_eq!(cut.macs(), prompt.macs());
}

#[test]
fn a_window_bounds_what_is_read() {
    let model = load(&tiny_gguf::named("gemma3-f32"));
    let window = model.config.layers.iter().find_map(|layer| layer.window).expect("gemma 3 has windows");
    let per_position = Decode::of(&model).kv_bytes_per_position_f16;
    let bytes = |n: usize| kv_read_bytes(&model.config, KvFormat::F16, n);
    assert_eq!(bytes(window), window as u64 * per_position);
    assert!(bytes(window + 8) < bytes(window) + 8 * per_position);
    assert!(bytes(window + 8) > bytes(window), "some layers see everything");
}

#[test]
fn what_is_decoded_is_read_as_f32() {
    let model = load(&tiny_gguf::named("llama-gqa-q8_0"));
    let test = Test { kind: TestKind::Generate(1), depth: 0 };
    let work = |profile| Work::of(&model, test, profile, 1, KvFormat::F16);
    let (naive, optimized) = (work(PathProfile::NAIVE), work(PathProfile::OPTIMIZED));
    // Alone, a token multiplies with each weight once: four bytes for each multiply-add with a (here quantised) matrix.
    assert_eq!(naive.weight_bytes, 4 * optimized.quantised_macs);
    assert_eq!(naive.macs(), optimized.macs());
    assert!(optimized.weight_bytes < naive.weight_bytes / 3);
}

/// Both paths run every test, at any depth, in any order and again; a test that does not fit is refused before it starts.
#[test]
fn tests_run_in_any_order_and_leave_nothing_behind() {
    let model = load(&tiny_gguf::named("llama-gqa-q8_0"));
    let engines = [
        Engine::naive(&model).unwrap(),
        Engine::optimized(&model, cutaway::optimized::Options { n_threads: 2, ..Default::default() }).unwrap(),
    ];
    for mut engine in engines {
        let n_ctx = engine.config().n_ctx;
        let tests = grid(&[5, 1], &[3], &[0, 4, n_ctx - 5]);
        let options = BenchOptions { chunk: 2, bos: Some(1), ..BenchOptions::default() };
        let mut runner = Runner::new(&mut engine, options, &tests).unwrap();
        for _ in 0..2 {
            for &test in tests.iter().rev().chain(&tests) {
                runner.warm_up(test).unwrap();
                runner.sample(test).unwrap();
            }
        }
        let too_long = [Test { kind: TestKind::Generate(6), depth: n_ctx - 5 }];
        let refused = Runner::new(&mut engine, options, &too_long).err();
        assert!(matches!(refused, Some(BenchError::Context { needed, .. }) if needed == n_ctx + 1), "{refused:?}");
    }
}
