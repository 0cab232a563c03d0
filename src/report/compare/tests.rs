use super::*;
use crate::measure::record::schema::RunRecord;
use crate::report::sample::{bench, end, op, other, recorded, run, run_with};

fn with_run(change: impl Fn(&mut RunRecord)) -> Vec<Record> {
    let mut run = run();
    change(&mut run);
    let mut records = recorded();
    records[0] = Record::Run(Box::new(run));
    records
}

/// The only test of two runs with these samples.
fn one(a: &[f64], b: &[f64]) -> Factor {
    let [a, b] = [a, b].map(|samples| run_with([Record::Bench(bench(1, samples)), end()]));
    compare(&a, &b, false).unwrap().tests.remove(0).factor
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let comparison = compare(&recorded(), &recorded(), false).unwrap();
    assert!(!comparison.tests.is_empty() && !comparison.parts.is_empty());
    let factors =
        comparison.tests.iter().map(|test| &test.factor).chain(comparison.parts.iter().map(|part| &part.factor));
    for factor in factors {
        assert_eq!((factor.factor, factor.interval_95), (1.0, [1.0, 1.0]));
        assert!(matches!(factor.verdict, Verdict::NoDifference | Verdict::TooFewSamples), "{factor:?}");
    }
}

#[test]
fn what_is_a_quarter_faster_is_found_and_the_reverse_is_slower() {
    let verdicts = |comparison: &Comparison, test: &str| {
        let of = |t: &&TestFactor| t.test.test == test && t.test.path == "optimized" && t.test.rung.is_empty();
        comparison.tests.iter().filter(of).map(|t| t.factor.verdict).collect::<Vec<_>>()
    };
    let there = compare(&recorded(), &other(), false).unwrap();
    assert_eq!(verdicts(&there, "tg128"), [Verdict::Faster; 3], "at two depths, and with two threads");
    assert_eq!(verdicts(&there, "pp512"), [Verdict::NoDifference]);
    let back = compare(&other(), &recorded(), false).unwrap();
    assert_eq!(verdicts(&back, "tg128"), [Verdict::Slower; 3]);
    let part = there.parts.iter().find(|p| p.path == "optimized" && p.phase == Phase::Decode && p.part == "attention");
    let part = &part.unwrap().factor;
    assert!((part.factor - 1.25).abs() < 1e-3 && part.verdict == Verdict::Faster, "{part:?}");
    assert!(there.summary().starts_with("B is faster than A in 3 of 6 tests and slower in 0;"), "{}", there.summary());
}

#[test]
fn differences_within_noise_are_none() {
    assert_eq!(one(&[100.0; 8], &[101.0; 8]).verdict, Verdict::Faster, "steady samples have no noise");
    let noisy = [97.0, 103.0, 96.0, 104.0, 98.0, 102.0, 97.0, 103.0];
    let a_bit_faster = noisy.map(|x| x * 1.02);
    let factor = one(&noisy, &a_bit_faster);
    assert!(factor.interval_95[0] > 1.0, "in pairs it is 2 % faster each time: {factor:?}");
    assert_eq!(factor.verdict, Verdict::NoDifference, "but the same differs from itself by more");
    assert_eq!(one(&noisy, &noisy.map(|x| x * 1.5)).verdict, Verdict::Faster);
}

#[test]
fn unequal_numbers_of_samples_are_drawn_apart() {
    let factor = one(&[100.0, 101.0, 99.0], &[200.0, 201.0, 199.0, 200.0, 202.0]);
    assert!(!factor.paired && factor.verdict == Verdict::Faster, "{factor:?}");
    let [low, high] = factor.interval_95;
    assert!(low <= factor.factor && factor.factor <= high && (1.9..2.1).contains(&factor.factor), "{factor:?}");
    assert!(low > 1.96 && high < 2.05, "medians of redrawn samples lie between 199/101 and 202/99: {factor:?}");
    assert_eq!(one(&[100.0, 101.0], &[200.0; 5]).verdict, Verdict::TooFewSamples);
    assert_eq!(one(&[100.0], &[300.0]).verdict, Verdict::TooFewSamples);
}

#[test]
fn other_work_is_refused_unless_forced() {
    type Change = fn(&mut RunRecord);
    let changes: [(&str, Change); 4] = [
        ("model", |run| run.model.sha256 = Some("cd".repeat(32))),
        ("prompt", |run| run.prompt = "Another".to_owned()),
        ("prompt", |run| run.prompt_tokens.push(1)),
        ("processor", |run| run.machine.cpu = Some("Another CPU".to_owned())),
    ];
    for (what, change) in changes {
        let b = with_run(change);
        let Err(CompareError::Different(differences)) = compare(&recorded(), &b, false) else { panic!("{what}") };
        assert_eq!(differences.iter().map(|d| d.what).collect::<Vec<_>>(), [what]);
        let forced = compare(&recorded(), &b, true).unwrap();
        assert_eq!(forced.differences, differences, "the result says so");
    }
    let without = with_run(|run| run.model.sha256 = None);
    assert!(compare(&without, &recorded(), false).is_ok(), "name and size are equal");
    let larger = with_run(|run| (run.model.sha256, run.model.file_bytes) = (None, 1));
    assert!(matches!(compare(&larger, &recorded(), false), Err(CompareError::Different(_))));
}

#[test]
fn runs_without_anything_in_common_are_refused() {
    let a = run_with([op("naive", 0, "attention", 10, 1, 1)]);
    let b = run_with([op("optimized", 0, "attention", 10, 1, 1)]);
    assert!(matches!(compare(&a, &b, false), Err(CompareError::NothingInCommon)));
    assert!(matches!(compare(&[], &b, false), Err(CompareError::NoRun { run: 'A' })));
    assert!(matches!(compare(&b, &[], true), Err(CompareError::NoRun { run: 'B' })));
}

#[test]
fn the_page_of_a_comparison_shows_both_runs_and_escapes_their_names() {
    let (a, b) = (recorded(), with_run(|run| run.machine.cpu = Some("<Other>".to_owned())));
    let comparison = compare(&a, &b, true).unwrap();
    let page = html(&comparison, [&a, &b], ["a<b>.jsonl", "b.jsonl"]).unwrap();
    assert!(page.contains("Run A: a&lt;b&gt;.jsonl") && page.contains("Run B: b.jsonl"));
    assert!(page.contains("The runs differ in more than speed: another processor"));
    assert!(!page.contains("<Other>") && !page.contains("<b>"));
    assert!(page.contains("no detectable difference"));
}
