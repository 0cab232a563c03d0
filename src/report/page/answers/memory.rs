//! What the context costs: bytes of the cache, and the growth of attention.

use super::Answer;
use crate::report::Events;
use crate::report::page::summary::{crossover, last_context};
use crate::report::units::{bytes, count, percent};

/// Bytes that one more token takes in the cache of this run.
pub fn cache_bytes_per_token(events: &Events<'_>) -> Option<f64> {
    let used = events.kv.iter().filter(|kv| kv.used > 0).max_by_key(|kv| (kv.path == "optimized", kv.used));
    used.map(|kv| kv.used_bytes as f64 / kv.used as f64)
}

/// What does the context cost?
pub fn memory(events: &Events<'_>) -> Answer {
    let mut sentences = Vec::new();
    if let Some(per_token) = cache_bytes_per_token(events) {
        let [k, v] = &events.run.kv;
        let formats = if k == v { format!("{k}") } else { format!("{k} and {v}") };
        sentences.push(format!("Each token takes {} of the cache (keys and values in {formats}).", bytes(per_token)));
        sentences.extend(pages(events));
    }
    match (crossover(events), last_context(events)) {
        (Some(at), Some(last)) if at <= last as f64 => sentences.push(format!(
            "From a context of {} tokens on, attention takes more operations than all matrices together.",
            count(at.ceil() as u64)
        )),
        (Some(at), Some(last)) => sentences.push(format!(
            "Attention would take more operations than all matrices from a context of {} tokens on; costs were predicted up to {}.",
            count(at.ceil() as u64),
            count(last as u64)
        )),
        (None, Some(last)) => sentences.push(format!(
            "Up to a context of {} tokens attention takes fewer operations than the matrices, and does not overtake them.",
            count(last as u64)
        )),
        (_, None) => {}
    }
    sentences.extend(cache_as_large_as_weights(events));
    if sentences.is_empty() {
        return Answer::missing("This run says nothing about its cache, and no costs were predicted.");
    }
    Answer::of(sentences)
}

/// How much of the pages is used at the end.
fn pages(events: &Events<'_>) -> Option<String> {
    let path = if events.kv.iter().any(|kv| kv.path == "optimized") { "optimized" } else { "naive" };
    let last = events.kv.iter().rfind(|kv| kv.path == path)?;
    Some(format!(
        "At the end {} positions were in use, {} of the {} that the pages in use hold.",
        count(last.used as u64),
        percent(last.used as f64 / last.reserved.max(1) as f64),
        bytes(last.reserved_bytes as f64)
    ))
}

/// The context at which a token reads as many bytes of keys and values as of weights.
fn cache_as_large_as_weights(events: &Events<'_>) -> Option<String> {
    let mut costs: Vec<_> = events.costs.iter().filter(|cost| cost.what == "decode").collect();
    costs.sort_by_key(|cost| cost.context);
    let over = costs.iter().find(|cost| cost.kv_bytes >= cost.weight_bytes)?;
    Some(format!(
        "At a context of {} tokens a decoded token reads {} of keys and values and {} of weights.",
        count(over.context as u64),
        bytes(over.kv_bytes as f64),
        bytes(over.weight_bytes as f64)
    ))
}
