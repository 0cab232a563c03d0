//! `reports/events.schema.json` says of every event what the vocabulary in Rust says.

use crate::json_schema::errors;
use cutaway::measure::record::schema::{Record, VERSION};
use cutaway::measure::record::{JsonLines, ReadError, Sink, read};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../reports/events.schema.json")).unwrap()
}

/// A run with every kind of event.
const RUN: &[u8] = include_bytes!("../golden/record/run.jsonl");

fn records() -> Vec<Record> {
    read(RUN).unwrap()
}

/// The kinds of the vocabulary. It does not compile if one is missing.
macro_rules! kinds {
    ($($variant:ident),* $(,)?) => {{
        let _complete = |record: &Record| match record {
            $(Record::$variant(_) => {})*
        };
        [$(stringify!($variant)),*].map(str::to_lowercase)
    }};
}

fn kinds() -> BTreeSet<String> {
    BTreeSet::from(kinds!(
        Run, Step, Op, Span, Act, Attention, Kv, Sampler, Token, Bench, Ceiling, Diff, Cost, Tensor, Histogram,
        Tokenizer, Drop, End,
    ))
}

#[test]
fn the_schema_and_the_sample_have_every_kind_of_event_and_no_other() {
    let schema = schema();
    let listed = schema["oneOf"].as_array().unwrap().iter().map(|kind| kind["$ref"].as_str().unwrap());
    let listed: BTreeSet<String> = listed.map(|path| path.strip_prefix("#/$defs/").unwrap().to_owned()).collect();
    assert_eq!(listed, kinds());
    for kind in &listed {
        assert_eq!(schema["$defs"][kind]["properties"]["ev"]["const"], json!(kind), "named after its event");
    }
    let ev = |record: &Record| serde_json::to_value(record).unwrap()["ev"].as_str().unwrap().to_owned();
    assert_eq!(records().iter().map(ev).collect::<BTreeSet<_>>(), kinds(), "the sample has one of each");
    assert_eq!(schema["$defs"]["run"]["properties"]["schema"]["const"], json!(VERSION));
}

#[test]
fn what_is_written_fits_the_schema() {
    let schema = schema();
    for record in records() {
        let value = serde_json::to_value(&record).unwrap();
        assert_eq!(errors(&schema, &value), [""; 0], "{value}");
        let kind = value["ev"].as_str().unwrap();
        let properties = schema["$defs"][kind]["properties"].as_object().unwrap();
        let written: BTreeSet<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(written, properties.keys().collect(), "{kind}: no field is missing, and none is new");
    }
}

#[test]
fn the_schema_requires_what_a_reader_requires() {
    let schema = schema();
    let mut seen = BTreeSet::new();
    for record in records() {
        let value = serde_json::to_value(&record).unwrap();
        let kind = value["ev"].as_str().unwrap().to_owned();
        if !seen.insert(kind.clone()) {
            continue;
        }
        for name in value.as_object().unwrap().keys() {
            let mut without = value.clone();
            without.as_object_mut().unwrap().remove(name);
            let is_read = serde_json::from_value::<Record>(without.clone()).is_ok();
            assert_eq!(errors(&schema, &without).is_empty(), is_read, "{kind} without {name}");
            let mut other = value.clone();
            other[name] = json!({ "neither": "this" });
            let is_read = serde_json::from_value::<Record>(other.clone()).is_ok();
            assert_eq!(errors(&schema, &other).is_empty(), is_read, "{kind} with another {name}");
        }
    }
    assert_eq!(seen, kinds());
}

#[test]
fn what_is_read_is_written_again() {
    let mut lines = JsonLines(Vec::new());
    for record in records() {
        lines.record(record).unwrap();
    }
    assert_eq!(read(&lines.0[..]).unwrap(), records());
}

#[test]
fn what_is_no_recording_is_refused_with_its_line() {
    let text = String::from_utf8(RUN.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let of = |lines: &[&str]| read(lines.join("\n").as_bytes());
    assert!(matches!(of(&[]), Err(ReadError::NoRun)));
    assert!(matches!(of(&["", "  "]), Err(ReadError::NoRun)));
    assert!(matches!(of(&lines[1..]), Err(ReadError::NoRun)), "its beginning is missing");
    assert!(matches!(of(&["# A text", "of two lines"]), Err(ReadError::Line { line: 1, .. })));
    assert!(matches!(of(&["[1, 2]"]), Err(ReadError::Line { line: 1, .. })));
    assert!(matches!(of(&[lines[0], "{\"ev\":\"op\"}", lines[1]]), Err(ReadError::Line { line: 2, .. })), "no fields");
    assert!(matches!(of(&[lines[0], "{\"ev\":\"op\"}"]), Err(ReadError::Line { line: 2, .. })), "whole, but wrong");
    let later = lines[0].replace("\"schema\":1", "\"schema\":2");
    assert!(matches!(of(&[&later]), Err(ReadError::Version { found: 2 })));
    assert!(matches!(read(&b"\xff\xfe\x00\x01 binary \n more"[..]), Err(ReadError::Line { line: 1, .. })));
}

#[test]
fn a_last_line_that_is_cut_off_is_left_out_wherever_it_is_cut() {
    let text = String::from_utf8(RUN.to_vec()).unwrap();
    let first = text.find('\n').unwrap() + 1;
    let second = first + text[first..].find('\n').unwrap();
    for end in (first..second).filter(|&end| text.is_char_boundary(end)) {
        let read = read(&text.as_bytes()[..end]).unwrap_or_else(|error| panic!("cut at {end}: {error}"));
        assert_eq!(read.len(), 1, "cut at {end}");
    }
    assert_eq!(read(&text.as_bytes()[..second]).unwrap().len(), 2, "whole, without a line end");
    let cut_within = format!("{}\n{}", &text[..second - 5], &text[second + 1..]);
    assert!(matches!(read(cut_within.as_bytes()), Err(ReadError::Line { line: 2, .. })), "not the last line");
}
