//! The ceilings have the shape they should have. No test asserts a time.

use super::*;

fn quick() -> CeilingsOptions {
    CeilingsOptions { threads: vec![2, 1, 2], stream_bytes: vec![1 << 20, 64 << 10], passes: 3 }
}

#[test]
fn everything_asked_for_is_measured_once() {
    let mut steps = Vec::new();
    let found = measure(&quick(), |step| steps.push(step.to_owned())).unwrap();
    let streams: Vec<_> = found.streams.iter().map(|s| (s.bytes, s.pages, s.threads)).collect();
    let of = |bytes| [(bytes, "4 KB", 1), (bytes, "4 KB", 2), (bytes, "2 MB", 1), (bytes, "2 MB", 2)];
    assert_eq!(streams, [of(1 << 20), of(64 << 10)].concat());
    assert_eq!(
        found.sweep.iter().map(|point| point.bytes >> 10).collect::<Vec<_>>(),
        [16, 32, 64, 128, 256, 512, 1024]
    );
    for peaks in [&found.dot, &found.fma] {
        assert_eq!(peaks.iter().map(|peak| peak.threads).collect::<Vec<_>>(), [1, 2]);
    }
    assert_eq!(found.barriers.iter().map(|barrier| barrier.threads).collect::<Vec<_>>(), [2]);
    assert_eq!(found.drifts.iter().map(|drift| drift.what).collect::<Vec<_>>(), ["stream", "dot"]);
    assert_eq!(steps.len(), 5);
    let samples =
        found.streams.iter().map(|s| &s.bytes_per_second).chain(found.sweep.iter().map(|p| &p.bytes_per_second));
    let samples = samples.chain(found.dot.iter().chain(&found.fma).map(|peak| &peak.operations_per_second));
    for samples in samples.chain(found.barriers.iter().flat_map(|m| [&m.barrier_seconds, &m.dispatch_seconds])) {
        assert_eq!(samples.samples.len(), 3);
        assert!(samples.samples.iter().all(|&x| x.is_finite() && x > 0.0), "{samples:?}");
    }
}

#[test]
fn a_roof_is_the_nearest_stream_on_the_better_pages() {
    let stream =
        |threads, pages, bytes, speed| Stream { threads, pages, bytes, bytes_per_second: Samples::new(vec![speed]) };
    let peak = |threads, speed| Peak { threads, operations_per_second: Samples::new(vec![speed]) };
    let ceilings = Ceilings {
        instructions: "scalar",
        dot_by: "",
        fma_by: "",
        streams: vec![
            stream(1, "4 KB", 256, 31.0),
            stream(1, "2 MB", 256, 35.0),
            stream(1, "4 KB", 64, 42.0),
            stream(1, "2 MB", 64, 40.0),
            stream(2, "2 MB", 256, 50.0),
        ],
        sweep: Vec::new(),
        dot: vec![peak(1, 400.0), peak(2, 700.0)],
        fma: vec![peak(1, 100.0)],
        barriers: Vec::new(),
        drifts: Vec::new(),
    };
    assert_eq!((ceilings.read_roof(1, 300), ceilings.read_roof(1, 90)), (Some(35.0), Some(42.0)));
    assert_eq!((ceilings.read_roof(2, 1), ceilings.read_roof(3, 64)), (Some(50.0), None));
    assert_eq!((ceilings.dot_roof(2), ceilings.fma_roof(1), ceilings.fma_roof(2)), (Some(700.0), Some(100.0), None));
}

#[test]
fn passes_that_disagree_are_not_steady() {
    let found = measure(&quick(), |_| {}).unwrap();
    let steady = |samples: &[f64]| {
        let dot = vec![Peak { threads: 1, operations_per_second: Samples::new(samples.to_vec()) }];
        let (streams, fma, drifts) = (Vec::new(), Vec::new(), Vec::new());
        Ceilings { streams, dot, fma, drifts, ..found.clone() }.is_steady()
    };
    assert!(steady(&[100.0, 99.0, 101.0, 20.0, 100.0]), "one bad pass does not move a median");
    assert!(!steady(&[100.0, 20.0, 60.0, 21.0, 100.0]));
}

#[test]
fn a_machine_that_changes_is_not_steady() {
    let steady = |after| Drift { what: "dot", before: 100.0, after }.is_steady();
    assert!(steady(100.0) && steady(91.0) && steady(109.0));
    assert!(!steady(89.0) && !steady(111.0) && !steady(f64::NAN));
}

#[test]
fn a_stream_of_nothing_is_refused() {
    let error = measure(&CeilingsOptions { stream_bytes: vec![100], ..quick() }, |_| {}).unwrap_err();
    assert!(error.to_string().contains("100 bytes is too short") && error.to_string().contains("16384"), "{error}");
}
