//! Sums over the operations of a run: where the time of a token goes, and what the machine would allow.
//!
//! | value | is |
//! |---|---|
//! | [`Pass`] | one path in one phase: time, work and bytes of a token, by part of the model and by operation |
//! | [`Roofs`] | the machine's ceilings for these threads: bytes per second, operations per second |
//! | [`Limit`] | what holds a pass back, as the roofline model says: reading, arithmetic, or neither |
//!
//! The roofline's time of an operation is the longer one of reading its bytes and doing its arithmetic at full speed. The
//! times of the operations are added, since they run one after the other.
//!
//! What it deliberately does not do: make sentences ([`super::answers`]).

use crate::measure::record::schema::OpRecord;
use crate::measure::statistics::median;
use crate::observe::Phase;
use crate::report::Events;
use std::collections::{BTreeMap, BTreeSet};

/// Part of a pass, per token.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Part {
    /// An operation, or a part of the model.
    pub name: String,
    /// Nanoseconds.
    pub ns: f64,
    /// Useful additions and multiplications.
    pub flops: f64,
    /// Compulsory traffic.
    pub bytes: f64,
    /// Nanoseconds that the roofline allows, where the ceilings are known.
    pub roof_ns: Option<f64>,
}

/// One path in one phase, per token.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// Forward passes.
    pub steps: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Nanoseconds a token: the median of the steps. This run was watched, so an unwatched one is faster.
    pub ns: f64,
    /// All operations.
    pub total: Part,
    /// Nanoseconds of the same steps that belong to no operation.
    pub between_ns: f64,
    /// Nanoseconds of the total that reading alone takes, and arithmetic alone.
    pub read_ns: Option<f64>,
    /// As above.
    pub compute_ns: Option<f64>,
    /// Bytes of weights.
    pub weight_bytes: f64,
    /// Bytes of keys and values read.
    pub kv_bytes: f64,
    /// Parts of the model, the longest first.
    pub groups: Vec<Part>,
    /// Operations, those of all blocks together, the longest first. A group that ran as one is one operation, named by what it
    /// covers.
    pub ops: Vec<Part>,
    /// Blocks in their order, and what is outside of them.
    pub layers: Vec<Part>,
}

impl Pass {
    /// Adds up the operations of a path in a phase. `None` without any.
    pub fn of(events: &Events<'_>, path: &str, phase: Phase) -> Option<Self> {
        let ops: Vec<&OpRecord> =
            events.ops.iter().copied().filter(|op| op.path == path && op.phase == phase).collect();
        let steps: BTreeSet<(usize, usize)> = ops.iter().map(|op| (op.step, op.n_tok)).collect();
        let tokens: usize = steps.iter().map(|&(_, n_tok)| n_tok).sum();
        if tokens == 0 {
            return None;
        }
        let bytes: u64 = ops.iter().map(|op| op.bytes.total()).sum();
        let roofs = Roofs::of(events, threads_of(events, path), bytes as f64 / steps.len() as f64);
        let (mut total, mut groups) = (Sum::default(), BTreeMap::new());
        let (mut by_op, mut by_layer) = (BTreeMap::new(), BTreeMap::new());
        for op in &ops {
            let roof = roofs.time(op);
            total.add(op, roof);
            groups.entry(op.group.to_string()).or_insert_with(Sum::default).add(op, roof);
            by_op.entry(name(op)).or_insert_with(Sum::default).add(op, roof);
            by_layer.entry(layer(op)).or_insert_with(Sum::default).add(op, roof);
        }
        let parts_in_order = |sums: BTreeMap<String, Sum>| -> Vec<Part> {
            sums.into_iter().map(|(name, sum)| sum.per(tokens, &name)).collect()
        };
        let parts = |sums: BTreeMap<String, Sum>| {
            let mut parts = parts_in_order(sums);
            parts.sort_by(|a, b| b.ns.total_cmp(&a.ns));
            parts
        };
        let each = |of: &dyn Fn(&OpRecord) -> Option<f64>| {
            ops.iter().map(|op| of(op)).sum::<Option<f64>>().map(|ns| ns / tokens as f64)
        };
        let total = total.per(tokens, "all operations");
        let numbers: BTreeSet<usize> = steps.iter().map(|&(step, _)| step).collect();
        let of_them = events.steps.iter().filter(|s| s.path == path && s.phase == phase && numbers.contains(&s.step));
        let in_steps = of_them.map(|step| step.dt_ns as f64).sum::<f64>() / tokens as f64;
        Some(Self {
            steps: steps.len(),
            tokens,
            ns: token_ns(events, path, phase).unwrap_or(total.ns),
            read_ns: each(&|op| roofs.read_time(op)),
            compute_ns: each(&|op| roofs.compute_time(op)),
            weight_bytes: ops.iter().map(|op| op.bytes.w as f64).sum::<f64>() / tokens as f64,
            kv_bytes: ops.iter().map(|op| op.bytes.kv_r as f64).sum::<f64>() / tokens as f64,
            groups: parts(groups),
            ops: parts(by_op),
            layers: parts_in_order(by_layer),
            between_ns: (in_steps - total.ns).max(0.0),
            total,
        })
    }

