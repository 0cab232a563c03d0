//! The page of a comparison.

use super::Comparison;
use super::factor::Factor;
use crate::measure::record::schema::Record;
use crate::report::Events;
use crate::report::page::facts::facts;
use crate::report::page::{Cell, PageError, Table, plain, plain_facts, render, script_json};
use crate::report::units::{number, percent};
use minijinja::value::Serde;
use minijinja::{Value, context};

/// The comparison as one HTML file; `names` are those of the runs, A and B.
///
/// # Errors
/// If a run does not say what ran.
pub fn html(comparison: &Comparison, runs: [&[Record]; 2], names: [&str; 2]) -> Result<String, PageError> {
    let mut shown = Vec::new();
    for (letter, (records, name)) in ['A', 'B'].into_iter().zip(runs.into_iter().zip(names)) {
        let events = Events::of(records).ok_or(PageError::NoRun)?;
        shown.push(context! {
            name => plain(&format!("Run {letter}: {name}")),
            command => plain(&events.run.command),
            facts => Value::from(Serde(plain_facts(facts(&events)))),
        });
    }
    let warnings: Vec<String> = comparison.differences.iter().map(ToString::to_string).collect();
    render(
        "compare.html",
        context! {
            title => plain(&format!("{} and {} compared", names[0], names[1])),
            answer => comparison.summary(),
            noise => noise(comparison),
            warnings => warnings.iter().map(|what| format!("The runs differ in more than speed: {what}.")).collect::<Vec<_>>(),
            tables => Value::from(Serde([tests(comparison), parts(comparison)])),
            runs => shown,
            data => Value::from_safe_string(script_json(comparison)?),
        },
    )
}

fn noise(comparison: &Comparison) -> String {
    match comparison.noise_floor {
        Some(floor) => {
            format!("Differences below {} are within the noise floor of these runs and count as none.", percent(floor))
        }
        None => "The noise floor of these runs was not measured.".to_owned(),
    }
}

/// The last columns of both tables.
fn cells(factor: &Factor, unit: &str) -> Vec<Cell> {
    let speed = |x: f64| Cell::number(x, format!("{} {unit}", number(x)));
    let [low, high] = factor.interval_95;
    vec![
        speed(factor.a.median),
        speed(factor.b.median),
        Cell::number(factor.factor, number(factor.factor)),
        Cell::text(format!("{} – {}", number(low), number(high))),
        Cell { bad: factor.verdict == super::Verdict::Slower, ..Cell::text(factor.verdict.text()) },
    ]
}

fn tests(comparison: &Comparison) -> Table {
    let row = |test: &super::TestFactor| {
        let key = &test.test;
        let mut row = vec![
            Cell::text(&key.test),
            Cell::text(&key.path),
            Cell::number(key.depth as f64, key.depth.to_string()),
            Cell::number(key.threads as f64, key.threads.to_string()),
            Cell::text(if key.rung.is_empty() { "–" } else { &*key.rung }),
        ];
        row.extend(cells(&test.factor, "tok/s"));
        row
    };
    Table {
        caption: "Tests without an observer".to_owned(),
        columns: vec!["test", "path", "depth", "threads", "rung", "A", "B", "factor", "interval", "B is"],
        rows: comparison.tests.iter().map(row).collect(),
        open: true,
    }
}

fn parts(comparison: &Comparison) -> Table {
    let row = |part: &super::PartFactor| {
        let mut row =
            vec![Cell::text(part.part.replace('_', " ")), Cell::text(&part.path), Cell::text(part.phase.name())];
        row.extend(cells(&part.factor, "tok/s"));
        row
    };
    Table {
        caption: "Parts of the model, while it was watched: tokens per second if only this part took time".to_owned(),
        columns: vec!["part", "path", "phase", "A", "B", "factor", "interval", "B is"],
        rows: comparison.parts.iter().map(row).collect(),
        open: true,
    }
}
