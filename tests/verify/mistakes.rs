//! `verify` names what is wrong. Each test puts a realistic mistake into one operation of the naive path ([`Ops`]) or into one
//! kernel ([`Kernels`]), and requires that verify names the operation, the block and the hook.
//!
//! Most mistakes are planted in one block only. Both modes must name the same place: locked, because every operation gets
//! right inputs; free, because what comes before the mistake is right.

use crate::common::tiny_gguf::{self, TinyModel};
use crate::common::{load, some_tokens};
use cutaway::gguf::Gguf;
use cutaway::kernels::{ActBlock, BlockGemm, Gemm, Kernels};
use cutaway::kv_cache::{KvFormat, KvFormats};
use cutaway::measure::verify::kernels::verify_kernels;
use cutaway::measure::verify::{Candidate, Divergence, Mode, Phase, VerifyOptions, verify};
use cutaway::model::{self, LoadOptions, Model, RopePairing};
use cutaway::naive::ops::{NormOutput, Routing};
use cutaway::naive::weights::Frequencies;
use cutaway::naive::{AttentionOutput, Ops, ReferenceOps, Transformer};
use cutaway::optimized::{self, ActPrecision};
use ndarray::{Array1, Array2, Array3, s};
use std::cell::Cell;
use std::ops::Range;

/// The first divergence in each mode; `chunk` tokens at a time.
fn divergences(
    model: &Model,
    candidate: &mut dyn Candidate,
    chunk: usize,
    kv: impl Into<KvFormats>,
) -> [Divergence; 2] {
    let (tokens, kv) = (some_tokens(14, model.config.n_vocab, 3), kv.into());
    [Mode::Locked, Mode::Free].map(|mode| {
        let options = VerifyOptions { mode, decode: 2, chunk, kv };
        let report = verify(model, candidate, &tokens, &options, |_, _| {}).unwrap();
        assert!(!report.passed, "{mode:?}: the mistake was not seen");
        report.first_divergence.unwrap_or_else(|| panic!("{mode:?}: only seen in the logits"))
    })
}

// ------------------------------------------------------------------------------------- operations of the naive path

/// Counts the calls of one operation, which is called `per_pass` times in a pass. The mistake is made at call `at`.
struct MistakeAtCall {
    at: usize,
    per_pass: usize,
    calls: Cell<usize>,
}

impl MistakeAtCall {
    fn at(at: usize, per_pass: usize) -> Self {
        Self { at, per_pass, calls: Cell::new(0) }
    }

    fn now(&self) -> bool {
        let call = self.calls.replace(self.calls.get() + 1);
        call % self.per_pass == self.at
    }
}

/// Runs `case` with wrong operations; the mistake must be found in operation `op`, at `hook`.
#[track_caller]
fn names(case: &str, ops: impl Ops<f32> + Send + 'static, op: &str, hook: &str) {
    let model = load(&tiny_gguf::named(case));
    let mut candidate = Transformer::with_ops(&model, ops).unwrap();
    for found in divergences(&model, &mut candidate, 32, KvFormat::F32) {
        assert_eq!((found.op, found.hook.as_str()), (op, hook), "{found}");
        let block = hook.split('.').nth(1).filter(|_| hook.starts_with("blocks."));
        assert_eq!(found.layer.map(|layer| layer.to_string()).as_deref(), block);
    }
}

struct SwappedGateUp(MistakeAtCall);
impl Ops<f32> for SwappedGateUp {
    fn activate(&self, kind: model::ActFn, gate: Option<&Array2<f32>>, up: &Array2<f32>) -> Array2<f32> {
        match gate {
            Some(gate) if self.0.now() => ReferenceOps.activate(kind, Some(up), gate),
            gate => ReferenceOps.activate(kind, gate, up),
        }
    }
}

#[test]
fn swapped_gate_and_up() {
    names("gemma3-f32", SwappedGateUp(MistakeAtCall::at(2, 6)), "ffn_act", "blocks.2.mlp.hook_post");
}

