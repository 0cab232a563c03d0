//! [`generate`]: prompt in, text out, one token at a time.
//!
//! Look first at `Generation::decode`, the loop.

use super::stop::{Step, stop_tokens};
use super::{Session, StopMatcher};
use crate::batch::Logits;
use crate::kv_cache::ForwardError;
use crate::observe::{Event, Interests, Observer};
use crate::sampling::{Chain, SamplingError};
use crate::tokenizer::{StreamDecoder, Tokenizer};
use std::collections::HashMap;
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
    obs: &mut dyn Observer,
    each: impl FnMut(&str) -> bool,
) -> Result<Generated, GenerateError> {
    check(session, prompt)?;
    let answer = Answer::new(tokenizer, options);
    let timings = Timings { prompt_tokens: prompt.len(), ..Timings::default() };
    let mut generation = Generation { session, tokenizer, chain, options, obs, each, answer, timings };
    let stop = match generation.prefill(prompt)? {
        Some(logits) => generation.decode(logits)?,
        None => StopReason::Interrupted,
    };
    let Generation { answer: Answer { tokens, text, .. }, timings, .. } = generation;
    Ok(Generated { tokens, text, stop, timings })
}

/// Whether there is a prompt, and room for it.
fn check(session: &Session<'_>, prompt: &[u32]) -> Result<(), GenerateError> {
    let (prompt, room) = (prompt.len(), session.room());
    if prompt == 0 {
        return Err(GenerateError::EmptyPrompt);
    }
    if prompt > room {
        return Err(GenerateError::ContextExceeded { prompt, room, n_ctx: room + session.tokens().len() });
    }
    Ok(())
}

/// A generation under way: who takes part in it, and what has come of it.
struct Generation<'a, 's, Each> {
    session: &'a mut Session<'s>,
    tokenizer: &'a Tokenizer,
    chain: &'a mut Chain,
    options: &'a GenerateOptions,
    obs: &'a mut dyn Observer,
    each: Each,
    answer: Answer,
    timings: Timings,
}

impl<Each: FnMut(&str) -> bool> Generation<'_, '_, Each> {
    /// Processes the prompt and returns the scores of what comes after it; `None` if the caller, who is asked between its
    /// chunks, wants to stop.
    fn prefill(&mut self, prompt: &[u32]) -> Result<Option<Logits>, GenerateError> {
        let started = Instant::now();
        let mut logits = None;
        for chunk in prompt.chunks(self.session.chunk()) {
            logits = Some(self.session.prefill(chunk, self.obs)?);
            self.timings.prefill = started.elapsed();
            if !(self.each)("") {
                return Ok(None);
            }
        }
        prompt.iter().for_each(|&token| self.chain.accept(token));
        Ok(logits)
    }

    /// Sample, show, process, again: until there is a reason to stop.
    fn decode(&mut self, mut logits: Logits) -> Result<StopReason, GenerateError> {
        let stop = loop {
            if self.has_enough() {
                break StopReason::MaxTokens;
            }
            let started = Instant::now();
            let token = self.sample(logits.last().unwrap_or_default())?;
            self.chain.accept(token);
            if self.tokenizer.is_eog(token) && !self.options.ignore_eog {
                break StopReason::EndOfGeneration(token);
            }
            let step = self.answer.push(token);
            self.timings.sample += started.elapsed();
            if let Some(stop) = self.hand_out(step) {
                break stop;
            }
            let started = Instant::now();
            logits = self.session.decode(token, self.obs)?;
            self.timings.decoded_tokens += 1;
            self.timings.decode += started.elapsed();
        };
        if !matches!(stop, StopReason::StopSequence(_)) {
            let rest = self.answer.finish();
            (self.each)(&rest);
        }
        Ok(stop)
    }

    /// Samples a token. Whoever asked for it is told what each stage did, and which token it was.
    fn sample(&mut self, scores: &[f32]) -> Result<u32, SamplingError> {
        let Interests { events, sampler, .. } = self.obs.interests();
        if events {
            self.obs.event(&Event::Sampling);
        }
        let token = match sampler {
            true => self.chain.sample_watched(scores, |stage| self.obs.event(&Event::Sampler(stage)))?,
            false => self.chain.sample(scores)?,
        };
        if events {
            let piece = self.tokenizer.piece(token, true).unwrap_or_default();
            let piece = String::from_utf8_lossy(&piece).into_owned();
            self.obs.event(&Event::Token { token, piece, score: sampler.then(|| score(scores, token)) });
        }
        Ok(token)
    }

    /// Hands out a piece of text and says why nothing comes after it, if nothing does.
    fn hand_out(&mut self, step: Step) -> Option<StopReason> {
        let go_on = (self.each)(&step.text);
        match step.stop {
            Some(stop) => Some(StopReason::StopSequence(stop)),
            None if !go_on => Some(StopReason::Interrupted),
            None if self.session.room() == 0 => Some(StopReason::ContextFull),
            None if self.has_enough() => Some(StopReason::MaxTokens), // nobody asks what follows the last token
            None => None,
        }
    }

    fn has_enough(&self) -> bool {
        self.options.max_tokens.is_some_and(|max| self.answer.tokens.len() >= max)
    }
}

/// Tokens on their way to text: bytes that are no whole character yet, and text that may become a stop sequence, wait.
struct Answer {
    tokens: Vec<u32>,
    text: String,
    decoder: StreamDecoder,
    matcher: StopMatcher,
    /// Stop sequences that are one special token, which may be hidden.
    stop_tokens: HashMap<u32, String>,
}

impl Answer {
    fn new(tokenizer: &Tokenizer, options: &GenerateOptions) -> Self {
        let decoder = tokenizer.stream().show_special(options.special);
        let (matcher, stop_tokens) = (StopMatcher::new(&options.stop), stop_tokens(&options.stop, tokenizer));
        Self { tokens: Vec::new(), text: String::new(), decoder, matcher, stop_tokens }
    }

    /// Takes a token and returns what of the text has become certain.
    fn push(&mut self, token: u32) -> Step {
        self.tokens.push(token);
        let mut step = self.matcher.push(&self.decoder.push(token));
        self.text.push_str(&step.text);
        if step.stop.is_none()
            && let Some(stop) = self.stop_tokens.get(&token).cloned()
        {
            step.text += &self.finish();
            step.stop = Some(stop);
        }
        step
    }

    /// What was still waiting, up to a stop sequence if there is one in it.
    fn finish(&mut self) -> String {
        let Step { mut text, stop } = self.matcher.push(&self.decoder.finish());
        if stop.is_none() {
            text.push_str(&self.matcher.finish());
        }
        self.text.push_str(&text);
        text
    }
}

/// The place of a token among all scores, 0 for the best, and −ln of its probability.
fn score(scores: &[f32], token: u32) -> (usize, f64) {
    let Some(&own) = scores.get(token as usize) else { return (0, 0.0) };
    let max = scores.iter().fold(f64::NEG_INFINITY, |max, &x| max.max(f64::from(x)));
    let sum: f64 = scores.iter().map(|&x| (f64::from(x) - max).exp()).sum();
    (scores.iter().filter(|&&x| x > own).count(), max + sum.ln() - f64::from(own))
}
