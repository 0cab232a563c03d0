//! How far every value of the optimized path is from the naive one, with its own inputs (`free`) and with the naive path's
//! (`locked`).

use super::{Done, Run};
use crate::measure::record::schema::{DiffRecord, Record};
use crate::measure::verify::{Mode, VerifyOptions, verify};
use crate::optimized::Transformer;

/// Tokens of the prompt that are compared: every activation of a pass is in memory.
const TOKENS: usize = 32;

pub(super) fn paths(run: &mut Run<'_>) -> Done {
    let mut candidate = Transformer::new(run.model, run.plan.options())?;
    let prompt = &run.plan.prompt[..run.plan.prompt.len().min(TOKENS)];
    for (mode, name) in [(Mode::Locked, "locked"), (Mode::Free, "free")] {
        if !run.next("comparing the paths") {
            return Ok(false);
        }
        let room = run.model.config.n_ctx.saturating_sub(prompt.len());
        let options = VerifyOptions { mode, kv: run.plan.kv, ..VerifyOptions::default() };
        let options = VerifyOptions { decode: options.decode.min(room), ..options };
        let report = verify(run.model, &mut candidate, prompt, &options, |_, _| {})?;
        for (index, op) in report.ops.into_iter().enumerate() {
            run.record(Record::Diff(DiffRecord {
                mode: name.into(),
                index,
                hook: op.hook,
                op: op.op.into(),
                layer: op.layer,
                rel_rms: finite(op.distance.rel_rms),
                max_abs: finite(op.distance.max_abs),
                budget: op.budget,
                passed: op.passed,
            }))?;
        }
    }
    Ok(true)
}

/// JSON has no infinity: what is not a number is as far as can be.
fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { f64::MAX }
}