struct WrongActivation(MistakeAtCall);
impl Ops<f32> for WrongActivation {
    fn activate(&self, kind: model::ActFn, gate: Option<&Array2<f32>>, up: &Array2<f32>) -> Array2<f32> {
        let kind = if self.0.now() { model::ActFn::Gelu } else { kind };
        ReferenceOps.activate(kind, gate, up)
    }
}

#[test]
fn gelu_for_silu() {
    names("llama-gqa-q4_k", WrongActivation(MistakeAtCall::at(1, 2)), "ffn_act", "blocks.1.mlp.hook_post");
}

/// What may be wrong about attention: a function from right arguments to wrong ones.
struct WrongAttention<F>(MistakeAtCall, F);
impl<F: Fn(&mut Array3<f32>, &mut Vec<Range<usize>>, &mut f32)> Ops<f32> for WrongAttention<F> {
    fn attention(
        &self,
        q: &Array3<f32>,
        k: &Array3<f32>,
        v: &Array3<f32>,
        visible: &[Range<usize>],
        scale: f32,
    ) -> AttentionOutput<f32> {
        let (mut k, mut visible, mut scale) = (k.clone(), visible.to_vec(), scale);
        if self.0.now() {
            (self.1)(&mut k, &mut visible, &mut scale);
        }
        ReferenceOps.attention(q, &k, v, &visible, scale)
    }
}

#[test]
fn missing_one_over_root_d() {
    let ops = WrongAttention(MistakeAtCall::at(1, 2), |_: &mut _, _: &mut _, scale: &mut _| *scale = 1.0);
    names("llama-gqa-f32", ops, "attention", "blocks.1.attn.hook_z");
}

#[test]
fn a_window_that_is_one_too_wide() {
    let wider = |_: &mut _, visible: &mut Vec<Range<usize>>, _: &mut _| {
        visible.iter_mut().for_each(|seen| seen.start = seen.start.saturating_sub(1));
    };
    names("gemma3-f32", WrongAttention(MistakeAtCall::at(3, 6), wider), "attention", "blocks.3.attn.hook_z");
}

#[test]
fn a_mask_that_hides_the_token_itself() {
    let hidden = |_: &mut _, visible: &mut Vec<Range<usize>>, _: &mut _| {
        visible.iter_mut().for_each(|seen| seen.end = seen.end.max(2) - 1);
    };
    names("llama-mha-f32", WrongAttention(MistakeAtCall::at(0, 2), hidden), "attention", "blocks.0.attn.hook_z");
}

#[test]
fn queries_that_ask_the_wrong_key_head() {
    let turned = |k: &mut Array3<f32>, _: &mut _, _: &mut _| *k = k.slice(s![..;-1, .., ..]).to_owned();
    names("llama-gqa-f32", WrongAttention(MistakeAtCall::at(1, 2), turned), "attention", "blocks.1.attn.hook_z");
}

struct WrongRope<F>(MistakeAtCall, F);
impl<F: Fn(&mut Vec<usize>, &mut Frequencies)> Ops<f32> for WrongRope<F> {
    fn rope(&self, x: &Array3<f32>, positions: &[usize], frequencies: &Frequencies) -> Array3<f32> {
        let (mut positions, mut frequencies) = (positions.to_vec(), frequencies.clone());
        if self.0.now() {
            (self.1)(&mut positions, &mut frequencies);
        }
        ReferenceOps.rope(x, &positions, &frequencies)
    }
}

#[test]
fn rope_with_the_other_pairing() {
    let adjacent = |_: &mut _, frequencies: &mut Frequencies| frequencies.pairing = RopePairing::Adjacent;
    names("gemma3-f32", WrongRope(MistakeAtCall::at(2 * 3 + 1, 12), adjacent), "rope_k", "blocks.3.attn.hook_rot_k");
}

#[test]
fn rope_one_position_late() {
    let late = |positions: &mut Vec<usize>, _: &mut _| positions.iter_mut().for_each(|position| *position += 1);
    names("gemma3-q8_0", WrongRope(MistakeAtCall::at(2 * 4, 12), late), "rope_q", "blocks.4.attn.hook_rot_q");
}

