//! Programs rely on the names of operations and hooks, and on their order: this test fixes both.

use crate::common::{f32_cases, load, some_tokens};
use cutaway::batch::{Batch, SeqId};
use cutaway::kv_cache::KvFormat;
use cutaway::model::{TracePoint, trace_points};
use cutaway::naive::Transformer;
use cutaway::observe::{Event, HookAt, HookFilter, Interests, Observer, Off, Op, OpAt, OpWork, TensorView};
use cutaway::optimized;

/// Records every call.
#[derive(Default)]
struct Recorder {
    points: Vec<TracePoint>,
    ops: Vec<String>,
    hooks: Vec<HookAt>,
    shapes: Vec<Vec<usize>>,
    values: Vec<Vec<f32>>,
    events: Vec<Event>,
    open: Option<OpAt>,
}

impl Observer for Recorder {
    fn begin(&mut self, at: OpAt) {
        assert_eq!(self.open.replace(at), None, "operations do not nest");
    }
    fn end(&mut self, at: OpAt, _: &OpWork) {
        assert_eq!(self.open.take(), Some(at), "what begins is what ends");
        self.points.push(TracePoint::Op(at));
        self.ops.push(at.to_string());
    }
    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        assert_eq!(value.shape.iter().product::<usize>(), value.values.len(), "{at}");
        assert!(value.values.iter().all(|x| !x.is_nan()), "{at} holds NaN");
        self.points.push(TracePoint::Hook(at));
        self.hooks.push(at);
        self.shapes.push(value.shape.to_vec());
        self.values.push(value.values.to_vec());
    }
    fn event(&mut self, event: &Event) {
        self.events.push(event.clone());
    }
}

impl Recorder {
    /// The values shown under a name.
    fn seen(&self, name: &str) -> Option<&[f32]> {
        let at = self.hooks.iter().position(|hook| hook.to_string() == name)?;
        Some(&self.values[at])
    }
}

fn watch(case: &str, n: usize) -> (Transformer, Recorder) {
    let mut model = Transformer::new(&load(&crate::common::tiny_gguf::named(case))).unwrap();
    let mut cache = model.new_cache(KvFormat::F32, 64);
    let tokens = some_tokens(n, model.config().n_vocab, 1);
    let mut recorder = Recorder::default();
    model.forward(&Batch::prompt(SeqId(0), 0, &tokens), &mut cache, &mut recorder).unwrap();
    (model, recorder)
}

/// One block's names in order, without the block's number.
fn of_block_0(names: &[String], prefix: &str) -> String {
    names.iter().filter_map(|name| name.strip_prefix(prefix)).collect::<Vec<_>>().join(" ")
}

/// On both paths an observer gets the operations and hooks that follow from the model's features, in that order.
#[test]
fn both_paths_report_exactly_what_the_list_says() {
    for case in f32_cases() {
        let loaded = load(&crate::common::tiny_gguf::named(&case.name));
        let listed = trace_points(&loaded.config, &loaded.weights);
        let (model, recorder) = watch(&case.name, 5);
        assert_eq!(recorder.points, listed, "{}, naive", case.name);
        assert_eq!(recorder.hooks, model.hooks(), "{}, naive", case.name);
        assert_eq!(recorder.ops, model.ops().iter().map(OpAt::to_string).collect::<Vec<_>>(), "{}, naive", case.name);
        assert!(matches!(recorder.events[0], Event::Forward { n_tokens: 5, n_logits: 1, n_sequences: 1 }));
        assert!(matches!(recorder.events[1], Event::Kv { positions: 5, .. }));

        let mut fast = optimized::Transformer::new(&loaded, optimized::Options::default()).unwrap();
        let (mut cache, mut recorder) = (fast.new_cache(KvFormat::F32, 64), Recorder::default());
        let tokens = some_tokens(5, loaded.config.n_vocab, 1);
        fast.forward(&Batch::prompt(SeqId(0), 0, &tokens), &mut cache, &mut recorder).unwrap();
        let unavailable = |hook: HookAt| optimized::Transformer::UNAVAILABLE.contains(&hook.hook);
        let shown: Vec<TracePoint> = listed.into_iter().filter(|at| !at.hook().is_some_and(unavailable)).collect();
        assert_eq!(recorder.points, shown, "{}, optimized", case.name);
        assert_eq!(recorder.hooks, fast.hooks(), "{}, optimized", case.name);
    }
}

