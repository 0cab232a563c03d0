//! `verify` passes what is right: every family and format, every table of kernels, and an operation that is written
//! differently. That it names what is wrong is tested in `verify_mistakes.rs`; the command is tested in `cli_verify.rs`.

use crate::common::tiny_gguf::{self, Case};
use crate::common::{load, some_tokens};
use cutaway::kernels::Kernels;
use cutaway::kv_cache::{KvFormat, KvFormats};
use cutaway::measure::verify::kernels::verify_kernels;
use cutaway::measure::verify::{Candidate, Mode, Phase, Report, VerifyError, VerifyOptions, verify};
use cutaway::model::Model;
use cutaway::naive::{self, AttentionOutput, Ops};
use cutaway::observe::{Hook, HookAt};
use cutaway::optimized::{self, ActPrecision, Transformer};
use cutaway::quant::GgmlType;
use ndarray::Array3;
use std::collections::BTreeSet;
use std::ops::Range;

/// Enough for a pass of many columns, one of few, and a window of eight positions.
const N: usize = 21;

fn options(mode: Mode, kv: impl Into<KvFormats>) -> VerifyOptions {
    VerifyOptions { mode, decode: 2, chunk: 16, kv: kv.into() }
}

fn run(model: &Model, candidate: &mut dyn Candidate, options: &VerifyOptions) -> Report {
    let tokens = some_tokens(N, model.config.n_vocab, 3);
    verify(model, candidate, &tokens, options, |_, _| {}).unwrap()
}

fn optimized(model: &Model, kernels: Kernels) -> Transformer {
    Transformer::new(model, optimized::Options { n_threads: 2, kernels, ..Default::default() }).unwrap()
}

/// One thread: several tests run at a time, and threads that wait for each other would take each other's cores. That the
/// number of threads changes no bit is tested in `tests/kernels/optimized_equivalence.rs`.
fn on_one_thread(model: &Model, options: optimized::Options) -> Transformer {
    Transformer::new(model, optimized::Options { n_threads: 1, ..options }).unwrap()
}

/// Each operation by itself, then all one after the other; a prompt in two passes, then decoded tokens.
fn must_pass(case: &Case, kernels: Kernels, kv: impl Into<KvFormats>) {
    let model = load(case);
    let mut candidate = on_one_thread(&model, optimized::Options { kernels, ..Default::default() });
    passes(&case.name, &model, &mut candidate, kv.into());
}

fn passes(case: &str, model: &Model, candidate: &mut Transformer, kv: KvFormats) {
    for mode in [Mode::Locked, Mode::Free] {
        let report = run(model, candidate, &options(mode, kv));
        let first = report.first_divergence.as_ref().map(ToString::to_string);
        let what = format!("{case}, {}, {mode:?}, {kv:?}", report.candidate);
        assert!(report.passed, "{what}: {first:?}, logits {:?}", report.logits);
    }
}

#[test]
fn every_family_and_format_passes() {
    tiny_gguf::all_cases().iter().for_each(|case| must_pass(case, Kernels::detect(), KvFormat::F32));
}

/// What a machine without AVX-512 runs; on one without AVX2 there is nothing to run. Every kernel has the bits of its scalar
/// twin (`tests/kernels`), so each family and each format is enough here, without every pair.
#[test]
fn every_family_and_every_format_passes_with_avx2() {
    let Some(kernels) = Kernels::avx2() else { return };
    tiny_gguf::cases().iter().for_each(|case| must_pass(case, kernels, KvFormat::F32));
}

/// What a machine without vector instructions runs.
#[test]
fn every_family_and_every_format_passes_with_scalar_kernels() {
    tiny_gguf::cases().iter().for_each(|case| must_pass(case, Kernels::scalar(), KvFormat::F32));
}

/// Every format of weights with every pair of formats of keys and values, spread over the families.
#[test]
fn every_family_and_format_passes_with_every_cache() {
    let (n_formats, caches) = (GgmlType::WEIGHTS.len(), crate::common::kv_formats());
    for (i, case) in tiny_gguf::all_cases().iter().enumerate() {
        must_pass(case, Kernels::detect(), caches[(i / n_formats + i) % caches.len()]);
    }
}

/// With 16 bits free mode has a budget of 0.2 %, or 0.5 % with keys and values in f16, instead of 25 %. The two caches take
/// turns, over the formats of a family and over the families of a format.
#[test]
fn every_family_and_format_passes_with_sixteen_bits() {
    let n_formats = GgmlType::WEIGHTS.len();
    for (i, case) in tiny_gguf::all_cases().iter().enumerate() {
        let model = load(case);
        let options = optimized::Options { activations: ActPrecision::A16, ..Default::default() };
        let mut candidate = on_one_thread(&model, options);
        let kv = [KvFormat::F32, KvFormat::F16][(i / n_formats + i) % 2];
        passes(&case.name, &model, &mut candidate, kv.into());
    }
}

#[test]
fn every_kernel_of_every_table_passes() {
    let report = verify_kernels(&Kernels::available());
    assert!(report.passed, "{report:?}");
    for table in report.tables {
        let compared: BTreeSet<String> = table.kernels.into_iter().map(|verdict| verdict.kernel).collect();
        assert_eq!(compared, crate::common::kernel_names(&Kernels::scalar()), "{}", table.table);
    }
}

