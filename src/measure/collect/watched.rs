//! Both paths under an observer. What is timed and what is looked at are different runs of the same tokens: looking takes time.

use super::{CollectError, Done, Run};
use crate::engine::generate::generate;
use crate::engine::{Engine, GenerateOptions, Session, SessionOptions};
use crate::kv_cache::KvLayout;
use crate::measure::record::schema::{AttentionRecord, Record};
use crate::measure::record::{Recorder, RecorderOptions};
use crate::observe::{Hook, HookFilter, Interests, Observer, Off};
use crate::sampling::Chain;

/// Most tokens in a pass of the naive path, and tokens that it generates: it is slow.
const NAIVE: (usize, usize) = (64, 6);
/// Tokens of the prompt whose attention is drawn.
const PATTERN: usize = 40;
/// Heads whose pattern is kept number by number.
const MAPS: usize = 6;
/// Operations are kept of every so many steps, the first among them: a report needs no more, and its file stays small.
const EVERY: usize = 6;
/// Steps of which every thread is shown.
const THREAD_STEPS: usize = 4;

/// Times, then what the sampler does, then what the threads do.
pub(super) fn optimized(run: &mut Run<'_>, engine: &mut Engine) -> Done {
    if !run.next("running the optimized path, watched") {
        return Ok(false);
    }
    let (prompt, n) = (run.plan.prompt.clone(), run.plan.n_predict);
    watch(run, engine, &prompt, n, &mut Off)?; // warms up
    let mut times = recorder(run, "optimized", Interests { sampler: false, ..Interests::OPS });
    watch(run, engine, &prompt, n, &mut times)?;
    let mut records = Vec::new();
    times.finish(&mut records)?;
    records.retain(|record| match record {
        Record::Token(_) => false, // the next run has them with their scores
        Record::Op(op) => op.step.is_multiple_of(EVERY),
        _ => true,
    });
    hand_on(run, records)?;

    let mut choices = recorder(run, "optimized", Interests::EVENTS);
    watch(run, engine, &prompt, n, &mut choices)?;
    let mut records = Vec::new();
    choices.finish(&mut records)?;
    records.retain(|record| matches!(record, Record::Sampler(_) | Record::Token(_)));
    hand_on(run, records)?;

    let mut threads = recorder(run, "optimized", Interests { threads: true, sampler: false, ..Interests::OPS });
    watch(run, engine, &prompt, THREAD_STEPS.min(n), &mut threads)?;
    let mut records = Vec::new();
    threads.finish(&mut records)?;
    let last = records.iter().filter_map(step_of).max().unwrap_or(0);
    records.retain(|record| matches!(record, Record::Span(span) if span.step == last));
    hand_on(run, records)?;
    Ok(true)
}

fn step_of(record: &Record) -> Option<usize> {
    match record {
        Record::Span(span) => Some(span.step),
        _ => None,
    }
}

/// Times on a short prompt, then activations and attention patterns.
pub(super) fn naive(run: &mut Run<'_>) -> Done {
    if !run.next("running the naive path, watched") {
        return Ok(false);
    }
    let mut engine = Engine::naive(run.model)?;
    let (longest, n) = NAIVE;
    let prompt: Vec<u32> = run.plan.prompt.iter().copied().take(longest).collect();
    let mut times = recorder(run, "naive", Interests { sampler: false, ..Interests::OPS });
    watch(run, &mut engine, &prompt, n.min(run.plan.n_predict), &mut times)?;
    let mut records = Vec::new();
    times.finish(&mut records)?;
    records.retain(|record| !matches!(record, Record::Token(_)));
    hand_on(run, records)?;

    if !run.next("looking at attention") {
        return Ok(false);
    }
    let Engine::Naive(path) = &engine else { return Ok(true) };
    let hooks = HookFilter::new("*.attn.hook_pattern, *.hook_resid_post, *.mlp.hook_post", &path.hooks()).ok();
    let interests = Interests { sampler: false, ..Interests::ACTIVATIONS };
    let options =
        RecorderOptions { path: "naive", interests, hooks, max_pattern: PATTERN, ..RecorderOptions::default() };
    let mut seen = Recorder::new(options);
    let prompt: Vec<u32> = prompt.into_iter().take(PATTERN).collect();
    watch(run, &mut engine, &prompt, 0, &mut seen)?;
    let mut records = Vec::new();
    seen.finish(&mut records)?;
    records.retain(|record| match record {
        Record::Act(act) => !act.hook.ends_with(Hook::Pattern.template().trim_start_matches("blocks.{}.")),
        Record::Attention(_) => true,
        _ => false,
    });
    keep_maps(&mut records);
    hand_on(run, records)?;
    Ok(true)
}

/// Keeps the patterns of a few heads that differ most: the sharpest, the broadest, those that look at the first token most and
/// least. Of the others the sums stay.
fn keep_maps(records: &mut [Record]) {
    let mut heads: Vec<&mut AttentionRecord> = Vec::new();
    for record in records {
        if let Record::Attention(attention) = record {
            heads.push(attention);
        }
    }
    let mut chosen = Vec::new();
    let keys: [fn(&AttentionRecord) -> f64; 4] = [|a| a.entropy, |a| -a.entropy, |a| -a.sink, |a| a.sink];
    for key in keys.iter().cycle().take(2 * MAPS) {
        let free = (0..heads.len()).filter(|i| !chosen.contains(i));
        if let Some(best) = free.min_by(|&a, &b| key(heads[a]).total_cmp(&key(heads[b])))
            && chosen.len() < MAPS
        {
            chosen.push(best);
        }
    }
    for (i, head) in heads.into_iter().enumerate() {
        if !chosen.contains(&i) {
            head.p = Vec::new();
        }
    }
}

fn recorder(run: &Run<'_>, path: &'static str, interests: Interests) -> Recorder {
    let n_positions = run.model.config.n_ctx;
    let layout = KvLayout::new(&run.model.config, run.plan.kv.k, run.plan.kv.v, KvLayout::page_len_for(n_positions));
    let (kv_position_bytes, kv_page_len) = (layout.position_bytes(), layout.page_len());
    Recorder::new(RecorderOptions { path, interests, kv_position_bytes, kv_page_len, ..RecorderOptions::default() })
}

/// Runs a prompt and some tokens after it.
fn watch(
    run: &mut Run<'_>,
    engine: &mut Engine,
    prompt: &[u32],
    n: usize,
    obs: &mut dyn Observer,
) -> Result<(), CollectError> {
    let mut session = Session::new(engine, SessionOptions { kv: run.plan.kv, ..SessionOptions::default() });
    if n == 0 {
        session.prefill(prompt, obs).map_err(crate::engine::GenerateError::from)?;
        return Ok(());
    }
    let mut chain = Chain::from_params(&run.plan.sampling)?;
    // One token more than is decoded: nobody asks what follows the last one.
    let options = GenerateOptions { max_tokens: Some(n + 1), ignore_eog: true, ..GenerateOptions::default() };
    generate(&mut session, run.tokenizer, &mut chain, prompt, &options, obs, |_| true)?;
    Ok(())
}

fn hand_on(run: &mut Run<'_>, records: Vec<Record>) -> Result<(), CollectError> {
    records.into_iter().try_for_each(|record| run.record(record))
}
