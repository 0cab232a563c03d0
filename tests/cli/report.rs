//! `report`: pages from recordings alone, and two runs compared.

use crate::program::{Place, text};

const RUN: &[u8] = include_bytes!("../golden/record/run.jsonl");
const OTHER: &[u8] = include_bytes!("../golden/record/other.jsonl");

fn place() -> Place {
    let place = Place::new();
    place.write("run.jsonl", RUN);
    place.write("other.jsonl", OTHER);
    place
}

fn page(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path().join(name)).unwrap()
}

#[test]
fn a_recording_becomes_a_page_beside_it_or_where_it_is_asked_for() {
    let place = place();
    let output = place.run(&["report", "run.jsonl"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(text(&output.stdout).starts_with("wrote run.html ("), "{}", text(&output.stdout));
    let first = page(&place, "run.html");
    assert!(first.contains("Decoding takes ") && !first.contains("This run was interrupted"));
    assert_eq!(place.run(&["report", "run.jsonl", "-o", "again.html"]).status.code(), Some(0));
    assert_eq!(page(&place, "again.html"), first, "the same events, the same page");
}

#[test]
fn a_run_that_was_cut_off_is_shown_as_far_as_it_came() {
    let place = place();
    place.write("cut.jsonl", &RUN[..RUN.len() / 2]);
    assert_eq!(place.run(&["report", "cut.jsonl"]).status.code(), Some(0));
    assert!(page(&place, "cut.html").contains("This run was interrupted"));
}

#[test]
fn what_is_no_recording_is_refused_and_an_old_page_stays() {
    let place = place();
    let lines = String::from_utf8(RUN.to_vec()).unwrap();
    let second = lines.find('\n').unwrap() + 1;
    place.write("bad.html", b"old");
    for (contents, why) in [
        (&b""[..], "line 1 is no `run` event"),
        (&lines.as_bytes()[second..], "line 1 is no `run` event"),
        (b"# A text\nof two lines\n", "line 1: expected value"),
        (b"\x00\xff\n\x01\n", "line 1: "),
        (lines.replacen("\"schema\":1", "\"schema\":9", 1).as_bytes(), "the events have version 9, expected at most 1"),
        (lines.replacen("\"dt_ns\":", "\"dt\":", 1).as_bytes(), "missing field `dt_ns`"),
    ] {
        place.write("bad.jsonl", contents);
        place.refused(&["report", "bad.jsonl"], &["cannot read bad.jsonl: ", why]);
        assert_eq!(page(&place, "bad.html"), "old");
    }
    place.refused(&["report", "missing.jsonl"], &["cannot open missing.jsonl: No such file"]);
    place.refused(
        &["report", "run.jsonl", "-o", "missing/page.html"],
        &["cannot write missing/page.html: No such file"],
    );
    place.refused(&["report", "run.jsonl", "-o", "."], &["cannot write .: it is a directory"]);
    place.refused(&["report", "run.jsonl", "-o", "./run.jsonl"], &["is the recording: name another file with -o"]);
    place.write("named.html", RUN);
    place.refused(&["report", "named.html"], &["named.html is the recording"]);
    assert_eq!(page(&place, "named.html").as_bytes(), RUN);
    place.refused(&["report", "compare", "run.jsonl", "missing.jsonl"], &["cannot open missing.jsonl"]);
}

#[cfg(target_os = "linux")]
#[test]
fn where_nothing_can_be_written_one_line_says_so() {
    // A directory of the kernel's: no file can be made there, by nobody.
    place().refused(&["report", "run.jsonl", "-o", "/proc/page.html"], &["cannot write /proc/page.html: "]);
}

#[test]
fn two_runs_are_compared_as_text_as_json_and_as_a_page() {
    let place = place();
    let output = place.run(&["report", "compare", "run.jsonl", "other.jsonl", "--html", "both.html"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("B is faster than A in 3 of 6 tests and slower in 0; 3 show no detectable difference."),
        "{shown}"
    );
    let decode = shown.lines().find(|line| line.starts_with("optimized tg128, 1 thread ")).expect("the test");
    assert!(decode.contains("1.25") && decode.ends_with("  faster"), "{decode}");
    assert!(page(&place, "both.html").contains("B is faster than A in 3 of 6 tests"));
    let json = place.json(&["report", "compare", "run.jsonl", "other.jsonl"]);
    let tests = json["tests"].as_array().unwrap();
    let verdict = |test: &str, path: &str| {
        let is = |t: &&serde_json::Value| t["test"] == test && t["path"] == path && t["depth"] == 0 && t["rung"] == "";
        tests.iter().find(is).unwrap()["verdict"].clone()
    };
    assert_eq!((verdict("tg128", "optimized"), verdict("tg128", "naive")), ("faster".into(), "no_difference".into()));
    assert_eq!(json["differences"], serde_json::json!([]));
}

#[test]
fn runs_of_other_models_are_compared_only_by_force() {
    let place = place();
    let other = String::from_utf8(OTHER.to_vec()).unwrap().replacen(&"ab".repeat(32), &"cd".repeat(32), 1);
    place.write("other.jsonl", other.as_bytes());
    let args = ["report", "compare", "run.jsonl", "other.jsonl"];
    place.refused(&args, &["error: the runs cannot be compared: another model: ", "; --force compares them anyway"]);
    let output = place.run(&[&args[..], &["--force"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("warning: another model: "), "{}", text(&output.stdout));
}

#[test]
fn help_has_examples() {
    let place = Place::new();
    for args in [&["report", "--help"][..], &["report", "compare", "--help"]] {
        let output = place.run(args);
        assert!(output.status.success() && text(&output.stdout).contains("Examples:\n  cutaway report"), "{args:?}");
    }
}

/// The whole run on a model of the tests: events and page, which can be made again from the events.
#[test]
fn a_model_runs_and_becomes_a_page() {
    let place = Place::new();
    let args = ["report", "-m", "model.gguf", "-p", "abc", "-n", "4", "-r", "1", "-t", "1", "-o", "made/page.html"];
    let output = place.run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let first = page(&place, "made/page.html");
    assert!(first.contains("<svg") && !first.contains("This run was interrupted"));
    assert_eq!(place.run(&["report", "made/page.jsonl", "-o", "again.html"]).status.code(), Some(0));
    assert_eq!(page(&place, "again.html"), first, "the events are all that the page is made of");
    place.refused(&["report", "-m", "model.gguf", "-p", "abc", "-n", "999999"], &["do not fit a context of"]);
    place.refused(&["report", "-m", "model.gguf", "-o", "model.gguf/x.html"], &["cannot write model.gguf/x.html"]);
}