struct WrongNorm(MistakeAtCall);
impl Ops<f32> for WrongNorm {
    /// Divides by the root of the sum, not of the mean.
    fn rms_norm(&self, x: &Array2<f32>, weight: &Array1<f32>, eps: f32) -> NormOutput<f32> {
        let mut normed = ReferenceOps.rms_norm(x, weight, eps);
        if self.0.now() {
            let root = (x.ncols() as f32).sqrt();
            (normed.scale, normed.normalized, normed.out) =
                (normed.scale * root, normed.normalized / root, normed.out / root);
        }
        normed
    }

    /// Forgets the mean.
    fn layer_norm(
        &self,
        x: &Array2<f32>,
        weight: &Array1<f32>,
        bias: Option<&Array1<f32>>,
        eps: f32,
    ) -> NormOutput<f32> {
        if !self.0.now() {
            return ReferenceOps.layer_norm(x, weight, bias, eps);
        }
        let mut normed = ReferenceOps.rms_norm(x, weight, eps);
        bias.into_iter().for_each(|bias| normed.out += bias);
        normed
    }
}

#[test]
fn a_norm_that_divides_by_the_sum() {
    names("llama-gqa-f32", WrongNorm(MistakeAtCall::at(2, 5)), "attn_norm", "blocks.1.ln1.hook_scale");
}

#[test]
fn a_layer_norm_without_its_mean() {
    names("gpt2-f32", WrongNorm(MistakeAtCall::at(3, 5)), "ffn_norm", "blocks.1.ln2.hook_scale");
}

struct WrongLinear<F>(MistakeAtCall, F);
impl<F: Fn(&Array2<f32>, &Array2<f32>, Option<&Array1<f32>>) -> Array2<f32>> Ops<f32> for WrongLinear<F> {
    fn linear(&self, x: &Array2<f32>, w: &Array2<f32>, bias: Option<&Array1<f32>>) -> Array2<f32> {
        if self.0.now() { (self.1)(x, w, bias) } else { ReferenceOps.linear(x, w, bias) }
    }
}

#[test]
fn a_forgotten_bias() {
    let unbiased = |x: &Array2<f32>, w: &Array2<f32>, _: Option<&Array1<f32>>| ReferenceOps.linear(x, w, None);
    names("qwen2-f32", WrongLinear(MistakeAtCall::at(7 + 2, 15), unbiased), "attn_v", "blocks.1.attn.hook_v");
}

#[test]
fn an_unembedding_that_drops_its_last_input() {
    let short = |x: &Array2<f32>, w: &Array2<f32>, bias: Option<&Array1<f32>>| {
        let mut x = x.clone();
        x.slice_mut(s![.., -1]).fill(0.0);
        ReferenceOps.linear(&x, w, bias)
    };
    names("llama-gqa-q6_k", WrongLinear(MistakeAtCall::at(14, 15), short), "output", "unembed.hook_out");
}

struct LostResidual(MistakeAtCall);
impl Ops<f32> for LostResidual {
    fn add(&self, x: &mut Array2<f32>, y: &Array2<f32>) {
        if self.0.now() { x.assign(y) } else { ReferenceOps.add(x, y) }
    }
}

#[test]
fn a_residual_stream_that_is_overwritten() {
    names("llama-gqa-f32", LostResidual(MistakeAtCall::at(2, 4)), "attn_residual", "blocks.1.hook_resid_mid");
}

struct UnscaledEmbedding;
impl Ops<f32> for UnscaledEmbedding {
    fn embed(&self, tokens: &[u32], table: &Array2<f32>, _: Option<f32>) -> Array2<f32> {
        ReferenceOps.embed(tokens, table, None)
    }
}

#[test]
fn a_forgotten_embedding_scale() {
    names("gemma3-f32", UnscaledEmbedding, "token_embd", "hook_embed");
}