#[test]
fn a_report_holds_every_value_of_every_pass() {
    let model = load(&tiny_gguf::named("gemma3-q8_0"));
    let mut candidate = optimized(&model, Kernels::detect());
    let report = run(&model, &mut candidate, &options(Mode::Free, KvFormat::F32));
    let compared: Vec<HookAt> = report.ops.iter().map(|line| line.at).collect();
    assert_eq!(compared, Candidate::hooks(&candidate));
    let mut covered = naive::Transformer::new(&model).unwrap().hooks();
    covered.retain(|at| !compared.contains(at));
    assert!(covered.iter().all(|at| [Hook::AttnScores, Hook::Pattern].contains(&at.hook)));
    assert_eq!(report.covered[1].by, "blocks.*.attn.hook_z");

    let tokens: Vec<(Phase, usize, usize)> =
        report.passes.iter().map(|pass| (pass.phase, pass.start, pass.tokens)).collect();
    let expected = [(Phase::Prefill, 0, 16), (Phase::Prefill, 16, 5), (Phase::Decode, 21, 1), (Phase::Decode, 22, 1)];
    assert_eq!(tokens, expected);
    assert_eq!(report.logits.distance.positions, N + 2);
    assert_eq!(report.logits.same_bits_as_watched, Some(true));
}

/// In locked mode errors do not accumulate, and rounding what is on the grid already changes nothing.
#[test]
fn locked_errors_do_not_accumulate() {
    let model = load(&tiny_gguf::named("gemma3-q4_0"));
    let mut candidate = optimized(&model, Kernels::detect());
    let [locked, free] =
        [Mode::Locked, Mode::Free].map(|mode| run(&model, &mut candidate, &options(mode, KvFormat::F32)));
    let error = |report: &Report, hook, layer| {
        report.ops.iter().find(|line| line.at == HookAt { hook, layer }).unwrap().distance.rel_rms
    };
    assert_eq!(error(&locked, Hook::ResidPre, Some(5)), 0.0);
    assert!(error(&free, Hook::ResidPre, Some(5)) > 1e-3);
    assert!(error(&locked, Hook::Q, Some(5)) < 5e-6 && error(&free, Hook::Q, Some(5)) > 1e-3);
}

/// Attention with an online softmax: another implementation of the same formula.
struct OnlineAttention;

impl Ops<f32> for OnlineAttention {
    fn attention(
        &self,
        q: &Array3<f32>,
        k: &Array3<f32>,
        v: &Array3<f32>,
        visible: &[Range<usize>],
        scale: f32,
    ) -> AttentionOutput<f32> {
        let ((n, n_head, dim_k), (n_head_kv, n_kv, dim_v)) = (q.dim(), v.dim());
        let mut z = Array3::zeros((n, n_head, dim_v));
        for (i, h) in (0..n).flat_map(|i| (0..n_head).map(move |h| (i, h))) {
            let kv = h / (n_head / n_head_kv);
            let (mut max, mut sum, mut mix) = (f32::NEG_INFINITY, 0.0, vec![0.0; dim_v]);
            for j in visible[i].clone() {
                let score = (0..dim_k).map(|c| q[[i, h, c]] * k[[kv, j, c]]).sum::<f32>() * scale;
                let new = score.max(max);
                let (fade, weight) = ((max - new).exp(), (score - new).exp());
                (max, sum) = (new, sum * fade + weight);
                mix.iter_mut().enumerate().for_each(|(c, mix)| *mix = *mix * fade + weight * v[[kv, j, c]]);
            }
            mix.iter().enumerate().for_each(|(c, mix)| z[[i, h, c]] = mix / sum);
        }
        let not_kept = Array3::zeros((n_head, n, n_kv));
        AttentionOutput { scores: not_kept.clone(), pattern: not_kept, z }
    }
}

#[test]
fn a_right_foreign_operation_passes() {
    for name in ["llama-gqa-f32", "gemma3-q4_k", "gpt2-f16"] {
        let model = load(&tiny_gguf::named(name));
        let mut candidate = naive::Transformer::with_ops(&model, OnlineAttention).unwrap();
        for mode in [Mode::Locked, Mode::Free] {
            let report = run(&model, &mut candidate, &options(mode, KvFormat::F32));
            assert!(report.passed, "{name}: {:?}", report.first_divergence);
            assert!(
                report.ops.iter().all(|line| line.budget <= 1e-4),
                "no rounding is allowed for where there is none"
            );
        }
        assert!(candidate.describe().contains("OnlineAttention"));
    }
}

#[test]
fn what_cannot_run_is_refused() {
    let model = load(&tiny_gguf::named("llama-gqa-f32"));
    let mut candidate = optimized(&model, Kernels::scalar());
    let options = VerifyOptions::default();
    let mut refused = |tokens: &[u32]| verify(&model, &mut candidate, tokens, &options, |_, _| {}).unwrap_err();
    assert!(matches!(refused(&[]), VerifyError::Empty));
    assert!(matches!(refused(&[5; 256]), VerifyError::TooLong { prompt: 256, decode: 4, n_ctx: 256 }));
    assert!(matches!(refused(&[9999]), VerifyError::Forward(_)));
}
