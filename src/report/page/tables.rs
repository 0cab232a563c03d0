//! The tables of the page.
//!
//! What it deliberately does not do: say what the numbers mean. The sentences above a table do.

use super::answers::worst_first;
use super::plain;
use super::summary::{Part, Pass};
use crate::measure::statistics::{bootstrap_95, median};
use crate::observe::Phase;
use crate::report::Events;
use crate::report::units::{bytes, count, number, percent, scaled, time};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// What a reader sees.
    pub text: String,
    /// By what a column is sorted, if it is a number.
    pub value: Option<f64>,
    /// Whether it is bad news.
    pub bad: bool,
}

impl Cell {
    /// Words.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self { text: plain(text.as_ref()), value: None, bad: false }
    }

    /// A number, and how it is shown.
    pub fn number(value: f64, text: impl Into<String>) -> Self {
        Self { text: text.into(), value: value.is_finite().then_some(value), bad: false }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Titles of the columns.
    pub columns: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// Whether it is shown at once, and not only when it is asked for.
    pub open: bool,
}

impl Table {
    fn of(caption: &str, open: bool, columns: &[&'static str], rows: Vec<Vec<Cell>>) -> Option<Self> {
        let caption = caption.to_owned();
        (!rows.is_empty()).then(|| Self { caption, columns: columns.to_vec(), rows, open })
    }
}

/// A number, or a dash where there is none.
fn known(value: Option<f64>, show: impl Fn(f64) -> String) -> Cell {
    value.map_or_else(|| Cell::text("–"), |value| Cell::number(value, show(value)))
}

/// Time by part of the model: the two paths beside each other.
pub(super) fn parts(events: &Events<'_>) -> Option<Table> {
    let passes = passes(events);
    let names: BTreeSet<&str> = passes.iter().flatten().flat_map(|pass| &pass.groups).map(|part| &*part.name).collect();
    let ns = |pass: &Option<Pass>, name: &str| {
        pass.as_ref().and_then(|pass| pass.groups.iter().find(|part| part.name == name)).map(|part| part.ns)
    };
    let mut names: Vec<&str> = names.into_iter().collect();
    let order = |name: &str| passes.iter().find_map(|pass| ns(pass, name)).unwrap_or(0.0);
    names.sort_by(|a, b| order(b).total_cmp(&order(a)));
    let mut rows: Vec<Vec<Cell>> = names
        .iter()
        .map(|name| {
            let times = passes.iter().map(|pass| known(ns(pass, name), time));
            std::iter::once(Cell::text(name.replace('_', " "))).chain(times).collect()
        })
        .collect();
    if !rows.is_empty() {
        let totals = passes.iter().map(|pass| known(pass.as_ref().map(|pass| pass.total.ns), time));
        rows.push(std::iter::once(Cell::text("all operations")).chain(totals).collect());
        let steps = passes.iter().map(|pass| known(pass.as_ref().map(|pass| pass.ns), time));
        rows.push(std::iter::once(Cell::text("a step, a token (median)")).chain(steps).collect());
    }
    Table::of(
        "Time a token, by part of the model",
        true,
        &["part", "decode, optimized", "decode, naive", "prefill, optimized", "prefill, naive"],
        rows,
    )
}

/// Both phases of both paths, in the order of the columns of [`parts`].
fn passes(events: &Events<'_>) -> [Option<Pass>; 4] {
    [("optimized", Phase::Decode), ("naive", Phase::Decode), ("optimized", Phase::Prefill), ("naive", Phase::Prefill)]
        .map(|(path, phase)| Pass::of(events, path, phase))
}

/// Every operation of one path in one phase.
pub(super) fn operations(events: &Events<'_>, path: &str, phase: Phase) -> Option<Table> {
    let pass = Pass::of(events, path, phase)?;
    let row = |op: &Part| {
        let share = op.ns / pass.total.ns;
        vec![
            Cell::text(&op.name),
            Cell::number(op.ns, time(op.ns)),
            Cell::number(share, percent(share)),
            Cell::number(op.flops, scaled(op.flops, "FLOP")),
            Cell::number(op.bytes, bytes(op.bytes)),
            Cell::number(op.flops / op.bytes, number(op.flops / op.bytes.max(1.0))),
            known(op.roof_ns.map(|roof| roof / op.ns), percent),
        ]
    };
    Table::of(
        &format!("Operations of a token: {}, {path} path (all blocks together)", phase.name()),
        false,
        &["operation", "time", "share", "work", "bytes", "FLOP/B", "of its roof"],
        pass.ops.iter().map(row).collect(),
    )
}

/// The text, token by token.
pub(super) fn tokens(events: &Events<'_>) -> Option<Table> {
    let row = |token: &&crate::measure::record::schema::TokenRecord| {
        vec![
            Cell::number(token.step as f64, token.step.to_string()),
            Cell::number(f64::from(token.token), token.token.to_string()),
            Cell::text(format!("{:?}", token.piece)),
            known(token.nll.map(|nll| (-nll).exp()), percent),
            known(token.rank.map(|rank| rank as f64), |rank| count(rank as u64 + 1)),
            Cell::number(token.dt_ns as f64, time(token.dt_ns as f64)),
        ]
    };
    Table::of(
        "Generated tokens",
        false,
        &["step", "token", "text", "probability", "place", "time to choose"],
        events.tokens.iter().map(row).collect(),
    )
}

/// Rows of the table of differences; the drift chart's table has all.
const MOST_DIFFS: usize = 20;

/// What is furthest from the naive path.
pub(super) fn differences(events: &Events<'_>) -> Option<Table> {
    let row = |diff: &&crate::measure::record::schema::DiffRecord| {
        let share = diff.rel_rms / diff.budget;
        vec![
            Cell { bad: !diff.passed, ..Cell::text(if diff.passed { "within" } else { "out of budget" }) },
            Cell::text(&diff.hook),
            Cell::text(&diff.op),
            Cell::text(&diff.mode),
            Cell::number(diff.rel_rms, number(diff.rel_rms)),
            Cell::number(diff.budget, number(diff.budget)),
            Cell::number(share, percent(share)),
            Cell::number(diff.max_abs, number(diff.max_abs)),
        ]
    };
    let rows: Vec<_> = worst_first(events).iter().take(MOST_DIFFS).map(row).collect();
    Table::of(
        &format!("The {} values that are furthest from the naive path", rows.len()),
        true,
        &["verdict", "value", "operation", "mode", "relative difference", "budget", "used", "largest difference"],
        rows,
    )
}

/// What each stage of the sampler did at each step.
pub(super) fn stages(events: &Events<'_>) -> Option<Table> {
    let pieces: BTreeMap<u32, &str> = events.tokens.iter().map(|token| (token.token, &*token.piece)).collect();
    let best = |&(token, p): &(u32, f32)| {
        let text = pieces.get(&token).map(|piece| format!(" {piece:?}")).unwrap_or_default();
        format!("{token}{text} {}", percent(f64::from(p)))
    };
    let row = |stage: &&crate::measure::record::schema::SamplerRecord| {
        let removed = 1.0 - stage.kept_mass;
        let top: Vec<String> = stage.top.iter().take(3).map(best).collect();
        vec![
            Cell::number(stage.step as f64, stage.step.to_string()),
            Cell::text(&stage.stage),
            Cell::number(stage.n_in as f64, count(stage.n_in as u64)),
            Cell::number(stage.n_out as f64, count(stage.n_out as u64)),
            Cell::number(removed, percent(removed)),
            Cell::number(stage.entropy, number(stage.entropy / std::f64::consts::LN_2)),
            Cell::number(stage.kl, number(stage.kl / std::f64::consts::LN_2)),
            Cell::text(top.join(", ")),
        ]
    };
    Table::of(
        "Stages of the sampler at each step",
        false,
        &[
            "step",
            "stage",
            "candidates before",
            "after",
            "probability removed",
            "entropy, bits",
            "change (KL), bits",
            "best after it",
        ],
        events.samplers.iter().map(row).collect(),
    )
}

/// Predicted costs of one token.
pub(super) fn costs(events: &Events<'_>) -> Option<Table> {
    let row = |cost: &&crate::measure::record::schema::CostRecord| {
        let formats: Vec<String> =
            cost.cache_bytes.iter().map(|(format, n)| format!("{format} {}", bytes(*n as f64))).collect();
        let matrices = (cost.projection_flops + cost.unembedding_flops) as f64;
        vec![
            Cell::number(cost.context as f64, count(cost.context as u64)),
            Cell::number(matrices, scaled(matrices, "FLOP")),
            Cell::number(cost.attention_flops as f64, scaled(cost.attention_flops as f64, "FLOP")),
            Cell::number(cost.weight_bytes as f64, bytes(cost.weight_bytes as f64)),
            Cell::number(cost.kv_bytes as f64, bytes(cost.kv_bytes as f64)),
            Cell::text(formats.join(", ")),
        ]
    };
    let decode: Vec<_> = events.costs.iter().copied().filter(|cost| cost.what == "decode").collect();
    Table::of(
        "Predicted cost of one decoded token",
        false,
        &["context", "matrices", "attention", "weights read", "keys and values read", "cache holds"],
        decode.iter().map(row).collect(),
    )
}

/// Speeds.
pub(super) fn speeds(events: &Events<'_>) -> Option<Table> {
    let row = |bench: &&crate::measure::record::schema::BenchRecord| {
        let (speed, [low, high]) = (median(&bench.tokens_per_second), bootstrap_95(&bench.tokens_per_second));
        vec![
            Cell::text(&bench.test),
            Cell::text(&bench.path),
            Cell::number(bench.depth as f64, count(bench.depth as u64)),
            Cell::number(bench.threads as f64, bench.threads.to_string()),
            Cell::text(if bench.rung.is_empty() { &*bench.kernels } else { &*bench.rung }),
            Cell::text(&bench.observer),
            Cell::number(speed, number(speed)),
            Cell::text(format!("{} – {}", number(low), number(high))),
            Cell::number(bench.tokens_per_second.len() as f64, bench.tokens_per_second.len().to_string()),
        ]
    };
    Table::of(
        "Tokens per second: median, and its 95 % bootstrap interval",
        false,
        &["test", "path", "depth", "threads", "kernels", "observer", "tokens/s", "interval", "runs"],
        events.benches.iter().map(row).collect(),
    )
}