struct NoSoftcap;
impl Ops<f32> for NoSoftcap {
    fn softcap(&self, x: &Array2<f32>, _: f32) -> Array2<f32> {
        x.clone()
    }
}

#[test]
fn a_forgotten_softcap() {
    names("gemma3-pattern3-f32", NoSoftcap, "logit_softcap", "unembed.hook_logits");
}

struct WrongExpert(MistakeAtCall);
impl Ops<f32> for WrongExpert {
    fn expert_linear(&self, x: &Array2<f32>, w: &[Array2<f32>], experts: &[usize]) -> Array2<f32> {
        let shift = usize::from(self.0.now());
        let experts: Vec<usize> = experts.iter().map(|expert| (expert + shift) % w.len()).collect();
        ReferenceOps.expert_linear(x, w, &experts)
    }
}

#[test]
fn the_neighbours_expert() {
    names("mixtral-f32", WrongExpert(MistakeAtCall::at(3 + 2, 6)), "ffn_down", "blocks.1.mlp.hook_out");
}

struct WrongRouter<F>(MistakeAtCall, F);
impl<F: Fn(&Array2<f32>, model::Experts) -> Routing<f32>> Ops<f32> for WrongRouter<F> {
    fn route(&self, scores: &Array2<f32>, config: &model::Experts) -> Routing<f32> {
        if self.0.now() { (self.1)(scores, *config) } else { ReferenceOps.route(scores, config) }
    }
}

#[test]
fn a_router_that_does_not_renormalise() {
    let plain = |scores: &Array2<f32>, config: model::Experts| {
        ReferenceOps.route(scores, &model::Experts { renormalize: false, ..config })
    };
    names("mixtral-f32", WrongRouter(MistakeAtCall::at(1, 2), plain), "ffn_route", "blocks.1.mlp.hook_expert_weights");
}

#[test]
fn a_router_that_chooses_the_worst() {
    let worst =
        |scores: &Array2<f32>, config: model::Experts| ReferenceOps.route(&scores.mapv(|score| -score), &config);
    names("mixtral-q4_0", WrongRouter(MistakeAtCall::at(1, 2), worst), "ffn_route", "blocks.1.mlp.hook_expert_indices");
}

/// Two mistakes at once are two divergences in locked mode, in which every operation gets right inputs.
#[test]
fn the_second_mistake_is_listed_too() {
    struct Two(LostResidual, SwappedGateUp);
    impl Ops<f32> for Two {
        fn add(&self, x: &mut Array2<f32>, y: &Array2<f32>) {
            self.0.add(x, y);
        }
        fn activate(&self, kind: model::ActFn, gate: Option<&Array2<f32>>, up: &Array2<f32>) -> Array2<f32> {
            self.1.activate(kind, gate, up)
        }
    }
    let model = load(&tiny_gguf::named("llama-gqa-f32"));
    let ops = Two(LostResidual(MistakeAtCall::at(1, 4)), SwappedGateUp(MistakeAtCall::at(1, 2)));
    let mut candidate = Transformer::with_ops(&model, ops).unwrap();
    let tokens = some_tokens(9, model.config.n_vocab, 3);
    let report = verify(&model, &mut candidate, &tokens, &VerifyOptions::default(), |_, _| {}).unwrap();
    let hooks: Vec<_> = report.first_divergence.iter().chain(&report.other_divergences).map(|d| &d.hook).collect();
    assert_eq!(hooks, ["blocks.0.hook_resid_post", "blocks.1.mlp.hook_post"]);
}

// ------------------------------------------------------------------------------------- kernels of the optimized path

fn with_kernels(model: &Model, kernels: Kernels) -> optimized::Transformer {
    optimized::Transformer::new(model, optimized::Options { n_threads: 1, kernels, ..Default::default() }).unwrap()
}

