//! A comparison for people.

use crate::cli::output::visible;
use crate::report::compare::{Comparison, Factor};
use crate::report::units::{number, percent};
use anyhow::Result;
use std::io::Write;

/// Prints it.
///
/// # Errors
/// If standard output cannot be written.
pub(super) fn print(comparison: &Comparison) -> Result<()> {
    let mut text = String::new();
    for difference in &comparison.differences {
        text += &format!("warning: {difference}\n");
    }
    text += &format!("{}\n", comparison.summary());
    text += &match comparison.noise_floor {
        Some(floor) => format!("Differences below {} are noise. A factor above 1: B is faster.\n", percent(floor)),
        None => "The noise floor was not measured. A factor above 1: B is faster.\n".to_owned(),
    };
    let tests = comparison.tests.iter().map(|test| {
        let key = &test.test;
        let mut name =
            format!("{} {}, {} thread{}", key.path, key.test, key.threads, if key.threads == 1 { "" } else { "s" });
        if key.depth > 0 {
            name += &format!(", depth {}", key.depth);
        }
        if !key.rung.is_empty() {
            name += &format!(", {}", key.rung);
        }
        row(name, &test.factor)
    });
    text += &table("tests, tokens per second", tests.collect());
    let parts = comparison
        .parts
        .iter()
        .map(|part| row(format!("{} {}: {}", part.path, part.phase.name(), part.part.replace('_', " ")), &part.factor));
    text += &table("parts, as if nothing else took time", parts.collect());
    std::io::stdout().lock().write_all(visible(&text).as_bytes())?;
    Ok(())
}

fn row(name: String, factor: &Factor) -> [String; 6] {
    let [low, high] = factor.interval_95.map(number);
    [
        name,
        number(factor.a.median),
        number(factor.b.median),
        number(factor.factor),
        format!("{low} – {high}"),
        factor.verdict.text().to_owned(),
    ]
}

/// Columns as wide as their widest cell; numbers to the right.
fn table(title: &str, rows: Vec<[String; 6]>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head = [title, "A", "B", "factor", "interval", "B is"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = "\n".to_owned();
    for [name, a, b, factor, interval, verdict] in &rows {
        let [w0, w1, w2, w3, w4, _] = widths;
        text += &format!("{name:w0$}  {a:>w1$}  {b:>w2$}  {factor:>w3$}  {interval:>w4$}  {verdict}\n");
    }
    text
}
