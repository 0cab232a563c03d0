//! Where the time of a token goes, and what limits it.

use super::{Answer, part_name};
use crate::measure::record::schema::BenchRecord;
use crate::measure::statistics::median;
use crate::observe::Phase;
use crate::report::Events;
use crate::report::page::summary::{Bound, Pass, Roofs, threads_of};
use crate::report::units::{bytes, number, percent, scaled, time as shown_time};

/// Where does the time go?
pub fn time(events: &Events<'_>) -> Answer {
    let decode = Pass::of(events, "optimized", Phase::Decode);
    let prefill = Pass::of(events, "optimized", Phase::Prefill);
    let naive = [Phase::Decode, Phase::Prefill].map(|phase| Pass::of(events, "naive", phase));
    let mut sentences = Vec::new();
    if let Some(pass) = &decode {
        sentences.push(format!("Decoding takes {} a token; {}", shown_time(pass.ns), spent(pass, events)));
    }
    if let Some(pass) = &prefill {
        sentences.push(format!("The prompt takes {} a token; {}", shown_time(pass.ns), spent(pass, events)));
    }
    match (&decode, &prefill, &naive) {
        (Some(fast), _, [Some(slow), _]) => sentences.push(slower("decodes", slow, fast)),
        (_, Some(fast), [_, Some(slow)]) => sentences.push(slower("reads the prompt", slow, fast)),
        (None, None, [Some(slow), _] | [_, Some(slow)]) => {
            sentences.push(format!("The naive path takes {} a token; {}", shown_time(slow.ns), spent(slow, events)));
            sentences.push("This run has no times of the optimized path.".to_owned());
        }
        (None, None, _) => return Answer::missing("This run has no times of operations."),
        _ => sentences.push("This run has no times of the naive path.".to_owned()),
    }
    if let Some(pass) = &decode {
        let rest = pass.between();
        if rest > 0.02 {
            sentences.push(format!("{} of a decoded token's time lies between the operations.", percent(rest)));
        }
    }
    sentences.extend(unwatched(events));
    Answer::of(sentences)
}

/// `71 % of it is feed-forward; it reads 84 MB a token, 92 % of what this machine reads.`
fn spent(pass: &Pass, events: &Events<'_>) -> String {
    let group = pass.groups.first().map(|group| {
        let share = percent(group.ns / pass.total.ns.max(1.0));
        format!("{share} of the operations' time is {}; ", part_name(&group.name))
    });
    let moved = format!("it moves {} a token", bytes(pass.total.bytes));
    let share = match pass.limit() {
        Some(limit) if limit.nearest == Bound::Reading => {
            format!(", {} of what this machine reads in that time.", percent(limit.share))
        }
        Some(limit) => {
            let flops = scaled(pass.total.flops / pass.ns * 1e9, "FLOP/s");
            format!(" and computes at {flops}, {} of what this machine reaches.", percent(limit.share))
        }
        None if events.ceilings.is_empty() => "; the machine's ceilings were not measured.".to_owned(),
        None => "; this number of threads has no measured ceilings.".to_owned(),
    };
    group.unwrap_or_default() + &moved + &share
}

fn slower(what: &str, slow: &Pass, fast: &Pass) -> String {
    let times = number(slow.ns / fast.ns);
    format!("The naive path {what} at {} a token: the optimized path is {times} times as fast.", shown_time(slow.ns))
}

/// The speed that counts: without an observer.
fn unwatched(events: &Events<'_>) -> Option<String> {
    let bench = decode_bench(events)?;
    let speed = median(&bench.tokens_per_second);
    let n = bench.tokens_per_second.len();
    Some(format!(
        "All times above were taken while the run was watched; unwatched, `{}` decodes {} tokens per second (median of {n}).",
        bench.test,
        number(speed)
    ))
}

/// The benchmark that says how fast this run's settings decode.
pub(super) fn decode_bench<'a>(events: &Events<'a>) -> Option<&'a BenchRecord> {
    let mut benches = events.benches.iter().copied();
    benches.find(|bench| {
        bench.path == "optimized"
            && bench.test.starts_with("tg")
            && bench.observer == "off"
            && bench.rung.is_empty()
            && bench.depth == 0
            && bench.threads == events.run.threads
            && !bench.tokens_per_second.is_empty()
    })
}

/// Which roof binds?
pub fn roofline(events: &Events<'_>) -> Answer {
    let path = if events.ops.iter().any(|op| op.path == "optimized") { "optimized" } else { "naive" };
    let passes = [("Decode", Phase::Decode), ("Prefill", Phase::Prefill)];
    let limits = passes.iter().filter_map(|&(name, phase)| {
        let pass = Pass::of(events, path, phase)?;
        Some(limit_sentence(name, &pass))
    });
    let mut sentences: Vec<String> = limits.flatten().collect();
    if sentences.is_empty() {
        return Answer::missing(match (events.ops.is_empty(), events.ceilings.is_empty()) {
            (true, _) => "This run has no times of operations to compare with the machine's ceilings.",
            (_, true) => "The machine's ceilings were not measured in this run.",
            _ => "No ceiling was measured with this run's number of threads.",
        });
    }
    let roofs = Roofs::of(events, threads_of(events, path), events.run.model.file_bytes as f64);
    if let (Some(read), Some(peak)) = (roofs.read, roofs.int8.into_iter().chain(roofs.float).reduce(f64::max)) {
        sentences.push(format!(
            "This machine reads {} and computes up to {}: below {} operations a byte, reading takes longer than computing.",
            scaled(read, "B/s"),
            scaled(peak, "OP/s"),
            number(peak / read)
        ));
    }
    Answer::of(sentences)
}

fn limit_sentence(name: &str, pass: &Pass) -> Option<String> {
    let limit = pass.limit()?;
    let intensity = number(pass.total.flops / pass.total.bytes.max(1.0));
    let share = percent(limit.share);
    let work = format!("it does {intensity} operations for each byte");
    let cached = if limit.nearest == Bound::Reading && limit.share > 1.0 {
        " More than all of it means that a part of the bytes comes from caches."
    } else {
        ""
    };
    Some(match (limit.by, limit.nearest) {
        (Bound::Reading, _) => {
            format!(
                "{name} is limited by reading memory: {work} and reaches {share} of the machine's reading speed.{cached}"
            )
        }
        (Bound::Arithmetic, _) => {
            format!("{name} is limited by arithmetic: {work} and reaches {share} of the machine's peak.")
        }
        (Bound::Neither, nearest) => {
            let roof = if nearest == Bound::Reading { "reading speed" } else { "peak of arithmetic" };
            format!("{name} is limited by neither roof: {work} and reaches only {share} of the nearer one, the {roof}.")
        }
    })
}
