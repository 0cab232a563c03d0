//! Records with round numbers, for tests.

use crate::measure::record::read;
use crate::measure::record::schema::{
    BenchRecord, BytesRecord, CeilingRecord, CostRecord, DiffRecord, EndRecord, OpRecord, Record, RunRecord, StepRecord,
};
use crate::observe::Phase;

/// The recorded run of `tests/golden/record`, whose numbers are invented: one event of each kind at least.
pub(super) fn recorded() -> Vec<Record> {
    read(&include_bytes!("../../tests/golden/record/run.jsonl")[..]).expect("the sample is a recorded run")
}

/// The same run, whose decode is a quarter faster.
pub(super) fn other() -> Vec<Record> {
    read(&include_bytes!("../../tests/golden/record/other.jsonl")[..]).expect("the sample is a recorded run")
}

/// What ran, alone.
pub(super) fn run() -> RunRecord {
    match recorded().swap_remove(0) {
        Record::Run(run) => *run,
        other => panic!("{other:?}"),
    }
}

/// A run with these records.
pub(super) fn run_with(records: impl IntoIterator<Item = Record>) -> Vec<Record> {
    std::iter::once(Record::Run(Box::new(run()))).chain(records).collect()
}

/// An operation: part of the model, nanoseconds, FLOP, bytes of weights; of a decoded token.
pub(super) fn op(path: &'static str, step: usize, group: &'static str, dt_ns: u64, flops: u64, w: u64) -> Record {
    Record::Op(OpRecord {
        path: path.into(),
        step,
        phase: Phase::Decode,
        pos: step,
        n_tok: 1,
        layer: Some(0),
        op: format!("{group}_op").into(),
        covers: vec![format!("{group}_op").into()],
        group: group.into(),
        kernels: "scalar".into(),
        mnk: [1, 1, 1],
        dt: ["q8_0".into(), "a8".into(), "f32".into()],
        flops,
        special: 0,
        dequant: 0,
        bytes: BytesRecord { w, ..BytesRecord::default() },
        t0: 0,
        dt_ns,
    })
}

/// A decoded token.
pub(super) fn step(path: &'static str, step: usize, dt_ns: u64) -> Record {
    Record::Step(StepRecord { path: path.into(), step, phase: Phase::Decode, pos: step, n_tok: 1, t0: 0, dt_ns })
}

/// A ceiling of one thread.
pub(super) fn ceiling(what: &'static str, when: &'static str, bytes: Option<u64>, per_second: f64) -> Record {
    Record::Ceiling(CeilingRecord {
        what: what.into(),
        instructions: "scalar".into(),
        threads: 1,
        bytes,
        when: when.into(),
        per_second: vec![per_second; 3],
    })
}

/// Unwatched decoding on the optimized path.
pub(super) fn bench(threads: usize, tokens_per_second: &[f64]) -> BenchRecord {
    BenchRecord {
        path: "optimized".into(),
        test: "tg64".into(),
        depth: 0,
        threads,
        kernels: "scalar".into(),
        observer: "off".into(),
        rung: "".into(),
        tokens_per_second: tokens_per_second.to_vec(),
    }
}

/// A compared value.
pub(super) fn diff(index: usize, rel_rms: f64, budget: f64) -> DiffRecord {
    DiffRecord {
        mode: "locked".into(),
        index,
        hook: format!("hook_{index}"),
        op: format!("op_{index}").into(),
        layer: None,
        rel_rms,
        max_abs: rel_rms,
        budget,
        passed: rel_rms <= budget,
    }
}

/// A predicted cost of a decoded token: matrices take 1000 FLOP.
pub(super) fn cost(context: usize, attention_flops: u64) -> Record {
    Record::Cost(CostRecord {
        what: "decode".into(),
        context,
        projection_flops: 900,
        attention_flops,
        unembedding_flops: 100,
        weight_bytes: 5000,
        kv_bytes: 10 * context as u64,
        activation_bytes: 1,
        cache_bytes: vec![("f16".to_owned(), 10 * context as u64)],
    })
}

/// The run is over.
pub(super) fn end() -> Record {
    Record::End(EndRecord { complete: true })
}
