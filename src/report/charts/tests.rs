use super::*;
use crate::measure::record::schema::BenchRecord;
use crate::report::sample;
use std::collections::BTreeSet;

#[test]
fn the_catalogue_has_every_number_and_every_key_once() {
    let numbers: Vec<u8> = CATALOGUE.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, (1..=31).collect::<Vec<u8>>());
    assert_eq!(CATALOGUE.iter().map(|entry| entry.key).collect::<BTreeSet<_>>().len(), 31);
    let missing: Vec<u8> = CATALOGUE.iter().filter(|entry| entry.chart.is_err()).map(|entry| entry.number).collect();
    assert_eq!(missing, [17, 18, 24, 25, 27, 29, 30]);
}

/// Every chart that is said to exist can be drawn of a whole recording: it has marks, an explanation and a table.
#[test]
fn a_chart_that_exists_has_marks_and_a_table() {
    let records = sample::recorded();
    let figures = figures(&records).unwrap();
    let drawn: Vec<u8> = figures.iter().map(|figure| figure.number).collect();
    let made: Vec<u8> = CATALOGUE.iter().filter(|entry| entry.chart.is_ok()).map(|entry| entry.number).collect();
    assert_eq!(drawn, made);
    for figure in &figures {
        let key = &figure.key;
        assert!(figure.svg.contains("data-series=\""), "{key} has no marks");
        assert!(figure.n > 0 && !figure.statistic.is_empty() && !figure.source.is_empty(), "{key}");
        assert!(!figure.rows.is_empty(), "{key} has no table");
        assert!(figure.rows.iter().all(|row| row.len() == figure.columns.len()), "{key}: a row for every column");
        assert!(!figure.svg.contains("NaN") && !figure.svg.contains("inf"), "{key}");
        for colour in ["#010203", "#040506", "#070809", "#C8"] {
            assert!(!figure.svg.contains(colour), "{key} keeps a colour that only stands for a role");
        }
    }
}

#[test]
fn a_recording_without_measurements_has_no_charts_of_them() {
    assert!(figures(&[]).unwrap().is_empty());
    assert!(figures(&sample::run_with([])).unwrap().is_empty());
}

/// A run may measure other thread counts and depths too; what watching costs is shown for one of them.
#[test]
fn what_watching_costs_is_that_of_one_test() {
    let figure = |records: &[Record]| figures(records).unwrap().into_iter().find(|figure| figure.number == 31).unwrap();
    let mut records = sample::recorded();
    let rows = figure(&records).rows;
    let others: Vec<Record> = records
        .iter()
        .filter_map(|record| match record {
            Record::Bench(bench) if bench.test.starts_with("tg") => Some(bench),
            _ => None,
        })
        .flat_map(|bench| {
            let more_threads = BenchRecord { threads: bench.threads + 7, ..bench.clone() };
            let deeper = BenchRecord { depth: bench.depth + 512, ..bench.clone() };
            [Record::Bench(more_threads), Record::Bench(deeper)]
        })
        .collect();
    records.extend(others);
    assert_eq!(figure(&records).rows, rows);
}

/// Names come from files of strangers.
#[test]
fn a_name_cannot_leave_its_text() {
    let bad = "</text></svg><script>alert(1)</script>\u{202e}\u{1b}[31m\"'&";
    let mut records = sample::recorded();
    for record in &mut records {
        match record {
            Record::Tokenizer(text) => text.text = bad.to_owned(),
            Record::Histogram(histogram) => histogram.name = bad.to_owned(),
            Record::Tensor(tensor) => tensor.name = format!("blk.0.{bad}.weight"),
            Record::Token(token) => token.piece = bad.to_owned(),
            _ => {}
        }
    }
    for figure in figures(&records).unwrap() {
        let inside = &figure.svg[4..figure.svg.len() - 6];
        assert!(!inside.contains("<script") && !inside.contains("</svg>"), "{}", figure.key);
        assert!(!inside.contains(['\u{202e}', '\u{1b}']), "{}", figure.key);
    }
}

/// A recording of a stranger may hold any number.
#[test]
fn absurd_numbers_are_drawn_or_left_out() {
    for bad in [0.0, -1.0, f64::MAX, f64::MIN_POSITIVE, 1e-300] {
        let mut records = sample::recorded();
        for record in &mut records {
            match record {
                Record::Bench(bench) => bench.tokens_per_second.iter_mut().for_each(|x| *x = bad),
                Record::Ceiling(ceiling) => ceiling.per_second.iter_mut().for_each(|x| *x = bad),
                Record::Diff(diff) => diff.rel_rms = bad,
                Record::Histogram(histogram) => (histogram.low, histogram.high) = (-bad, bad),
                Record::Op(op) => {
                    (op.flops, op.dt_ns) = (u64::MAX / 4096, if bad == 0.0 { 0 } else { u64::MAX / 4096 })
                }
                Record::Tensor(tensor) => (tensor.offset, tensor.bytes) = (u64::MAX / 2, u64::MAX / 2),
                Record::Attention(attention) => (attention.entropy, attention.sink) = (bad, bad),
                _ => {}
            }
        }
        for figure in figures(&records).unwrap() {
            assert!(!figure.svg.contains("NaN") && !figure.svg.contains("inf"), "{}, {bad}", figure.key);
        }
    }
}