/// Runs `model` with a wrong kernel, on few columns at a time or on many, with keys and values in f16.
#[track_caller]
fn names_kernel(model: &Model, chunk: usize, kernels: Kernels, op: &str, hook: &str) -> [Divergence; 2] {
    let found = divergences(model, &mut with_kernels(model, kernels), chunk, KvFormat::F16);
    found.iter().for_each(|found| assert_eq!((found.op, found.hook.as_str()), (op, hook), "{found}"));
    found
}

fn named(case: &str) -> Model {
    load(&tiny_gguf::named(case))
}

/// The first matrix that reads activations of 16 bits, and the first that reads them with 8.
const ATTN_Q: [&str; 2] = ["attn_q", "blocks.0.attn.hook_q"];
const ATTN_OUTPUT: [&str; 2] = ["attn_output", "blocks.0.attn.hook_out"];

#[test]
fn a_stale_accumulator() {
    let a8: Gemm = |n_in, tiles, x, y| {
        let stale = y.to_vec(); // what the caller's buffer held before
        (Kernels::scalar().gemm_q4_0.a8)(n_in, tiles, x, y);
        y.iter_mut().zip(stale).for_each(|(y, stale)| *y += stale);
    };
    let right = Kernels::detect();
    let kernels = Kernels { gemm_q4_0: BlockGemm { a8, ..right.gemm_q4_0 }, ..right };
    names_kernel(&named("llama-gqa-q4_0"), 7, kernels, ATTN_OUTPUT[0], ATTN_OUTPUT[1]);
    let report = verify_kernels(&[kernels]);
    let wrong: Vec<_> = report.tables[0].kernels.iter().filter(|kernel| !kernel.passed).collect();
    assert!(!report.passed && wrong.len() == 1 && wrong[0].kernel == "gemm_q4_0.a8", "{wrong:?}");
    assert!(wrong[0].first_difference.as_ref().unwrap().case.contains("16 rows of 32 Q4_0, 1 columns"));
}

#[test]
fn a_panel_without_its_last_strip() {
    let kernels = Kernels {
        gemm_panel: |panel, x, y| {
            let mut x = x.to_vec();
            x.chunks_exact_mut(panel.n_strips).for_each(|x| x[panel.n_strips - 1] = ActBlock::ZERO);
            (Kernels::scalar().gemm_panel)(panel, &x, y);
        },
        ..Kernels::detect()
    };
    for found in names_kernel(&named("llama-gqa-q4_1"), 32, kernels, ATTN_OUTPUT[0], ATTN_OUTPUT[1]) {
        assert_eq!(found.pass.unwrap().phase, Phase::Prefill);
    }
}

#[test]
fn a_kernel_that_is_wrong_for_one_column_only() {
    let a8: Gemm = |n_in, tiles, x, y| {
        (Kernels::scalar().gemm_q8_0.a8)(n_in, tiles, x, y);
        let one_column = x.len() == n_in / 32;
        y.iter_mut().for_each(|y| *y *= if one_column { 2.0 } else { 1.0 });
    };
    let right = Kernels::detect();
    let kernels = Kernels { gemm_q8_0: BlockGemm { a8, ..right.gemm_q8_0 }, ..right };
    for found in names_kernel(&named("llama-gqa-q8_0"), 32, kernels, ATTN_OUTPUT[0], ATTN_OUTPUT[1]) {
        assert_eq!(found.pass.unwrap().phase, Phase::Decode, "prefill is right");
    }
}

/// One format, one tensor, one block: the kernel is wrong, and the file says where it is used.
#[test]
fn a_wrong_scale_in_the_one_tensor_of_its_format() {
    let [mut file, other]: [TinyModel; 2] =
        ["llama-gqa-q4_0", "llama-gqa-q8_0"].map(|name| tiny_gguf::named(name).model());
    let name = "blk.1.ffn_down.weight";
    let odd_one = other.tensors.into_iter().find(|tensor| tensor.name == name).unwrap();
    *file.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap() = odd_one;
    let gguf = Gguf::from_bytes(file.to_bytes()).unwrap();
    let model = Model::load(gguf.into(), LoadOptions::default()).unwrap();
    let a8: Gemm = |n_in, tiles, x, y| {
        (Kernels::scalar().gemm_q8_0.a8)(n_in, tiles, x, y);
        y.iter_mut().for_each(|y| *y *= 0.5);
    };
    let right = Kernels::detect();
    let kernels = Kernels { gemm_q8_0: BlockGemm { a8, ..right.gemm_q8_0 }, ..right };
    names_kernel(&model, 7, kernels, "ffn_down", "blocks.1.mlp.hook_out");
}

