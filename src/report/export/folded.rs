//! Folded stacks: one line for each place, from the outside inwards, and the time that was spent in it.
//!
//! Source: Gregg, "The Flame Graph", ACM Queue 14(2), 2016; the format of `stackcollapse`.

use crate::measure::record::schema::{OpRecord, Record};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes `path;phase;block;group;operation microseconds`, summed over all steps. Time of a step that is in none of its
/// operations is its own line, so that the widths add up to the run; steps whose operations were not kept are left out.
///
/// # Errors
/// If `out` cannot be written.
pub fn folded(records: &[Record], out: &mut dyn Write) -> io::Result<()> {
    let mut stacks: BTreeMap<String, u64> = BTreeMap::new();
    let mut inside: BTreeMap<(&str, usize), u64> = BTreeMap::new();
    for record in records {
        if let Record::Op(op) = record {
            *stacks.entry(stack(op)).or_default() += op.dt_ns;
            *inside.entry((&op.path, op.step)).or_default() += op.dt_ns;
        }
    }
    for record in records {
        if let Record::Step(step) = record
            && let Some(in_ops) = inside.get(&(&*step.path, step.step))
        {
            let stack = format!("{};{};between operations", frame(&step.path), step.phase.name());
            *stacks.entry(stack).or_default() += step.dt_ns.saturating_sub(*in_ops);
        }
    }
    for (stack, ns) in stacks {
        writeln!(out, "{stack} {}", (ns + 500) / 1000)?;
    }
    Ok(())
}

fn stack(op: &OpRecord) -> String {
    let block = op.layer.map_or("outside the blocks".to_owned(), |layer| format!("block {layer}"));
    let covers = op.covers.join("+");
    let name = if covers.is_empty() { &*op.op } else { &covers };
    format!("{};{};{block};{};{}", frame(&op.path), op.phase.name(), frame(&op.group), frame(name))
}

/// A name without what separates frames and lines.
fn frame(name: &str) -> String {
    name.replace([';', '\n', '\r'], "_")
}
