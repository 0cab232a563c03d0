//! [`generate`]: prompt in, text out, one token at a time.

use super::{Session, StopMatcher};
use crate::kv_cache::ForwardError;
use crate::observe::{Event, Observer};
use crate::sampling::{Chain, SamplingError};
use crate::tokenizer::Tokenizer;
use std::time::{Duration, Instant};

/// When to stop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GenerateOptions {
    /// Most tokens to generate; `None` for as many as the context holds.
    pub max_tokens: Option<usize>,
    /// Text that ends the generation. It is not part of the result.
    pub stop: Vec<String>,
    /// Go on after an end-of-generation token.
    pub ignore_eog: bool,
    /// Show control tokens as text.
    pub special: bool,
}

/// What was generated.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The new tokens, without the end-of-generation token.
    pub tokens: Vec<u32>,
    /// Their text, up to the stop sequence if there was one.
    pub text: String,
    /// Why it ended.
    pub stop: StopReason,
    /// How long it took.
    pub timings: Timings,
}

/// Why a generation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// The model said that it is done, with this token.
    EndOfGeneration(u32),
    /// This stop sequence appeared.
    StopSequence(String),
    /// As many tokens as were asked for.
    MaxTokens,
    /// No position is left in the context.
    ContextFull,
    /// The caller said so.
    Interrupted,
}

/// Wall-clock time of the parts of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Tokens of the prompt that were processed.
    pub prompt_tokens: usize,
    /// Processing the prompt.
    pub prefill: Duration,
    /// Forward passes for generated tokens.
    pub decoded_tokens: usize,
    /// Those forward passes.
    pub decode: Duration,
    /// Sampling and turning tokens into text.
    pub sample: Duration,
}

/// Why nothing (more) could be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// Nothing to continue.
    #[error("the prompt is empty: give at least one token to continue from")]
    EmptyPrompt,
    /// The prompt does not fit.
    #[error(
        "the prompt has {prompt} tokens and {room} positions are left in the context of {n_ctx}; \
         shorten it or ask for a larger context"
    )]
    ContextExceeded {
        /// Tokens of the prompt.
        prompt: usize,
        /// Positions left.
        room: usize,
        /// Positions in all.
        n_ctx: usize,
    },
    /// The forward pass refused.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The sampler refused.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
}

/// Continues the session's sequence with `prompt` and then with what the model makes of it.
///
/// `each` is called with every piece of text that is certain to belong to the result (possibly empty, once per token
/// or chunk of the prompt) and says whether to go on; a `false` ends the generation with what there is.
///
/// # Errors
/// An empty prompt, one that does not fit the context, an unknown token id, or logits that are not numbers.
pub fn generate(
    session: &mut Session<'_>,
    tokenizer: &Tokenizer,
    chain: &mut Chain,
    prompt: &[u32],
    options: &GenerateOptions,
    obs: &mut impl Observer,
    mut each: impl FnMut(&str) -> bool,
) -> Result<Generated, GenerateError> {
    if prompt.is_empty() {
        return Err(GenerateError::EmptyPrompt);
    }
    let room = session.room();
    if prompt.len() > room {
        return Err(GenerateError::ContextExceeded {
            prompt: prompt.len(),
            room,
            n_ctx: room + session.tokens().len(),
        });
    }
    let mut timings = Timings { prompt_tokens: prompt.len(), ..Timings::default() };
    let mut out = Generated { tokens: Vec::new(), text: String::new(), stop: StopReason::Interrupted, timings };

    // Prefill. The caller may stop it between chunks.
    let started = Instant::now();
    let mut logits = None;
    for chunk in prompt.chunks(session.chunk()) {
        logits = Some(session.prefill(chunk, obs)?);
        if !each("") {
            timings.prefill = started.elapsed();
            return Ok(Generated { timings, ..out });
        }
    }
    timings.prefill = started.elapsed();
    prompt.iter().for_each(|&token| chain.accept(token));

    let mut decoder = tokenizer.stream().show_special(options.special);
    let mut matcher = StopMatcher::new(&options.stop);
    out.stop = loop {
        if options.max_tokens.is_some_and(|max| out.tokens.len() >= max) {
            break StopReason::MaxTokens;
        }
        let started = Instant::now();
        let scores = logits.as_ref().and_then(|logits| logits.last()).unwrap_or(&[]);
        let token = sample(chain, scores, obs)?;
        chain.accept(token);
        if tokenizer.is_eog(token) && !options.ignore_eog {
            break StopReason::EndOfGeneration(token);
        }
        out.tokens.push(token);
        let step = matcher.push(&decoder.push(token));
        out.text.push_str(&step.text);
        timings.sample += started.elapsed();
        let go_on = each(&step.text);
        if let Some(stop) = step.stop {
            break StopReason::StopSequence(stop);
        }
        if !go_on {
            break StopReason::Interrupted;
        }
        if session.room() == 0 {
            break StopReason::ContextFull;
        }
        if options.max_tokens.is_some_and(|max| out.tokens.len() >= max) {
            break StopReason::MaxTokens; // the last token need not be processed: nobody asks what follows it
        }
        let started = Instant::now();
        logits = Some(session.decode(token, obs)?);
        timings.decoded_tokens += 1;
        timings.decode += started.elapsed();
    };
    if !matches!(out.stop, StopReason::StopSequence(_)) {
        let rest = matcher.push(&decoder.finish());
        let rest = if rest.stop.is_some() { rest.text } else { rest.text + &matcher.finish() };
        out.text.push_str(&rest);
        each(&rest);
    }
    out.timings = timings;
    Ok(out)
}

/// Samples a token; whoever watches is told what each stage did.
fn sample<Obs: Observer>(chain: &mut Chain, scores: &[f32], obs: &mut Obs) -> Result<u32, SamplingError> {
    if !Obs::OPS {
        return chain.sample(scores);
    }
    chain.sample_watched(scores, |stage| {
        obs.event(&Event::Sampler {
            stage: stage.stage,
            n_in: stage.n_in,
            n_out: stage.n_out,
            kept_mass: stage.kept_mass,
            entropy: stage.entropy,
        });
    })
}