#[test]
fn activations_without_their_sums() {
    let kernels = Kernels {
        quantize: |x, blocks| {
            (Kernels::scalar().quantize)(x, blocks);
            blocks.iter_mut().for_each(|block| (block.s, block.sums) = (0.0, [0; 2]));
        },
        ..Kernels::detect()
    };
    names_kernel(&named("gemma3-q4_0"), 7, kernels, ATTN_OUTPUT[0], ATTN_OUTPUT[1]);
}

#[test]
fn a_column_without_its_high_limbs() {
    let a16: Gemm<2> = |n_in, tiles, x, y| {
        let low: Vec<_> = x.iter().map(|x| ActBlock { q: [x.q[0], [0; 32]], ..*x }).collect();
        (Kernels::scalar().gemm_q5_1.a16)(n_in, tiles, &low, y);
    };
    let right = Kernels::detect();
    let kernels = Kernels { gemm_q5_1: BlockGemm { a16, ..right.gemm_q5_1 }, ..right };
    names_kernel(&named("llama-gqa-q5_1"), 7, kernels, ATTN_Q[0], ATTN_Q[1]);
}

/// 0.4 % of a product: less than rounding to 8 bits changes, so free mode can see it only with 16 bits.
#[test]
fn high_limbs_worth_256_instead_of_255() {
    let kernels = Kernels {
        gemm_panel_a16: |panel, x, y| {
            (Kernels::scalar().gemm_panel_a16)(panel, x, y);
            let high = |x: &ActBlock<2>| {
                let sum = |half: usize| x.q[1][16 * half..][..16].iter().map(|&q| i32::from(q)).sum::<i32>();
                let sums = [sum(0), sum(1)];
                ActBlock { q: [x.q[1]], d: x.d, s: x.d * (sums[0] + sums[1]) as f32, sums }
            };
            let (high, mut once_more): (Vec<ActBlock>, _) = (x.iter().map(high).collect(), vec![0.0; y.len()]);
            (Kernels::scalar().gemm_panel)(panel, &high, &mut once_more);
            y.iter_mut().zip(once_more).for_each(|(y, more)| *y += more);
        },
        ..Kernels::detect()
    };
    let model = named("llama-gqa-q6_k");
    let options = optimized::Options { n_threads: 1, kernels, activations: ActPrecision::A16 };
    let mut candidate = optimized::Transformer::new(&model, options).unwrap();
    for found in divergences(&model, &mut candidate, 32, KvFormat::F32) {
        assert_eq!((found.op, found.hook.as_str()), (ATTN_Q[0], ATTN_Q[1]), "{found}");
    }
}

#[test]
fn the_other_rope() {
    let right = Kernels::detect();
    let kernels = Kernels { rope_adjacent: right.rope_halves, ..right };
    names_kernel(&named("llama-gqa-q5_k"), 32, kernels, "rope_q", "blocks.0.attn.hook_rot_q");
}

#[test]
fn gate_and_up_swapped_in_a_kernel() {
    let kernels =
        Kernels { silu_mul: |gate, up, out| (Kernels::scalar().silu_mul)(up, gate, out), ..Kernels::detect() };
    names_kernel(&named("llama-gqa-f32"), 32, kernels, "ffn_act", "blocks.0.mlp.hook_post");
}

#[test]
fn scores_without_their_scale() {
    let kernels = Kernels {
        qk_f16: |q, k, head_dim, _, scores, stride| (Kernels::scalar().qk_f16)(q, k, head_dim, 1.0, scores, stride),
        ..Kernels::detect()
    };
    names_kernel(&named("qwen3-q6_k"), 32, kernels, "attention", "blocks.0.attn.hook_z");
}

