use super::*;
use crate::measure::record::Record;
use crate::report::{Events, sample};
use serde_json::Value;

#[test]
fn a_table_has_a_row_for_every_operation() {
    let records = sample::recorded();
    let ops = Events::of(&records).unwrap().ops.len();
    let mut out = Vec::new();
    csv(&records, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let mut lines = text.lines();
    let columns = lines.next().unwrap().split(',').count();
    let rows: Vec<&str> = lines.collect();
    assert_eq!(rows.len(), ops);
    assert!(ops > 0 && rows.iter().all(|row| row.split(',').count() == columns));
}

#[test]
fn folded_stacks_add_up_to_the_steps_whose_operations_were_kept() {
    let records = sample::run_with([
        sample::op("optimized", 0, "attention", 3_000_000, 1, 1),
        sample::op("optimized", 0, "norms", 1_000_000, 1, 1),
        sample::step("optimized", 0, 5_000_000),
        sample::step("optimized", 1, 9_000_000),
    ]);
    let mut out = Vec::new();
    folded(&records, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let sum: u64 = text.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(sum, 5000, "{text}");
    assert!(text.contains("optimized;decode;block 0;attention;attention_op 3000\n"), "{text}");
    assert!(text.contains("optimized;decode;between operations 1000\n"), "{text}");
}

#[test]
fn a_timeline_has_slices_names_and_counters() {
    let records = sample::recorded();
    let mut out = Vec::new();
    assert_eq!(perfetto(&records, &mut out).unwrap(), 0);
    let trace: Value = serde_json::from_slice(&out).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |ph: &str| events.iter().filter(|event| event["ph"] == ph).collect::<Vec<_>>();
    let found = Events::of(&records).unwrap();
    assert_eq!(of("X").len(), found.steps.len() + found.ops.len() + found.spans.len());
    assert_eq!(of("C").len(), found.kv.len());
    assert!(!of("M").is_empty());
    assert!(of("X").iter().all(|event| event["ts"].is_f64() && event["dur"].as_f64().unwrap() >= 0.0));
    // Operations lie within their step.
    for op in found.ops.iter().filter(|op| op.dt_ns > 0) {
        let step = found.steps.iter().find(|step| step.path == op.path && step.step == op.step);
        if let Some(step) = step {
            assert!(op.t0 >= step.t0 && op.t0 + op.dt_ns <= step.t0 + step.dt_ns, "{op:?} in {step:?}");
        }
    }
}

#[test]
fn a_timeline_that_is_too_long_says_how_much_is_missing() {
    let many = (0..MOST_EVENTS + 7).map(|i| sample::step("optimized", i, 1));
    let records = sample::run_with(many);
    let mut out = Vec::new();
    let left_out = perfetto(&records, &mut out).unwrap();
    let trace: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(trace["traceEvents"].as_array().unwrap().len(), MOST_EVENTS);
    assert!((7..20).contains(&left_out), "{left_out}");
}

#[test]
fn numpys_header_says_the_shape_and_ends_at_a_multiple_of_64() {
    for (shape, said) in [(&[2, 3][..], "(2, 3)"), (&[6][..], "(6,)"), (&[][..], "()"), (&[1, 2, 3][..], "(1, 2, 3)")] {
        let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| i as f32 - 0.5).collect();
        let mut file = Vec::new();
        npy(shape, &values, &mut file).unwrap();
        assert_eq!(&file[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([file[8], file[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&file[10..10 + length]).unwrap();
        assert!(header.contains(&format!("'shape': {said}, }}")) && header.ends_with('\n'), "{header}");
        let read: Vec<f32> =
            file[10 + length..].as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(read, values);
    }
    assert!(npy(&[2, 2], &[1.0], &mut Vec::new()).is_err());
    assert!(npy(&vec![1; 40_000], &[1.0], &mut Vec::new()).is_err(), "no header is so long");
}

#[test]
fn names_of_strangers_stay_in_their_field() {
    let mut records = sample::run_with([sample::op("optimized", 0, "norms", 1000, 1, 1)]);
    if let Some(Record::Op(op)) = records.last_mut() {
        op.group = "a;b\nc,\"d\"".into();
        op.covers = vec!["x;y".into(), "z\n".into()];
    }
    let mut rows = Vec::new();
    csv(&records, &mut rows).unwrap();
    assert!(String::from_utf8(rows).unwrap().contains("\"a;b\nc,\"\"d\"\"\""));
    let mut stacks = Vec::new();
    folded(&records, &mut stacks).unwrap();
    assert_eq!(String::from_utf8(stacks).unwrap().lines().count(), 1);
}
