//! What the machine can do: before and after the run, and between pieces of the model's own work.

use super::{CollectError, Done, Run};
use crate::batch::{Batch, SeqId};
use crate::engine::Engine;
use crate::measure::ceilings::{
    Beside, CeilingsError, CeilingsOptions, SweepPoint, instructions_per_cycle, measure as ceilings,
};
use crate::measure::inspect::Decode;
use crate::measure::record::schema::{BenchRecord, CeilingRecord, Name, Record};
use crate::observe::Off;
use std::time::Instant;

/// The shortest stream, in bytes.
const SHORTEST: usize = 1 << 20;
/// Turns of work and probe.
const TURNS: usize = 24;

/// Bytes that one token reads, as a stream.
fn stream_bytes(run: &Run<'_>) -> usize {
    (Decode::of(run.model).weight_bytes_per_token as usize).clamp(SHORTEST, run.plan.stream_bytes.max(SHORTEST))
}

/// All ceilings.
pub(super) fn measure(run: &mut Run<'_>, when: &'static str) -> Done {
    if !run.next("measuring what this machine can do") {
        return Ok(false);
    }
    let mut stream = vec![stream_bytes(run), run.plan.stream_bytes.max(SHORTEST)];
    stream.dedup();
    let threads = (1..=run.plan.threads.max(1)).collect();
    let found = ceiling_records(&CeilingsOptions { threads, stream_bytes: stream, passes: 5 }, when)?;
    found.into_iter().try_for_each(|record| run.record(record))?;
    Ok(true)
}

/// The ceilings as records; the sweep of the caches only before the run.
///
/// # Errors
/// If there is no memory for the streams, or if that many threads cannot be started.
pub fn ceiling_records(options: &CeilingsOptions, when: &'static str) -> Result<Vec<Record>, CeilingsError> {
    let found = ceilings(options, |_| {})?;
    let record = |what: &'static str, threads, bytes, per_second: &[f64]| {
        let (instructions, when, per_second) = (Name::from(found.instructions), Name::from(when), per_second.to_vec());
        Record::Ceiling(CeilingRecord { what: what.into(), instructions, threads, bytes, when, per_second })
    };
    let mut records = Vec::new();
    for stream in found.streams.iter().filter(|stream| stream.pages == "2 MB") {
        let bytes = Some(stream.bytes as u64);
        records.push(record("read", stream.threads, bytes, &stream.bytes_per_second.samples));
    }
    for (what, peaks) in [("int8", &found.dot), ("fma", &found.fma)] {
        records.extend(peaks.iter().map(|p| record(what, p.threads, None, &p.operations_per_second.samples)));
    }
    if let Some(samples) = (0..9).map(|_| instructions_per_cycle()).collect::<Option<Vec<_>>>() {
        records.push(record("front_end", 1, None, &samples));
    }
    if when == "before" {
        let point = |p: &SweepPoint| record("sweep", 1, Some(p.bytes as u64), &p.bytes_per_second.samples);
        records.extend(found.sweep.iter().map(point));
    }
    Ok(records)
}

/// Decoding and reading take turns, as do a prompt and multiplying: a share of a roof is taken from neighbours.
pub(super) fn between(run: &mut Run<'_>, engine: &mut Engine) -> Done {
    if !run.next("running the model and the machine in turns") {
        return Ok(false);
    }
    let (bytes, threads) = (stream_bytes(run), run.plan.threads.max(1));
    let mut probe = Beside::new(threads, bytes)?;
    let n_prompt = run.plan.prompt.len().min(run.model.config.n_ctx.saturating_sub(2 * TURNS)).max(1);
    let prompt = &run.plan.prompt[..n_prompt.min(run.plan.prompt.len())];
    let turns = TURNS.min(run.model.config.n_ctx.saturating_sub(prompt.len()));
    let mut cache = engine.new_cache(run.plan.kv, prompt.len() + turns);
    let mut decode = Vec::new();
    let (mut read, mut dot, mut fma) = (Vec::new(), Vec::new(), Vec::new());
    engine.forward(&Batch::prompt(SeqId(0), 0, prompt), &mut cache, &mut Off).map_err(forward)?;
    for i in 0..turns {
        let batch = Batch::prompt(SeqId(0), prompt.len() + i, &prompt[..1]);
        let started = Instant::now();
        engine.forward(&batch, &mut cache, &mut Off).map_err(forward)?;
        decode.push(1.0 / started.elapsed().as_secs_f64());
        read.push(probe.read());
        dot.push(probe.dot());
        fma.push(probe.fma());
    }
    let instructions = Name::from(run.plan.kernels.name);
    for (what, bytes, per_second) in [("read", Some(bytes as u64), read), ("int8", None, dot), ("fma", None, fma)] {
        let when = "between".into();
        let instructions = instructions.clone();
        run.record(Record::Ceiling(CeilingRecord {
            what: what.into(),
            instructions,
            threads,
            bytes,
            when,
            per_second,
        }))?;
    }
    run.record(Record::Bench(BenchRecord {
        path: "optimized".into(),
        test: "tg1".into(),
        depth: prompt.len(),
        threads,
        kernels: instructions,
        observer: "off".into(),
        rung: "between".into(),
        tokens_per_second: decode,
    }))?;
    Ok(true)
}

/// A forward pass that was refused.
fn forward(error: crate::kv_cache::ForwardError) -> CollectError {
    CollectError::Generate(error.into())
}
