//! [`Events`]: the records of a run, sorted by kind.
//!
//! What it deliberately does not do: add up.

use crate::measure::record::schema::{
    ActRecord, AttentionRecord, BenchRecord, CeilingRecord, CostRecord, DiffRecord, DropRecord, EndRecord,
    HistogramRecord, KvRecord, OpRecord, Record, RunRecord, SamplerRecord, SpanRecord, StepRecord, TensorRecord,
    TokenRecord, TokenizerRecord,
};

/// The records of each kind, in the order of the recording.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the kinds of the vocabulary
pub struct Events<'a> {
    pub run: &'a RunRecord,
    pub steps: Vec<&'a StepRecord>,
    pub ops: Vec<&'a OpRecord>,
    pub spans: Vec<&'a SpanRecord>,
    pub acts: Vec<&'a ActRecord>,
    pub attention: Vec<&'a AttentionRecord>,
    pub kv: Vec<&'a KvRecord>,
    pub samplers: Vec<&'a SamplerRecord>,
    pub tokens: Vec<&'a TokenRecord>,
    pub benches: Vec<&'a BenchRecord>,
    pub ceilings: Vec<&'a CeilingRecord>,
    pub diffs: Vec<&'a DiffRecord>,
    pub costs: Vec<&'a CostRecord>,
    pub tensors: Vec<&'a TensorRecord>,
    pub histograms: Vec<&'a HistogramRecord>,
    pub tokenizers: Vec<&'a TokenizerRecord>,
    pub drops: Vec<&'a DropRecord>,
    pub end: Option<&'a EndRecord>,
}

impl<'a> Events<'a> {
    /// Sorts records; `None` where no record says what ran.
    pub fn of(records: &'a [Record]) -> Option<Self> {
        let run = records.iter().find_map(|record| if let Record::Run(run) = record { Some(&**run) } else { None })?;
        let mut events = Self::empty(run);
        for record in records {
            match record {
                Record::Run(_) => {}
                Record::Step(step) => events.steps.push(step),
                Record::Op(op) => events.ops.push(op),
                Record::Span(span) => events.spans.push(span),
                Record::Act(act) => events.acts.push(act),
                Record::Attention(pattern) => events.attention.push(pattern),
                Record::Kv(kv) => events.kv.push(kv),
                Record::Sampler(stage) => events.samplers.push(stage),
                Record::Token(token) => events.tokens.push(token),
                Record::Bench(bench) => events.benches.push(bench),
                Record::Ceiling(ceiling) => events.ceilings.push(ceiling),
                Record::Diff(diff) => events.diffs.push(diff),
                Record::Cost(cost) => events.costs.push(cost),
                Record::Tensor(tensor) => events.tensors.push(tensor),
                Record::Histogram(histogram) => events.histograms.push(histogram),
                Record::Tokenizer(text) => events.tokenizers.push(text),
                Record::Drop(drop) => events.drops.push(drop),
                Record::End(end) => events.end = Some(end),
            }
        }
        Some(events)
    }

    fn empty(run: &'a RunRecord) -> Self {
        Self {
            run,
            steps: Vec::new(),
            ops: Vec::new(),
            spans: Vec::new(),
            acts: Vec::new(),
            attention: Vec::new(),
            kv: Vec::new(),
            samplers: Vec::new(),
            tokens: Vec::new(),
            benches: Vec::new(),
            ceilings: Vec::new(),
            diffs: Vec::new(),
            costs: Vec::new(),
            tensors: Vec::new(),
            histograms: Vec::new(),
            tokenizers: Vec::new(),
            drops: Vec::new(),
            end: None,
        }
    }

    /// Whether the run did everything that was asked for.
    pub fn is_complete(&self) -> bool {
        self.end.is_some_and(|end| end.complete)
    }
}