/// Operations as they ran: the first of each group, and what the group covers.
#[derive(Default)]
struct Groups(Vec<(OpAt, &'static [Op])>);

impl Observer for Groups {
    fn interests(&self) -> Interests {
        Interests::OPS
    }
    fn end(&mut self, at: OpAt, work: &OpWork) {
        self.0.push((at, work.covers));
    }
}

/// An observer of times leaves operations fused, and is told of every operation of the list all the same: each report says
/// which it covers. The numbers are those of an unwatched pass.
#[test]
fn an_observer_of_times_watches_the_program_that_runs_unwatched() {
    for case in f32_cases() {
        let model = load(&crate::common::tiny_gguf::named(&case.name));
        let mut fast = optimized::Transformer::new(&model, optimized::Options::default()).unwrap();
        for n in [1, 5] {
            let batch = Batch::prompt(SeqId(0), 0, &some_tokens(n, model.config.n_vocab, 1));
            let (mut groups, mut cache) = (Groups::default(), fast.new_cache(KvFormat::F32, 64));
            let watched = fast.forward(&batch, &mut cache, &mut groups).unwrap();
            let unwatched = fast.forward(&batch, &mut fast.new_cache(KvFormat::F32, 64), &mut Off).unwrap();
            assert!(watched.rows().eq(unwatched.rows()), "{}: {n} tokens", case.name);

            assert!(groups.0.iter().all(|(at, covers)| covers.first() == Some(&at.op)), "{}", case.name);
            let fused = groups.0.iter().filter(|(_, covers)| covers.len() > 1).count();
            assert!(fused >= 2 * model.config.n_layer(), "{}: {fused} groups", case.name);
            let op = |layer, &op| OpAt { op, layer };
            let mut covered: Vec<String> =
                groups.0.iter().flat_map(|(at, covers)| covers.iter().map(|it| op(at.layer, it).to_string())).collect();
            let mut listed: Vec<String> = fast.ops().iter().map(OpAt::to_string).collect();
            covered.sort();
            listed.sort();
            assert_eq!(covered, listed, "{}: {n} tokens", case.name);
        }
    }
}

#[test]
fn the_order_of_names_is_pinned() {
    let (model, recorder) = watch("llama-gqa-f32", 5);
    let hooks: Vec<String> = model.hooks().iter().map(HookAt::to_string).collect();
    assert_eq!(hooks[0], "hook_embed");
    assert_eq!(
        of_block_0(&hooks, "blocks.0."),
        "hook_resid_pre ln1.hook_scale ln1.hook_normalized ln1.hook_out attn.hook_q attn.hook_k attn.hook_v \
         attn.hook_rot_q attn.hook_rot_k attn.hook_attn_scores attn.hook_pattern attn.hook_z attn.hook_out \
         hook_attn_out hook_resid_mid ln2.hook_scale ln2.hook_normalized ln2.hook_out mlp.hook_pre \
         mlp.hook_pre_linear mlp.hook_post mlp.hook_out hook_mlp_out hook_resid_post"
    );
    let end: Vec<&str> = hooks.iter().rev().take(4).rev().map(String::as_str).collect();
    assert_eq!(end, ["ln_final.hook_scale", "ln_final.hook_normalized", "ln_final.hook_out", "unembed.hook_out"]);

    assert_eq!(recorder.ops[0], "token_embd");
    assert_eq!(
        of_block_0(&recorder.ops, "blk.0."),
        "attn_norm attn_q attn_k attn_v rope_q rope_k kv_write kv_read attention attn_output attn_residual ffn_norm \
         ffn_gate ffn_up ffn_act ffn_down ffn_residual"
    );
    assert_eq!(recorder.ops[recorder.ops.len() - 2..], ["output_norm", "output"]);
}

#[test]
fn the_names_of_experts_and_of_extra_norms_are_pinned() {
    let (model, recorder) = watch("mixtral-f32", 5);
    let hooks: Vec<String> = model.hooks().iter().map(HookAt::to_string).collect();
    let experts = "mlp.hook_expert_scores mlp.hook_expert_indices mlp.hook_expert_weights mlp.hook_pre \
                   mlp.hook_pre_linear mlp.hook_post mlp.hook_out mlp.hook_experts_out hook_mlp_out";
    assert!(of_block_0(&hooks, "blocks.0.").contains(experts));
    assert!(
        of_block_0(&recorder.ops, "blk.0.")
            .contains("ffn_gate_inp ffn_route ffn_gate ffn_up ffn_act ffn_down ffn_combine")
    );

    let (model, recorder) = watch("gemma3-f32", 5);
    let hooks = of_block_0(&model.hooks().iter().map(HookAt::to_string).collect::<Vec<_>>(), "blocks.0.");
    assert!(hooks.contains("attn.hook_v attn.q_norm.hook_out attn.k_norm.hook_out attn.hook_rot_q"));
    assert!(
        hooks.contains("attn.hook_out ln1_post.hook_scale ln1_post.hook_normalized ln1_post.hook_out hook_attn_out")
    );
    assert!(of_block_0(&recorder.ops, "blk.0.").contains("ffn_down post_ffw_norm ffn_residual"));
}

#[test]
fn shapes_are_what_the_registry_says() {
    let (model, recorder) = watch("llama-gqa-f32", 5);
    let (config, layer) = (model.config(), &model.config().layers[0]);
    let shape = |name: &str| {
        let at = recorder.hooks.iter().position(|hook| hook.to_string() == name).unwrap();
        recorder.shapes[at].clone()
    };
    assert_eq!(shape("blocks.0.attn.hook_q"), [5, layer.n_head, layer.head_dim_k]);
    assert_eq!(shape("blocks.0.attn.hook_rot_k"), [5, layer.n_head_kv, layer.head_dim_k]);
    assert_eq!(shape("blocks.0.attn.hook_pattern"), [layer.n_head, 5, 5]);
    assert_eq!(shape("blocks.0.ln1.hook_scale"), [5, 1]);
    assert_eq!(shape("blocks.0.mlp.hook_post"), [5, layer.n_ff]);
    assert_eq!(shape("unembed.hook_out"), [1, config.n_vocab]);
}

/// A name means the same as in TransformerLens.
#[test]
fn values_are_what_their_names_say() {
    let (model, gpt2) = watch("gpt2-f32", 5);
    let table = model.weights().position_embd.as_ref().unwrap();
    let positions: Vec<f32> = table.rows().into_iter().take(5).flatten().copied().collect();
    assert_eq!(gpt2.seen("hook_pos_embed").unwrap(), positions, "the position vectors alone");
    let sum: Vec<f32> = gpt2.seen("hook_embed").unwrap().iter().zip(&positions).map(|(a, b)| a + b).collect();
    assert_eq!(gpt2.seen("blocks.0.hook_resid_pre").unwrap(), sum);
    assert!(gpt2.seen("blocks.0.mlp.hook_pre").is_some(), "what the non-linearity bends is always `hook_pre`");
    assert!(gpt2.seen("blocks.0.mlp.hook_pre_linear").is_none(), "and nothing is multiplied without a gate");

    let (_, llama) = watch("llama-gqa-f32", 5);
    let scores = llama.seen("blocks.0.attn.hook_attn_scores").unwrap().chunks(5);
    for (scores, pattern) in scores.zip(llama.seen("blocks.0.attn.hook_pattern").unwrap().chunks(5)) {
        let sum: f32 = scores.iter().map(|score| score.exp()).sum();
        for (score, p) in scores.iter().zip(pattern) {
            assert!((score.exp() / sum - p).abs() < 1e-6, "the pattern is the softmax of the scores as shown");
        }
    }
}

#[test]
fn every_operation_with_a_hook_shows_its_result() {
    let (model, recorder) = watch("gemma3-f32", 3);
    let shown: Vec<_> = recorder.hooks.iter().map(|at| at.hook).collect();
    for op in Op::ALL.iter().filter(|op| recorder.ops.iter().any(|name| name.ends_with(op.name()))) {
        assert!(op.hook().is_none_or(|hook| shown.contains(&hook)), "{} computes in silence", op.name());
    }
    assert!(
        HookFilter::new("blocks.*.hook_resid_post", &model.hooks()).unwrap().chosen().len() == model.config().n_layer()
    );
    assert!(HookFilter::new("blocks.0.attn.hook_qq", &model.hooks()).is_err());
}

/// Wants some values, and records which it is shown.
struct FilteredObserver {
    filter: HookFilter,
    shown: Vec<HookAt>,
}

impl Observer for FilteredObserver {
    fn interests(&self) -> Interests {
        Interests::ACTIVATIONS
    }

    fn wants(&self, at: HookAt) -> bool {
        self.filter.contains(at)
    }
    fn activation(&mut self, at: HookAt, _: TensorView<'_>) {
        self.shown.push(at);
    }
}

/// On both paths an observer is shown the values that it wants and no others.
#[test]
fn only_what_is_wanted_is_shown() {
    for case in ["llama-gqa-f32", "mixtral-f32"] {
        let model = load(&crate::common::tiny_gguf::named(case));
        let batch = Batch::prompt(SeqId(0), 0, &some_tokens(5, model.config.n_vocab, 1));
        let mut naive = Transformer::new(&model).unwrap();
        let mut fast = optimized::Transformer::new(&model, optimized::Options::default()).unwrap();
        for patterns in ["*hook_normalized", "*hook_scale, hook_embed", "*.mlp.hook_p*", "blocks.1.attn.hook_q"] {
            let filter = HookFilter::new(patterns, &fast.hooks()).unwrap();
            let filtered = || FilteredObserver { filter: filter.clone(), shown: Vec::new() };

            let mut observer = filtered();
            naive.forward(&batch, &mut naive.new_cache(KvFormat::F32, 8), &mut observer).unwrap();
            assert_eq!(observer.shown, filter.chosen(), "{case}, naive: {patterns}");

            let (mut observer, mut cache) = (filtered(), fast.new_cache(KvFormat::F32, 8));
            fast.forward(&batch, &mut cache, &mut observer).unwrap();
            assert_eq!(observer.shown, filter.chosen(), "{case}, optimized: {patterns}");
        }
    }
}
