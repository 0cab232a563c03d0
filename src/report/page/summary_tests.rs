use super::*;
use crate::measure::record::schema::Record;
use crate::report::sample::{ceiling, cost, op, run_with, step};

/// Two tokens of 1000 ns, of which 900 in operations; 500 bytes and 2000 FLOP each.
fn two_tokens() -> Vec<Record> {
    let token = |i| {
        [
            step("optimized", i, 1000),
            op("optimized", i, "attention", 300, 500, 100),
            op("optimized", i, "feed_forward", 600, 1500, 400),
        ]
    };
    run_with((0..2).flat_map(token))
}

fn pass(records: &[Record]) -> Pass {
    Pass::of(&Events::of(records).unwrap(), "optimized", Phase::Decode).unwrap()
}

#[test]
fn sums_are_per_token() {
    let pass = pass(&two_tokens());
    assert_eq!((pass.steps, pass.tokens, pass.ns), (2, 2, 1000.0));
    assert_eq!((pass.total.ns, pass.total.flops, pass.total.bytes), (900.0, 2000.0, 500.0));
    assert_eq!((pass.weight_bytes, pass.kv_bytes), (500.0, 0.0));
    let groups: Vec<(&str, f64)> = pass.groups.iter().map(|group| (&*group.name, group.ns)).collect();
    assert_eq!(groups, [("feed_forward", 600.0), ("attention", 300.0)], "the longest first");
    assert_eq!(pass.groups.iter().map(|group| group.bytes).sum::<f64>(), pass.total.bytes);
    assert_eq!((pass.total.roof_ns, pass.limit()), (None, None), "no ceilings, no limit");
}

#[test]
fn other_paths_phases_and_unfinished_steps_do_not_count() {
    let mut records = two_tokens();
    records.extend([op("naive", 0, "attention", 9999, 1, 1), step("optimized", 2, 0)]);
    assert_eq!(pass(&records), pass(&two_tokens()));
    assert_eq!(Pass::of(&Events::of(&records).unwrap(), "optimized", Phase::Prefill), None);
}

#[test]
fn the_nearer_roof_is_the_limit() {
    // 500 bytes at 0.625 GB/s: 800 ns. 2000 FLOP at 4 GOP/s: 500 ns. The roofs of the two operations: 160 and 640 ns.
    let roofs = [ceiling("read", "before", Some(500), 0.625e9), ceiling("int8", "before", None, 4e9)];
    let found = pass(&[two_tokens(), roofs.to_vec()].concat());
    assert_eq!((found.read_ns, found.compute_ns, found.total.roof_ns), (Some(800.0), Some(500.0), Some(800.0)));
    assert_eq!(found.limit(), Some(Limit { by: Bound::Reading, nearest: Bound::Reading, share: 0.8 }));
    let roofs = [ceiling("read", "before", Some(500), 5e9), ceiling("int8", "before", None, 2.5e9)];
    let found = pass(&[two_tokens(), roofs.to_vec()].concat());
    assert_eq!(found.limit(), Some(Limit { by: Bound::Arithmetic, nearest: Bound::Arithmetic, share: 0.8 }));
    let roofs = [ceiling("read", "before", Some(500), 5e9), ceiling("int8", "before", None, 25e9)];
    let found = pass(&[two_tokens(), roofs.to_vec()].concat());
    assert_eq!(found.limit(), Some(Limit { by: Bound::Neither, nearest: Bound::Reading, share: 0.1 }));
}

#[test]
fn the_stream_is_as_long_as_what_a_step_reads() {
    let of = |bytes| {
        let records = run_with([
            ceiling("read", "before", Some(1 << 10), 80e9),
            ceiling("read", "before", Some(1 << 20), 30e9),
            ceiling("read", "before", Some(1 << 30), 9e9),
            ceiling("read", "after", Some(1 << 30), 9e9),
        ]);
        let roofs = Roofs::of(&Events::of(&records).unwrap(), 1, bytes);
        assert_eq!((roofs.float, roofs.int8), (None, None));
        roofs.read
    };
    assert_eq!([1e3, 1.5e6, 3e8].map(of), [Some(80e9), Some(30e9), Some(9e9)]);
    let records = run_with([ceiling("read", "before", None, 1e9)]);
    assert_eq!(Roofs::of(&Events::of(&records).unwrap(), 2, 1e3), Roofs::default(), "other threads, other roofs");
}

#[test]
fn drift_is_the_change_from_before_to_after() {
    let of = |after| {
        let records = run_with([
            ceiling("read", "before", Some(500), 10e9),
            ceiling("read", "before", Some(700), 10e9),
            ceiling("read", "after", Some(500), after),
        ]);
        let drifts = drifts(&Events::of(&records).unwrap());
        assert_eq!(drifts.len(), 1, "the other length was not measured again");
        (drifts[0].change(), drifts[0].is_large())
    };
    assert_eq!(of(10e9), (0.0, false));
    assert_eq!(of(8e9), (8.0 / 10.0 - 1.0, true));
    assert!(!of(9.5e9).1);
    assert!(of(12e9).1);
}

#[test]
fn attention_overtakes_where_the_lines_cross() {
    let of = |costs: &[Record]| {
        let records = run_with(costs.iter().cloned());
        crossover(&Events::of(&records).unwrap())
    };
    let line: Vec<Record> = [0, 64, 256].map(|context| cost(context, 10 * context as u64)).to_vec();
    assert_eq!(of(&line), Some(100.0));
    assert_eq!(of(&line[..2]), Some(100.0), "beyond the last context the line goes on");
    assert_eq!(of(&[cost(8, 100), cost(16, 100)]), None, "a window: attention does not grow");
    assert_eq!(of(&[cost(8, 5000)]), Some(8.0), "from the first context on");
    assert_eq!(of(&line[..1]), None, "one point is no line");
    assert_eq!(of(&[]), None);
}
