//! [`Session`]: one sequence of tokens, and its keys and values.
//!
//! Look first at [`Session::prefill`]. What it deliberately does not do: choose tokens.

use super::Engine;
use crate::batch::{Batch, BatchError, Logits, SeqId};
use crate::kv_cache::{ForwardError, KvCache, KvFormats};
use crate::observe::{Event, Observer, Phase};

/// How a session is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOptions {
    /// Most tokens in one forward pass. Longer prompts are cut into chunks of this size; the result is the same.
    pub chunk: usize,
    /// The formats of keys and values in the cache. The default is f32 for both. (The program's
    /// default depends on the path: f32 on the naive one, f16 on the optimized one.)
    pub kv: KvFormats,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { chunk: 512, kv: KvFormats::default() }
    }
}

/// A growing sequence: the tokens so far, and their keys and values.
pub struct Session<'a> {
    engine: &'a mut Engine,
    cache: KvCache,
    tokens: Vec<u32>,
    chunk: usize,
    /// Forward passes so far.
    steps: usize,
}

impl<'a> Session<'a> {
    const SEQUENCE: SeqId = SeqId(0);

    /// An empty sequence with room for the model's whole context.
    pub fn new(engine: &'a mut Engine, options: SessionOptions) -> Self {
        let cache = engine.new_cache(options.kv, engine.config().n_ctx);
        Self { engine, cache, tokens: Vec::new(), chunk: options.chunk.max(1), steps: 0 }
    }

    /// The tokens that the model has seen.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Positions of the context that are not used yet.
    pub fn room(&self) -> usize {
        self.engine.config().n_ctx - self.tokens.len()
    }

    /// Most tokens in one forward pass.
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// Processes tokens, in chunks, and returns the logits after the last of them, `[1, n_vocab]`.
    ///
    /// # Errors
    /// If there are no tokens, one is not in the vocabulary, they do not fit the context, there is no memory, or the logits
    /// are not numbers; the sequence is then as long as the chunks that were processed.
    pub fn prefill(&mut self, tokens: &[u32], obs: &mut dyn Observer) -> Result<Logits, ForwardError> {
        self.process(tokens, Phase::Prefill, obs)
    }

    fn process(&mut self, tokens: &[u32], phase: Phase, obs: &mut dyn Observer) -> Result<Logits, ForwardError> {
        let (n, chunk) = (tokens.len(), self.chunk);
        let mut done = 0;
        loop {
            let end = (done + chunk).min(n);
            let mut batch = Batch::prompt(Self::SEQUENCE, self.tokens.len(), &tokens[done..end]);
            if end < n {
                batch = batch.without_logits();
            }
            let logits = self.run(&batch, phase, obs)?;
            done = end;
            if done == n {
                return Ok(logits);
            }
        }
    }

    /// Processes tokens, and calls `each` with the logits after each of them: `[n, n_vocab]`, chunk by chunk.
    ///
    /// # Errors
    /// As [`Session::prefill`].
    pub fn score(
        &mut self,
        tokens: &[u32],
        obs: &mut dyn Observer,
        mut each: impl FnMut(Logits),
    ) -> Result<(), ForwardError> {
        if tokens.is_empty() {
            return Err(BatchError::Empty.into());
        }
        for chunk in tokens.chunks(self.chunk) {
            let batch = Batch::scored(Self::SEQUENCE, self.tokens.len(), chunk);
            each(self.run(&batch, Phase::Prefill, obs)?);
        }
        Ok(())
    }

    /// Processes one generated token. It computes the same as a prompt of length one.
    ///
    /// # Errors
    /// If the token is not in the vocabulary, or the context is full.
    pub fn decode(&mut self, token: u32, obs: &mut dyn Observer) -> Result<Logits, ForwardError> {
        self.process(&[token], Phase::Decode, obs)
    }

    /// Goes back to the first `len` tokens, so that another continuation can be tried.
    pub fn truncate(&mut self, len: usize) {
        if len < self.tokens.len() && self.cache.truncate(Self::SEQUENCE, len).is_ok() {
            self.tokens.truncate(len);
        }
    }

    fn run(&mut self, batch: &Batch, phase: Phase, obs: &mut dyn Observer) -> Result<Logits, ForwardError> {
        let (step, watched) = (self.steps, obs.interests().events);
        if watched {
            obs.event(&Event::Step { step, phase, position: self.tokens.len(), n_tokens: batch.len() });
        }
        let logits = self.engine.forward(batch, &mut self.cache, obs)?;
        if watched {
            obs.event(&Event::StepEnd { step });
        }
        self.steps += 1;
        self.tokens.extend(batch.rows().iter().map(|row| row.token));
        Ok(logits)
    }
}
