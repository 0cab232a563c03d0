//! The cost that a formula gives for an operation equals what a counting number type counts in it, for every operation.

use crate::common::{f32_cases, load, some_tokens};
use cutaway::batch::{Batch, SeqId};
use cutaway::kv_cache::KvFormat;
use cutaway::naive::counted::{Counted, Counts};
use cutaway::naive::{ReferenceOps, Transformer};
use cutaway::observe::{Interests, Observer, Op, OpAt, OpWork};
use std::collections::BTreeSet;

/// Compares formula and count, operation by operation.
#[derive(Default)]
struct CostChecker {
    before: Counts,
    in_ops: Counts,
    seen: BTreeSet<Op>,
    case: String,
}

impl Observer for CostChecker {
    fn interests(&self) -> Interests {
        Interests::OPS
    }

    fn begin(&mut self, _: OpAt) {
        self.before = Counted::counts();
    }

    fn end(&mut self, at: OpAt, work: &OpWork) {
        let now = Counted::counts();
        let counted = Counts { flops: now.flops - self.before.flops, special: now.special - self.before.special };
        let stated = Counts { flops: work.cost.flops, special: work.cost.special };
        assert_eq!(stated, counted, "{}: {at}: the formula (left) is not what was counted (right)", self.case);
        self.in_ops.flops += counted.flops;
        self.in_ops.special += counted.special;
        self.seen.insert(at.op);
    }
}

#[test]
fn every_formula_is_what_is_counted() {
    let mut seen = BTreeSet::new();
    for case in f32_cases() {
        let mut model = Transformer::<Counted>::with_ops(&load(&case), ReferenceOps).unwrap();
        let mut cache = model.new_cache(KvFormat::F32, 64);
        let tokens = some_tokens(13, model.config().n_vocab, 1);
        let mut checker = CostChecker { case: case.name.clone(), ..CostChecker::default() };

        let before = Counted::counts();
        model.forward(&Batch::prompt(SeqId(0), 0, &tokens[..9]), &mut cache, &mut checker).unwrap();
        model.forward(&Batch::scored(SeqId(0), 9, &tokens[9..12]), &mut cache, &mut checker).unwrap();
        model.forward(&Batch::prompt(SeqId(0), 12, &tokens[12..]), &mut cache, &mut checker).unwrap();
        let after = Counted::counts();

        // Nothing is computed outside of an operation, so the sum over operations is all arithmetic.
        let all = Counts { flops: after.flops - before.flops, special: after.special - before.special };
        assert_eq!(checker.in_ops, all, "{}: arithmetic outside of the named operations", case.name);
        assert!(all.flops > 0);
        seen.extend(checker.seen);
    }
    let never: Vec<_> = Op::ALL.iter().filter(|op| !seen.contains(op)).map(|op| op.name()).collect();
    assert!(never.is_empty(), "operations that no test model runs: {never:?}");
}

/// The rule of thumb of the literature: 2 FLOPs per weight and token.
#[test]
fn a_linear_layer_takes_two_flops_a_weight() {
    let cost = cutaway::observe::cost::linear(7, 576, 1536, false, 0);
    assert_eq!(cost.flops, 2 * 7 * 576 * 1536);
}