    /// The share of its time that belongs to no operation.
    pub fn between(&self) -> f64 {
        self.between_ns / (self.total.ns + self.between_ns).max(1e-9)
    }

    /// What holds it back, if the ceilings are known.
    pub fn limit(&self) -> Option<Limit> {
        let (read, compute) = (self.read_ns?, self.compute_ns?);
        let (by, roof_ns) = if read >= compute { (Bound::Reading, read) } else { (Bound::Arithmetic, compute) };
        let share = roof_ns / self.ns;
        Some(Limit { by: if share < NEITHER { Bound::Neither } else { by }, nearest: by, share })
    }
}

/// `ffn_gate + ffn_up + ffn_act`.
fn name(op: &OpRecord) -> String {
    if op.covers.len() > 1 { op.covers.join(" + ") } else { op.op.to_string() }
}

fn layer(op: &OpRecord) -> String {
    op.layer.map_or("outside the blocks".to_owned(), |layer| format!("block {layer:>3}"))
}

/// A sum over operations.
#[derive(Debug, Default)]
struct Sum {
    ns: u64,
    flops: u64,
    bytes: u64,
    roof_ns: f64,
    /// Of some operation it is not known what the roofline allows.
    is_without_roof: bool,
}

impl Sum {
    fn add(&mut self, op: &OpRecord, roof_ns: Option<f64>) {
        self.ns += op.dt_ns;
        self.flops += op.flops;
        self.bytes += op.bytes.total();
        self.roof_ns += roof_ns.unwrap_or(0.0);
        self.is_without_roof |= roof_ns.is_none();
    }

    fn per(self, tokens: usize, name: &str) -> Part {
        let over = |x: f64| x / tokens as f64;
        Part {
            name: name.to_owned(),
            ns: over(self.ns as f64),
            flops: over(self.flops as f64),
            bytes: over(self.bytes as f64),
            roof_ns: (!self.is_without_roof).then(|| over(self.roof_ns)),
        }
    }
}

/// Below this share of both roofs, something else takes the time.
const NEITHER: f64 = 0.4;

/// What holds a pass back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Reading memory.
    Reading,
    /// Additions and multiplications.
    Arithmetic,
    /// Both could be faster by far: time goes into instructions that the roofline does not count, or into waiting.
    Neither,
}

/// What holds a pass back, and how near it comes to that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// What does.
    pub by: Bound,
    /// The roof that is nearest: reading or arithmetic.
    pub nearest: Bound,
    /// The share of that roof which is reached.
    pub share: f64,
}

/// The machine's ceilings, for a number of threads: medians of all passes, before and after the run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Roofs {
    /// Bytes per second.
    pub read: Option<f64>,
    /// Operations per second on floats.
    pub float: Option<f64>,
    /// Operations per second on bytes.
    pub int8: Option<f64>,
}

impl Roofs {
    /// Those for `threads`; of several streams the one whose length is nearest to `bytes`.
    pub fn of(events: &Events<'_>, threads: usize, bytes: f64) -> Self {
        let of = |what: &str| {
            // One ceiling a kind of instruction and a length; the samples before and after the run together.
            let mut samples: BTreeMap<(&str, Option<u64>), Vec<f64>> = BTreeMap::new();
            for ceiling in events.ceilings.iter().filter(|c| c.what == what && c.threads == threads) {
                samples.entry((&ceiling.instructions, ceiling.bytes)).or_default().extend(&ceiling.per_second);
            }
            samples
        };
        let highest = |what: &str| of(what).values().map(|samples| median(samples)).reduce(f64::max);
        let far = |length: Option<u64>| length.map_or(f64::INFINITY, |n| (n.max(1) as f64 / bytes.max(1.0)).ln().abs());
        let read = of("read").into_iter().min_by(|((_, a), _), ((_, b), _)| far(*a).total_cmp(&far(*b)));
        Self { read: read.map(|(_, samples)| median(&samples)), float: highest("fma"), int8: highest("int8") }
    }