#[test]
fn a_softmax_that_loses_the_last_lane() {
    let kernels = Kernels {
        exp_sum: |x, max| {
            let sum = (Kernels::scalar().exp_sum)(x, max);
            sum - x.get(15).copied().unwrap_or(0.0)
        },
        ..Kernels::detect()
    };
    names_kernel(&named("gpt2-f32"), 32, kernels, "attention", "blocks.0.attn.hook_z");
}

#[test]
fn values_read_from_the_wrong_end_of_a_page() {
    let kernels = Kernels {
        pv_f16: |p, stride, v, head_dim, out| {
            let backwards: Vec<u8> = v.chunks(2 * head_dim).rev().flatten().copied().collect();
            (Kernels::scalar().pv_f16)(p, stride, &backwards, head_dim, out);
        },
        ..Kernels::detect()
    };
    names_kernel(&named("llama-mqa-q4_k"), 32, kernels, "attention", "blocks.0.attn.hook_z");
}

/// A block of the cache holds its numbers 0–15 in the lower halves of its bytes, 16–31 in the upper ones.
#[test]
fn values_in_q4_0_whose_halves_are_taken_for_neighbours() {
    let kernels = Kernels {
        load_v_q4_0: |rows, head_dim, out| {
            (Kernels::scalar().load_v_q4_0)(rows, head_dim, out);
            for block in out.chunks_exact_mut(32) {
                let right = block.to_vec();
                block.iter_mut().enumerate().for_each(|(i, x)| *x = right[i / 2 + 16 * (i % 2)]);
            }
        },
        ..Kernels::detect()
    };
    let (model, kv) = (named("gemma3-f32"), KvFormats { k: KvFormat::Q8_0, v: KvFormat::Q4_0 });
    for found in divergences(&model, &mut with_kernels(&model, kernels), 32, kv) {
        assert_eq!((found.op, found.hook.as_str()), ("attention", "blocks.0.attn.hook_z"), "{found}");
    }
}

#[test]
fn keys_in_q8_0_without_their_sign() {
    let kernels = Kernels {
        load_k_q8_0: |rows, head_dim, out| {
            (Kernels::scalar().load_k_q8_0)(rows, head_dim, out);
            out.iter_mut().for_each(|x| *x = x.abs());
        },
        ..Kernels::detect()
    };
    let model = named("qwen3-q6_k");
    for found in divergences(&model, &mut with_kernels(&model, kernels), 32, KvFormat::Q8_0) {
        assert_eq!((found.op, found.hook.as_str()), ("attention", "blocks.0.attn.hook_z"), "{found}");
    }
}

#[test]
fn a_norm_that_forgets_its_weight() {
    let kernels = Kernels {
        rms_norm: |x, weight, eps, out| (Kernels::scalar().rms_norm)(x, &vec![1.0; weight.len()], eps, out),
        ..Kernels::detect()
    };
    names_kernel(&named("llama-gqa-f32"), 32, kernels, "attn_norm", "blocks.0.ln1.hook_out");
}

#[test]
fn experts_that_are_added_without_their_weights() {
    let kernels = Kernels { add_scaled: |x, _, y| (Kernels::scalar().add_scaled)(x, 0.5, y), ..Kernels::detect() };
    names_kernel(&named("mixtral-q8_0"), 32, kernels, "ffn_combine", "blocks.0.mlp.hook_experts_out");
}

/// NaN is not within any budget, and does not hide behind a comparison that is false.
#[test]
fn a_kernel_that_returns_nan() {
    let kernels = Kernels { gelu_mul: |_, _, out| out.fill(f32::NAN), ..Kernels::detect() };
    let [locked, free] = names_kernel(&named("gemma3-q5_0"), 32, kernels, "ffn_act", "blocks.0.mlp.hook_post");
    assert!(locked.rel_rms.is_nan() && free.rel_rms.is_nan());
}
