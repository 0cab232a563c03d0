//! Verdicts for people: a line for each hook (the worst of its blocks), then one sentence.

use super::is_shown;
use crate::measure::verify::{Mode, OpReport, Phase, Report};
use crate::observe::{Hook, HookFilter};
use anyhow::Result;
use std::io::Write;

pub(super) fn print(report: &Report, shown: Option<&HookFilter>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let given = match (report.mode, report.input_bits) {
        (Mode::Locked, Some(16)) => {
            "locked: each operation is given the naive path's values, rounded to 16 bits where matrices read them"
        }
        (Mode::Locked, Some(_)) => {
            "locked: each operation is given the naive path's values, rounded to 8 or 16 bits where matrices read them"
        }
        (Mode::Locked, None) => "locked: each operation is given the naive path's values",
        (Mode::Free, _) => "free: errors accumulate",
    };
    writeln!(out, "{} against the naive path", report.candidate)?;
    writeln!(out, "{given}; {}", passes(report))?;
    writeln!(out, "keys are stored in {}, values in {}\n", report.cache_type_k, report.cache_type_v)?;

    writeln!(
        out,
        "{:<34}  {:<20}  {:>5}  {:>8}  {:>8}  {:>8}  {:>9}",
        "hook", "op", "block", "max abs", "rel RMS", "budget", "cosine"
    )?;
    for line in lines(report, shown) {
        let name = if shown.is_some() { line.hook.clone() } else { line.at.hook.template().replace("{}", "*") };
        let block = line.layer.map_or("-".to_owned(), |layer| layer.to_string());
        let (distance, failed) = (line.distance, if line.passed { "" } else { "  out of budget" });
        writeln!(
            out,
            "{name:<34}  {:<20}  {block:>5}  {:>8.1e}  {:>8.1e}  {:>8.1e}  {:>9.6}{failed}",
            line.op, distance.max_abs, distance.rel_rms, line.budget, distance.cosine
        )?;
    }

    writeln!(out)?;
    for covered in &report.covered {
        writeln!(out, "{} is not held by fused attention: verified as {}", covered.hook, covered.by)?;
    }
    let logits = &report.logits;
    writeln!(
        out,
        "logits of an unwatched run: mean KL {:.1e} nats (budget {:.1e}), max {:.1e}; the same likeliest token at {:.1} % \
         of {} positions{}",
        logits.distance.kl_mean,
        logits.kl_budget,
        logits.distance.kl_max,
        100.0 * logits.distance.top1,
        logits.distance.positions,
        match logits.same_bits_as_watched {
            Some(true) => "; the bits of the watched run",
            Some(false) =>
                "; NOT the bits of the watched run: an operation is wrong only where it is fused with others",
            None => "",
        }
    )?;
    writeln!(out, "\n{}", sentence(report))?;
    Ok(())
}

/// `34 tokens in 2 passes, then 4 decoded`.
fn passes(report: &Report) -> String {
    let of = |phase: Phase| report.passes.iter().filter(move |pass| pass.phase == phase);
    let tokens: usize = of(Phase::Prefill).map(|pass| pass.tokens).sum();
    let (n, decoded) = (of(Phase::Prefill).count(), of(Phase::Decode).count());
    format!("{tokens} tokens in {n} {}, then {decoded} decoded", if n == 1 { "pass" } else { "passes" })
}

/// What to show: the chosen hooks, or the worst block of every hook. A failed one is worse than any that passed.
fn lines<'a>(report: &'a Report, shown: Option<&HookFilter>) -> Vec<&'a OpReport> {
    if shown.is_some() {
        return report.ops.iter().filter(|line| is_shown(line.at, shown)).collect();
    }
    let badness = |line: &OpReport| {
        let ratio = if line.budget > 0.0 { line.distance.rel_rms / line.budget } else { line.distance.rel_rms };
        (!line.passed, if ratio.is_nan() { f64::INFINITY } else { ratio })
    };
    let worst = |&hook: &Hook| {
        let of_hook = report.ops.iter().filter(|line| line.at.hook == hook);
        of_hook.reduce(|worst, line| if badness(line) > badness(worst) { line } else { worst })
    };
    Hook::ALL.iter().filter_map(worst).collect()
}

/// The verdict.
fn sentence(report: &Report) -> String {
    let compared = report.ops.len();
    let Some(first) = &report.first_divergence else {
        return if report.logits.passed {
            format!("passed: all {compared} values are within budget")
        } else {
            format!("failed: all {compared} values are within budget, but the logits of the unwatched run are not")
        };
    };
    let others = match report.other_divergences.as_slice() {
        [] => String::new(),
        others => {
            let names: Vec<&str> = others.iter().take(5).map(|other| other.hook.as_str()).collect();
            let more = if others.len() > names.len() { ", …" } else { "" };
            format!("\n{} more wrong results of right inputs: {}{more}", others.len(), names.join(", "))
        }
    };
    format!("failed: first divergence: {first}{others}")
}