    /// Nanoseconds to read the operation's bytes.
    pub fn read_time(&self, op: &OpRecord) -> Option<f64> {
        Some(op.bytes.total() as f64 / self.read? * 1e9)
    }

    /// Nanoseconds of its arithmetic. Activations of 16 bits (`a16`) are two bytes each: twice the products.
    pub fn compute_time(&self, op: &OpRecord) -> Option<f64> {
        let flops = op.flops as f64;
        let seconds = match &*op.dt[1] {
            "a8" => flops / self.int8?,
            "a16" => 2.0 * flops / self.int8?, // two products of bytes each
            _ => flops / self.float?,
        };
        Some(seconds * 1e9)
    }

    /// The longer one of both.
    pub fn time(&self, op: &OpRecord) -> Option<f64> {
        Some(self.read_time(op)?.max(self.compute_time(op)?))
    }
}

/// Threads of a path: the naive path has one.
pub fn threads_of(events: &Events<'_>, path: &str) -> usize {
    if path == "naive" { 1 } else { events.run.threads }
}

/// Nanoseconds a token of the steps that ended: their median.
fn token_ns(events: &Events<'_>, path: &str, phase: Phase) -> Option<f64> {
    let steps = events.steps.iter().filter(|s| s.path == path && s.phase == phase && s.dt_ns > 0 && s.n_tok > 0);
    let times: Vec<f64> = steps.map(|step| step.dt_ns as f64 / step.n_tok as f64).collect();
    (!times.is_empty()).then(|| median(&times))
}

/// A ceiling before and after the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// `read, avx512, 1 thread`.
    pub what: String,
    /// Per second: the median before, and after.
    pub before: f64,
    /// As above.
    pub after: f64,
}

impl Drift {
    /// Larger changes are flagged.
    pub const LARGE: f64 = 0.10;

    /// (after − before) / before.
    pub fn change(&self) -> f64 {
        self.after / self.before - 1.0
    }

    /// Whether the machine became much faster or slower, so that shares of its ceilings mean little.
    pub fn is_large(&self) -> bool {
        self.change().abs() > Self::LARGE
    }
}

/// The ceilings that were measured before and after.
pub fn drifts(events: &Events<'_>) -> Vec<Drift> {
    let same = |a: &crate::measure::record::schema::CeilingRecord,
                b: &crate::measure::record::schema::CeilingRecord| {
        a.what == b.what && a.instructions == b.instructions && a.threads == b.threads && a.bytes == b.bytes
    };
    let before = events.ceilings.iter().filter(|ceiling| ceiling.when == "before" && ceiling.what != "front_end");
    before
        .filter_map(|b| {
            let after = events.ceilings.iter().find(|a| a.when == "after" && same(a, b))?;
            let threads = super::super::units::plural(b.threads, "thread");
            Some(Drift {
                what: format!("{}, {}, {threads}", b.what, b.instructions),
                before: median(&b.per_second),
                after: median(&after.per_second),
            })
        })
        .collect()
}

/// The context at which attention takes as many operations as all matrices (projections and the unembedding), from the
/// predicted costs of one token. Between two contexts, and beyond the last one, the growth is a straight line.
pub fn crossover(events: &Events<'_>) -> Option<f64> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for cost in events.costs.iter().filter(|cost| cost.what == "decode") {
        let matrices = (cost.projection_flops + cost.unembedding_flops) as f64;
        points.push((cost.context as f64, cost.attention_flops as f64 - matrices));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.first().is_some_and(|&(_, excess)| excess >= 0.0) {
        return points.first().map(|&(context, _)| context);
    }
    let crossing = points.windows(2).find(|pair| pair[0].1 < 0.0 && pair[1].1 >= 0.0);
    let [(x0, y0), (x1, y1)] = *crossing.or_else(|| points.windows(2).last())? else { return None };
    let slope = (y1 - y0) / (x1 - x0);
    (slope > 0.0).then(|| x0 - y0 / slope)
}

/// The largest context for which costs were predicted.
pub fn last_context(events: &Events<'_>) -> Option<usize> {
    events.costs.iter().filter(|cost| cost.what == "decode").map(|cost| cost.context).max()
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
