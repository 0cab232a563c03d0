//! What is predicted of a pass is what the paths report: every operation, in order, in every figure.

use crate::common::{f32_cases, kv_formats, load, some_tokens};
use cutaway::batch::{Batch, SeqId};
use cutaway::kv_cache::{KvFormat, KvLayout};
use cutaway::measure::inspect::{Decode, kv_read_bytes};
use cutaway::measure::predict::{Pass, Storage, decode_curve, pass};
use cutaway::model::Model;
use cutaway::naive;
use cutaway::observe::{Cost, Interests, Observer, Op, OpAt, OpWork};
use cutaway::optimized;

/// The costs of a pass, by operation.
struct Costs {
    interests: Interests,
    ops: Vec<(OpAt, Cost)>,
}

impl Observer for Costs {
    fn interests(&self) -> Interests {
        self.interests
    }
    fn end(&mut self, at: OpAt, work: &OpWork) {
        self.ops.push((at, work.cost));
    }
}

const PASSES: [Pass; 3] = [
    Pass { before: 0, rows: 1, n_logits: 1 },
    Pass { before: 0, rows: 11, n_logits: 1 },
    Pass { before: 11, rows: 1, n_logits: 1 },
];

/// Runs the passes, the third after the second, and compares.
fn compare(
    name: &str,
    model: &Model,
    interests: Interests,
    mut run: impl FnMut(&Batch, bool, &mut Costs),
    check: impl Fn(&str, Pass, &[(OpAt, Cost)]),
) {
    let tokens = some_tokens(12, model.config.n_vocab, 5);
    for of in PASSES {
        let mut costs = Costs { interests, ops: Vec::new() };
        let batch = Batch::prompt(SeqId(0), of.before, &tokens[of.before..of.before + of.rows]);
        run(&batch, of.before == 0, &mut costs);
        check(name, of, &costs.ops);
    }
}

/// A batch of several tokens uses more experts than one token, and how many depends on the tokens.
fn depends_on_tokens(model: &Model, of: Pass) -> bool {
    of.rows > 1 && model.config.layers.iter().any(|layer| layer.experts.is_some())
}

#[test]
fn the_naive_path_costs_what_is_predicted() {
    for case in f32_cases() {
        let model = load(&case);
        for kv in kv_formats().into_iter().step_by(5) {
            let mut path = naive::Transformer::new(&model).unwrap();
            let mut cache = path.new_cache(kv, 64);
            let run = |batch: &Batch, fresh: bool, costs: &mut Costs| {
                if fresh {
                    cache = path.new_cache(kv, 64);
                }
                path.forward(batch, &mut cache, costs).unwrap();
            };
            compare(&case.name, &model, Interests::OPS, run, |name, of, found| {
                let predicted = pass(&model, kv, Storage::F32, of);
                assert_eq!(predicted.len(), found.len());
                for (predicted, found) in predicted.iter().zip(found) {
                    let (mut predicted, mut found) = (*predicted, *found);
                    if depends_on_tokens(&model, of) {
                        (predicted.1.weight_bytes, found.1.weight_bytes) = (0, 0);
                        (predicted.1.dequant, found.1.dequant) = (0, 0);
                    }
                    assert_eq!(predicted, found, "{name}, {kv:?}, {of:?}");
                }
            });
        }
    }
}

/// Operation by operation the optimized path does the same arithmetic, and reads the weights as packed: as many bytes as in
/// the file, where rows come in whole groups of sixteen.
#[test]
fn the_optimized_path_costs_what_is_predicted() {
    for case in crate::common::tiny_gguf::cases() {
        let model = load(&case);
        let mut path = optimized::Transformer::new(&model, optimized::Options::default()).unwrap();
        let mut cache = path.new_cache(KvFormat::Q8_0, 64);
        let run = |batch: &Batch, fresh: bool, costs: &mut Costs| {
            if fresh {
                cache = path.new_cache(KvFormat::Q8_0, 64);
            }
            path.forward(batch, &mut cache, costs).unwrap();
        };
        compare(&case.name, &model, Interests::OPS_AND_ACTIVATIONS, run, |name, of, found| {
            let predicted = pass(&model, KvFormat::Q8_0, Storage::File, of);
            for ((at, predicted), (found_at, found)) in predicted.iter().zip(found) {
                let what = format!("{name}, {of:?}, {at}");
                assert_eq!(at, found_at, "{what}");
                assert_eq!((predicted.flops, predicted.special), (found.flops, found.special), "{what}");
                assert_eq!((predicted.kv_read, predicted.kv_write), (found.kv_read, found.kv_write), "{what}");
                if !depends_on_tokens(&model, of) {
                    assert_eq!(predicted.dequant, found.dequant, "{what}");
                    assert!(found.weight_bytes >= predicted.weight_bytes, "{what}");
                }
            }
            let total = |ops: &[(OpAt, Cost)]| ops.iter().map(|(_, cost)| cost.weight_bytes).sum::<u64>();
            // (A router of four rows is filled up to sixteen, so models with experts are left out.)
            if model.config.layers.iter().all(|layer| layer.experts.is_none()) {
                assert!(total(found) as f64 <= 1.1 * total(&predicted) as f64, "{name}: what is filled up is little");
            }
        });
    }
}

/// `inspect` and the curves say the same as the sum over the operations.
#[test]
fn inspect_agrees_with_the_operations() {
    for case in crate::common::tiny_gguf::cases() {
        let model = load(&case);
        for context in [0, 7, 20] {
            let ops = pass(&model, KvFormat::F16, Storage::File, Pass { before: context, rows: 1, n_logits: 1 });
            let sum = |of: &dyn Fn(&Cost) -> u64| ops.iter().map(|(_, cost)| of(cost)).sum::<u64>();
            assert_eq!(
                sum(&|cost| cost.kv_read),
                kv_read_bytes(&model.config, KvFormat::F16, context + 1),
                "{}",
                case.name
            );
            let position = KvLayout::new(&model.config, KvFormat::F16, KvFormat::F16, 1).position_bytes() as u64;
            assert_eq!(sum(&|cost| cost.kv_write), position, "{}", case.name);
            assert_eq!(position, Decode::of(&model).kv_bytes_per_position_f16, "{}", case.name);

            // Norms and biases are f32 in the file too, but learned positions are added as activations. A table that makes the
            // logits too is read whole, the token's row among it.
            let weights = &model.weights;
            let positions = weights.position_embd.as_ref().map_or(0, |table| table.row_bytes() as u64);
            let twice = if weights.output.is_none() { weights.token_embd.row_bytes() as u64 } else { 0 };
            assert_eq!(
                sum(&|cost| cost.weight_bytes) + positions - twice,
                Decode::of(&model).weight_bytes_per_token,
                "{}: {:?}",
                case.name,
                ops.iter().map(|(at, cost)| (at.to_string(), cost.weight_bytes)).collect::<Vec<_>>()
            );

            let curve = decode_curve(&model, KvFormat::F16, &[context]);
            let total = |i: usize| curve[i].projection_flops + curve[i].attention_flops + curve[i].unembedding_flops;
            assert_eq!(total(0), sum(&|cost| cost.flops), "{}", case.name);
            assert!(context == 0 || total(1) > total(0), "{}: recomputing costs more", case.name);
            assert!(ops.iter().any(|(at, _)| at.op == Op::Attention));
        }
    }
}
