//! A recorded run has what reports need, on the embedded model.

use crate::json_schema::errors;
use cutaway::kernels::Kernels;
use cutaway::kv_cache::KvFormat;
use cutaway::measure::collect::{Plan, collect};
use cutaway::measure::record::Record;
use cutaway::model::{LoadOptions, Model, embedded};
use cutaway::optimized::ActPrecision;
use cutaway::sampling::SamplingParams;
use cutaway::tokenizer::{EncodeOptions, Tokenizer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn plan(tokenizer: &Tokenizer) -> Plan {
    Plan {
        prompt: tokenizer.encode("Once upon a time there was a little", EncodeOptions::PROMPT),
        n_predict: 6,
        sampling: SamplingParams { seed: Some(1), ..SamplingParams::default() },
        kv: KvFormat::F16.into(),
        threads: 1,
        kernels: Kernels::detect(),
        activations: ActPrecision::A8,
        repetitions: 1,
        stream_bytes: 1 << 20,
        naive: true,
    }
}

fn kind(record: &Record) -> String {
    serde_json::to_value(record).unwrap()["ev"].as_str().unwrap().to_owned()
}

/// Collects; stops when it was asked `steps` times whether to go on.
fn run(steps: usize) -> (bool, Vec<Record>) {
    let gguf = Arc::new(embedded::embedded().unwrap());
    let tokenizer = Tokenizer::from_metadata(gguf.metadata()).unwrap();
    let model = Model::load(gguf, LoadOptions::default()).unwrap();
    let (mut records, mut asked) = (Vec::new(), 0);
    let mut go_on = |_: &str| {
        asked += 1;
        asked <= steps
    };
    let complete = collect(&model, &tokenizer, &plan(&tokenizer), &mut records, &mut go_on).unwrap();
    (complete, records)
}

#[test]
fn a_run_has_every_event_and_its_parts_agree() {
    let (complete, records) = run(usize::MAX);
    assert!(complete);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    records.iter().for_each(|record| *kinds.entry(kind(record)).or_default() += 1);
    for expected in [
        "step",
        "op",
        "span",
        "act",
        "attention",
        "kv",
        "sampler",
        "token",
        "bench",
        "ceiling",
        "diff",
        "cost",
        "tensor",
        "histogram",
        "tokenizer",
        "end",
    ] {
        assert!(kinds.contains_key(expected), "no {expected} event: {kinds:?}");
    }
    assert!(!kinds.contains_key("drop"), "the buffers are large enough");

    // Both paths took the same decode steps, and report the same operations in them: the naive one by one, the optimized in
    // groups that say what they cover.
    let steps = |of: &str| -> BTreeSet<usize> {
        let steps = records.iter().filter_map(|record| match record {
            Record::Step(step) if step.path == of && step.n_tok == 1 => Some(step.step),
            _ => None,
        });
        steps.collect()
    };
    let covered = |of: &str, at: usize| {
        let mut ops: Vec<(Option<usize>, String)> = Vec::new();
        for record in &records {
            if let Record::Op(op) = record
                && op.path == of
                && op.step == at
            {
                ops.extend(op.covers.iter().map(|name| (op.layer, name.to_string())));
            }
        }
        ops.sort();
        ops
    };
    let both: Vec<usize> = steps("naive").intersection(&steps("optimized")).copied().collect();
    assert!(both.len() >= 5, "{both:?}");
    let mut compared = 0;
    // Of the optimized path the operations of some steps are kept.
    for step in both.into_iter().filter(|&step| !covered("optimized", step).is_empty()) {
        compared += 1;
        assert_eq!(covered("naive", step), covered("optimized", step), "step {step}");
    }
    assert!(compared > 0);

    // Every line is what the schema says, can be read again, and is the same then.
    let schema: Value = serde_json::from_str(include_str!("../../reports/events.schema.json")).unwrap();
    for record in &records {
        let line = serde_json::to_string(record).unwrap();
        assert_eq!(errors(&schema, &serde_json::from_str(&line).unwrap()), [""; 0], "{line}");
        assert_eq!(&serde_json::from_str::<Record>(&line).unwrap(), record, "{line}");
    }
}

#[test]
fn a_run_that_is_interrupted_says_so() {
    let (complete, records) = run(2);
    assert!(!complete);
    assert!(matches!(records.last(), Some(Record::End(end)) if !end.complete));
}
