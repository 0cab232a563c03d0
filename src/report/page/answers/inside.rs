//! What happened inside: the text, the sampler, attention, the file and the tokenizer.

use super::Answer;
use crate::measure::record::schema::{AttentionRecord, SamplerRecord};
use crate::report::Events;
use crate::report::units::{bytes, count, number, percent, plural};
use std::collections::BTreeMap;

/// What was asked, and what was generated?
pub fn asked(events: &Events<'_>) -> Answer {
    let prompt = plural(events.run.prompt_tokens.len(), "token");
    if events.tokens.is_empty() {
        return Answer::of([format!("The model read a prompt of {prompt} and generated nothing.")]);
    }
    let mut sentences = vec![format!(
        "The model read a prompt of {prompt} and continued it by {}.",
        plural(events.tokens.len(), "token")
    )];
    let scored: Vec<(usize, f64)> = events.tokens.iter().filter_map(|t| Some((t.step, t.nll?))).collect();
    let least = scored.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((step, nll)) = least {
        let mean = scored.iter().map(|(_, nll)| nll).sum::<f64>() / scored.len() as f64;
        sentences.push(format!(
            "It was as unsure as if it had to choose among {} equally probable tokens (perplexity); its most surprising choice, \
             at step {step}, had a probability of {}.",
            number(mean.exp()),
            percent((-nll).exp())
        ));
    }
    Answer::of(sentences)
}

/// Candidates that a stage took away, and their probability.
fn removed(stage: &SamplerRecord) -> Option<String> {
    (stage.n_out < stage.n_in).then(|| {
        format!(
            "`{}` removed {} of {} candidates and with them {} of the probability",
            stage.stage,
            count((stage.n_in - stage.n_out) as u64),
            count(stage.n_in as u64),
            percent(1.0 - stage.kept_mass)
        )
    })
}

/// The step that serves as an example: the tenth, or the last before it.
const EXAMPLE_STEP: usize = 10;

/// What did the sampler do?
pub fn sampling(events: &Events<'_>) -> Answer {
    let last = events.samplers.iter().map(|stage| stage.step).filter(|&step| step <= EXAMPLE_STEP).max();
    let Some(step) = last.or_else(|| events.samplers.iter().map(|stage| stage.step).min()) else {
        return Answer::missing("What the sampler did was not recorded in this run.");
    };
    let here = || events.samplers.iter().filter(|stage| stage.step == step);
    let mut stages: Vec<String> = here().filter_map(|stage| removed(stage)).collect();
    // `top_p` is what a reader asks for.
    stages.sort_by_key(|stage| !stage.starts_with("`top_p`"));
    let lead = match stages.len() {
        0 => format!("At step {step} no stage of the sampler removed a candidate."),
        _ => format!("At step {step} {}.", stages.join("; ")),
    };
    let ends = |of: fn(Option<&SamplerRecord>, &SamplerRecord) -> bool| {
        let mut by_step: BTreeMap<usize, &SamplerRecord> = BTreeMap::new();
        for stage in &events.samplers {
            if of(by_step.get(&stage.step).copied(), stage) {
                by_step.insert(stage.step, stage);
            }
        }
        by_step.values().map(|stage| stage.entropy).sum::<f64>() / by_step.len().max(1) as f64
    };
    let (before, after) = (ends(|found, _| found.is_none()), ends(|_, _| true));
    Answer::of([
        lead,
        format!(
            "On average the model's distribution has an entropy of {} bits, and what the sampler leaves has {}.",
            number(before / std::f64::consts::LN_2),
            number(after / std::f64::consts::LN_2)
        ),
    ])
}

/// A head looks at the first position only, more or less.
const SINK: f64 = 0.5;

/// Who looks at whom?
pub fn attention(events: &Events<'_>) -> Answer {
    // A head of every block, over all steps.
    let mut heads: BTreeMap<(usize, usize), Vec<&AttentionRecord>> = BTreeMap::new();
    for pattern in events.attention.iter().filter(|pattern| pattern.cols > 1) {
        heads.entry((pattern.layer, pattern.head)).or_default().push(pattern);
    }
    let mean = |patterns: &[&AttentionRecord], of: fn(&AttentionRecord) -> f64| {
        patterns.iter().map(|pattern| of(pattern)).sum::<f64>() / patterns.len() as f64
    };
    let focused = heads
        .iter()
        .map(|(&at, patterns)| (at, mean(patterns, |pattern| pattern.entropy)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let Some(((layer, head), entropy)) = focused else {
        return Answer::missing("Patterns of attention were not recorded in this run.");
    };
    let sinks = heads.values().filter(|patterns| mean(patterns, |pattern| pattern.sink) > SINK).count();
    Answer::of([
        format!(
            "{} of {} give more than half of their attention to the first position.",
            count(sinks as u64),
            plural(heads.len(), "head")
        ),
        format!(
            "The most focused one is head {head} of block {layer}: as if it looked at {} positions with equal weights.",
            number(entropy.exp())
        ),
    ])
}

/// What is in the file, and what does text cost?
pub fn weights(events: &Events<'_>) -> Answer {
    let mut sentences = Vec::new();
    let total: u64 = events.tensors.iter().map(|tensor| tensor.bytes).sum();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for tensor in &events.tensors {
        *kinds.entry(&tensor.kind).or_default() += tensor.bytes;
    }
    if let Some((kind, size)) = kinds.iter().max_by_key(|&(_, size)| size) {
        sentences.push(format!(
            "The file has {} with {}; {} of the bytes are {}.",
            plural(events.tensors.len(), "tensor"),
            bytes(total as f64),
            percent(*size as f64 / total.max(1) as f64),
            super::part_name(kind)
        ));
    }
    let errors =
        events.tensors.iter().flat_map(|tensor| tensor.rounding.iter().map(move |(to, error)| (tensor, to, error)));
    if let Some((tensor, to, error)) = errors.max_by(|a, b| a.2.total_cmp(b.2)) {
        sentences.push(format!(
            "Rounding changes `{}` the most: in {to} its values are off by {} of their size (root mean square).",
            tensor.name,
            percent(*error)
        ));
    }
    let per_token =
        |text: &&&crate::measure::record::schema::TokenizerRecord| text.bytes as f64 / text.tokens.max(1) as f64;
    let best = events.tokenizers.iter().max_by(|a, b| per_token(a).total_cmp(&per_token(b)));
    let worst = events.tokenizers.iter().min_by(|a, b| per_token(a).total_cmp(&per_token(b)));
    if let (Some(best), Some(worst)) = (best, worst) {
        sentences.push(format!(
            "A token holds {} bytes of `{}`, and {} of `{}`.",
            number(per_token(&best)),
            best.text,
            number(per_token(&worst)),
            worst.text
        ));
    }
    if sentences.is_empty() {
        return Answer::missing("This run says nothing about the file's tensors or the tokenizer.");
    }
    Answer::of(sentences)
}
