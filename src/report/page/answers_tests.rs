use super::*;
use crate::measure::record::schema::Record;
use crate::report::Events;
use crate::report::sample::{bench, ceiling, cost, diff, end, op, recorded, run, run_with, step};

fn answer(of: fn(&Events<'_>) -> Answer, records: &[Record]) -> Answer {
    of(&Events::of(records).unwrap())
}

fn first(of: fn(&Events<'_>) -> Answer, records: &[Record]) -> String {
    answer(of, records).sentences[0].clone()
}

/// Decoded tokens of 2 ms: 84 MB, 168 MFLOP; 1.4 ms of 1.96 ms in feed-forward.
fn decoding() -> Vec<Record> {
    run_with((0..3).flat_map(|i| {
        [
            step("optimized", i, 2_000_000),
            op("optimized", i, "attention", 560_000, 48_000_000, 24_000_000),
            op("optimized", i, "feed_forward", 1_400_000, 120_000_000, 60_000_000),
        ]
    }))
}

fn roofs() -> Vec<Record> {
    vec![ceiling("read", "before", Some(84_000_000), 50e9), ceiling("int8", "before", None, 400e9)]
}

#[test]
fn without_data_every_answer_says_so_in_one_sentence() {
    let nothing = run_with([]);
    for of in [equal, time, roofline, memory, sampling, attention, weights, measurement] {
        let answer = answer(of, &nothing);
        assert!(answer.is_missing && answer.sentences.len() == 1, "{answer:?}");
        assert!(answer.sentences[0].ends_with('.'), "{answer:?}");
        assert!(!answer.sentences[0].contains("NaN") && !answer.sentences[0].contains("unknown"), "{answer:?}");
    }
    assert_eq!(
        first(trust, &nothing),
        "This run has neither repeated measurements nor ceilings: take its times as a hint only."
    );
    assert_eq!(first(asked, &nothing), "The model read a prompt of 6 tokens and generated nothing.");
    assert_eq!(first(next, &nothing), "Record the run again, to its end: it was interrupted.");
    let ended = answer(next, &run_with([end()]));
    assert!(ended.is_missing, "{ended:?}");
}

#[test]
fn a_whole_run_has_numbers_in_every_answer() {
    for of in [trust, asked, equal, time, roofline, memory, sampling, attention, weights, measurement, next] {
        let answer = answer(of, &recorded());
        assert!(!answer.is_missing && answer.sentences[0].contains(|c: char| c.is_ascii_digit()), "{answer:?}");
        for sentence in &answer.sentences {
            assert!(sentence.ends_with('.') && !sentence.contains("NaN") && !sentence.contains("inf "), "{sentence}");
            assert_eq!(sentence.matches('`').count() % 2, 0, "{sentence}");
        }
    }
}

#[test]
fn time_says_what_a_token_takes_where_and_how_much_of_the_machine() {
    assert_eq!(
        first(time, &[decoding(), roofs()].concat()),
        "Decoding takes 2.00 ms a token; 71 % of the operations' time is feed-forward; it moves 84.0 MB a token, 84 % of what \
         this machine reads in that time."
    );
    let alone = answer(time, &decoding()).sentences;
    assert!(alone[0].ends_with("it moves 84.0 MB a token; the machine's ceilings were not measured."), "{alone:?}");
    assert!(alone.contains(&"This run has no times of the naive path.".to_owned()), "{alone:?}");
    let naive = [step("naive", 0, 90_000_000), op("naive", 0, "attention", 90_000_000, 1, 1)];
    let both = answer(time, &[decoding(), naive.to_vec()].concat()).sentences;
    assert!(
        both.contains(
            &"The naive path decodes at 90.0 ms a token: the optimized path is 45.0 times as fast.".to_owned()
        ),
        "{both:?}"
    );
    let naive_alone = answer(time, &run_with(naive)).sentences;
    assert!(naive_alone[0].starts_with("The naive path takes 90.0 ms a token; "), "{naive_alone:?}");
    assert!(naive_alone.contains(&"This run has no times of the optimized path.".to_owned()));
}

#[test]
fn the_roofline_names_the_limit() {
    let limit = |read, int8| {
        let roofs = [ceiling("read", "before", None, read), ceiling("int8", "before", None, int8)];
        first(roofline, &[decoding(), roofs.to_vec()].concat())
    };
    assert_eq!(
        limit(50e9, 400e9),
        "Decode is limited by reading memory: it does 2.00 operations for each byte and reaches 84 % of the machine's reading \
         speed."
    );
    assert!(limit(500e9, 100e9).starts_with("Decode is limited by arithmetic: "));
    assert!(limit(500e9, 900e9).starts_with("Decode is limited by neither roof: "));
    assert_eq!(first(roofline, &decoding()), "The machine's ceilings were not measured in this run.");
}

#[test]
fn equality_names_the_furthest_value_and_the_first_that_is_wrong() {
    let records = |diffs: &[(f64, f64)]| {
        let diffs = diffs.iter().enumerate().map(|(i, &(rel, budget))| Record::Diff(diff(i, rel, budget)));
        answer(equal, &run_with(diffs)).sentences
    };
    let good = records(&[(0.001, 0.01), (0.004, 0.01), (0.004, 0.1)]);
    assert_eq!(
        good[0],
        "Yes: all 3 compared values are within what rounding allows; the furthest is `hook_1` (operation `op_1`), at 0.00400 or \
         40 % of its budget."
    );
    let bad = records(&[(0.001, 0.01), (0.02, 0.01), (0.5, 0.01), (0.009, 0.01)]);
    assert!(bad[0].starts_with("No: 2 of 4 compared values are out of budget; the furthest is `hook_2`"), "{bad:?}");
    assert!(bad[1].starts_with("The first one in the order of computation is `hook_1`"), "{bad:?}");
    let mut nan = diff(7, f64::NAN, 0.01);
    nan.passed = false;
    let diffs = run_with([Record::Diff(diff(0, 9.0, 0.01)), Record::Diff(nan)]);
    assert_eq!(worst_first(&Events::of(&diffs).unwrap())[0].index, 7, "no number is the worst");
}

#[test]
fn memory_says_what_a_token_costs_and_when_attention_overtakes() {
    let costs = [0, 64, 256].map(|context| cost(context, 10 * context as u64));
    let overtakes = "From a context of 100 tokens on, attention takes more operations than all matrices together.";
    assert_eq!(first(memory, &run_with(costs.clone())), overtakes);
    let beyond = first(memory, &run_with(costs[..2].iter().cloned()));
    assert!(beyond.contains("from a context of 100 tokens on; costs were predicted up to 64."), "{beyond}");
    let window = first(memory, &run_with([cost(8, 100), cost(16, 100)]));
    assert!(window.starts_with("Up to a context of 16 tokens attention takes fewer operations"), "{window}");
    assert_eq!(first(memory, &recorded()), "Each token takes 512 B of the cache (keys and values in f16).");
}

#[test]
fn sampling_says_what_top_p_removed_at_step_ten() {
    let lead = first(sampling, &recorded());
    let expected =
        "At step 10 `top_p` removed 33 of 40 candidates and with them 5.0 % of the probability; `top_k` removed";
    assert!(lead.starts_with(expected), "{lead}");
}

#[test]
fn advice_says_what_it_gains() {
    // 8.5 bits a weight: half as many bits are 84 MB → 44.5 MB.
    let mut with_bits = run();
    (with_bits.model.file_bytes, with_bits.model.parameters) = (85_000_000, 80_000_000);
    let mut records = [decoding(), roofs(), vec![end()]].concat();
    records[0] = Record::Run(Box::new(with_bits));
    assert_eq!(
        first(next, &records),
        "Decode runs at 84 % of the machine's reading speed: better kernels give at most 1.19 times; a format of 4.5 bits a \
         weight (now 8.50) would read 47 % less, at most 1.89 times as fast."
    );
    let steady = [100.0; 6];
    let two_threads = run_with([Record::Bench(bench(1, &steady)), Record::Bench(bench(2, &[180.0; 6])), end()]);
    assert_eq!(first(next, &two_threads), "Run it with 2 threads: decode was 1.80 times as fast as with 1.");
    let no_gain = run_with([Record::Bench(bench(1, &steady)), Record::Bench(bench(2, &[101.0; 6])), end()]);
    assert!(answer(next, &no_gain).is_missing);
    let wrong = run_with([Record::Diff(diff(3, 0.2, 0.1)), end()]);
    assert!(first(next, &wrong).starts_with("Find out why `hook_3` (operation `op_3`) is out of budget"));
    let drift = run_with([ceiling("read", "before", None, 10e9), ceiling("read", "after", None, 7e9), end()]);
    assert!(first(next, &drift).starts_with("Record the run again on a quiet machine"));
}

#[test]
fn a_cache_without_positions_costs_nothing_that_is_known() {
    assert_eq!(cache_bytes_per_token(&Events::of(&run_with([])).unwrap()), None);
    assert_eq!(cache_bytes_per_token(&Events::of(&recorded()).unwrap()), Some(512.0));
}
