//! The trace event format, which ui.perfetto.dev and chrome://tracing open: steps and operations as slices, one track a path;
//! threads as tracks of their own; the cache as a counter.
//!
//! Source: "Trace Event Format", Google, 2016.

use crate::measure::record::schema::Record;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Most events in a file: viewers stop to work at about a million.
pub const MOST_EVENTS: usize = 300_000;

/// Tracks of one path: steps, operations; behind them the threads.
const STEPS: usize = 1;
const OPS: usize = 2;
const THREADS: usize = 10;

/// Writes a run as one JSON object. Returns how many events were left out because there were more than [`MOST_EVENTS`].
///
/// # Errors
/// If `out` cannot be written.
pub fn perfetto(records: &[Record], out: &mut dyn Write) -> io::Result<usize> {
    let mut events: Vec<Value> = Vec::new();
    let mut left_out = 0;
    let mut push = |event: Option<Value>| match event {
        Some(_) if events.len() == MOST_EVENTS => left_out += 1,
        Some(event) => events.push(event),
        None => {}
    };
    names(records).into_iter().for_each(|event| push(Some(event)));
    let mut step_began = 0; // the cache is counted at the beginning of its step
    for record in records {
        if let Record::Step(step) = record {
            step_began = step.t0;
        }
        push(event(record, step_began));
    }
    let trace = json!({ "displayTimeUnit": "ns", "traceEvents": events });
    serde_json::to_writer(&mut *out, &trace)?;
    writeln!(out)?;
    Ok(left_out)
}

/// Each path is a process of the trace.
fn process(path: &str) -> usize {
    if path == "naive" { 2 } else { 1 }
}

/// Names of the tracks that have events.
fn names(records: &[Record]) -> Vec<Value> {
    let mut threads: Vec<usize> =
        records.iter().filter_map(|r| if let Record::Span(span) = r { Some(span.thr) } else { None }).collect();
    threads.sort_unstable();
    threads.dedup();
    let mut names = Vec::new();
    for path in ["optimized", "naive"] {
        let has = records.iter().any(|record| matches!(record, Record::Step(step) if step.path == path));
        if has {
            let name = |what: &str, tid: usize, name: String| json!({ "ph": "M", "name": what, "pid": process(path), "tid": tid, "args": { "name": name } });
            names.push(name("process_name", 0, format!("{path} path")));
            names.push(name("thread_name", STEPS, "steps".to_owned()));
            names.push(name("thread_name", OPS, "operations".to_owned()));
            if path == "optimized" {
                names.extend(threads.iter().map(|&thr| name("thread_name", THREADS + thr, format!("thread {thr}"))));
            }
        }
    }
    names
}

/// A slice or a counter; times in microseconds.
fn event(record: &Record, step_began: u64) -> Option<Value> {
    let us = |ns: u64| ns as f64 / 1e3;
    Some(match record {
        Record::Step(step) => json!({
            "ph": "X", "cat": "step", "name": format!("{} of {} at {}", step.phase.name(), step.n_tok, step.pos),
            "pid": process(&step.path), "tid": STEPS, "ts": us(step.t0), "dur": us(step.dt_ns),
            "args": { "step": step.step },
        }),
        Record::Op(op) => json!({
            "ph": "X", "cat": &op.group, "name": op.covers.join(" + "),
            "pid": process(&op.path), "tid": OPS, "ts": us(op.t0), "dur": us(op.dt_ns),
            "args": {
                "step": op.step, "layer": op.layer, "impl": &op.kernels, "mnk": op.mnk, "types": &op.dt, "flops": op.flops,
                "bytes": op.bytes.total(),
            },
        }),
        Record::Span(span) => json!({
            "ph": "X", "cat": "thread", "name": &span.op,
            "pid": process("optimized"), "tid": THREADS + span.thr, "ts": us(span.t0), "dur": us(span.dt_ns),
            "args": { "step": span.step, "layer": span.layer, "waited_us": us(span.wait_ns) },
        }),
        Record::Kv(kv) => json!({
            "ph": "C", "name": "KV cache, bytes", "pid": process(&kv.path), "tid": 0, "ts": us(step_began),
            "args": { "used": kv.used_bytes, "reserved but unused": kv.reserved_bytes.saturating_sub(kv.used_bytes) },
        }),
        _ => return None,
    })
}
