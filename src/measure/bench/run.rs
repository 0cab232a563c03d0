//! [`Runner`]: runs tests on an engine, and times them. Look first at [`Runner::sample`].

use super::{Test, TestKind};
use crate::batch::{Batch, Logits, SeqId};
use crate::engine::Engine;
use crate::kv_cache::{CacheError, ForwardError, KvCache, KvFormat, KvFormats, KvLayout};
use crate::observe::{Observer, Off};
use crate::sampling::Mt19937;
use std::time::{Duration, Instant};

/// How tests are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BenchOptions {
    /// Most tokens in one pass (llama-bench's `-ub`).
    pub chunk: usize,
    /// The formats of keys and of values in the cache.
    pub kv: KvFormats,
    /// The first token of every test, if the model asks for one. All others are random.
    pub bos: Option<u32>,
}

impl Default for BenchOptions {
    /// The defaults of llama-bench, without a first token.
    fn default() -> Self {
        Self { chunk: 512, kv: KvFormat::F16.into(), bos: None }
    }
}

/// Why a test could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The forward pass refused.
    #[error("test {test}: the model does not run")]
    Forward {
        /// The test.
        test: String,
        /// Why.
        source: ForwardError,
    },
    /// The model was loaded for a shorter context.
    #[error("test {test} needs {needed} positions, and the model was loaded for {n_ctx}; load it for a longer context")]
    Context {
        /// The test.
        test: String,
        /// Positions of the test.
        needed: usize,
        /// Positions there are.
        n_ctx: usize,
    },
}

/// An engine, a cache that is filled to some depth, and random tokens.
pub struct Runner<'a> {
    engine: &'a mut Engine,
    cache: KvCache,
    options: BenchOptions,
    rng: Mt19937,
}

impl<'a> Runner<'a> {
    /// The sequence that fills the cache to the test's depth. Each run continues a copy of it.
    const FILLED: SeqId = SeqId(0);
    const RUN: SeqId = SeqId(1);
    /// Seed of the random tokens. It is fixed, so that they are the same in every process.
    const SEED: u32 = 42;

    /// A runner for these tests.
    ///
    /// # Errors
    /// If one of them needs more positions than the model was loaded for.
    pub fn new(engine: &'a mut Engine, options: BenchOptions, tests: &[Test]) -> Result<Self, BenchError> {
        let n_ctx = engine.config().n_ctx;
        if let Some(test) = tests.iter().find(|test| test.n_positions() > n_ctx) {
            return Err(BenchError::Context { test: test.to_string(), needed: test.n_positions(), n_ctx });
        }
        // A run copies the last page of the filled sequence, so it needs more pages than its positions do.
        let positions = tests.iter().map(Test::n_positions).max().unwrap_or(0).saturating_add(2 * KvLayout::PAGE_LEN);
        let cache = engine.new_cache(options.kv, positions);
        Ok(Self { engine, cache, options, rng: Mt19937::new(Self::SEED) })
    }

    /// The engine that runs.
    pub fn engine(&self) -> &Engine {
        self.engine
    }

    /// Runs a test without timing it: all of a prompt, one token of a generation.
    ///
    /// # Errors
    /// If the model refuses.
    pub fn warm_up(&mut self, test: Test) -> Result<(), BenchError> {
        let kind = match test.kind {
            TestKind::Prompt(n) => TestKind::Prompt(n),
            TestKind::Generate(_) => TestKind::Generate(1),
        };
        self.sample(Test { kind, ..test }).map(drop)
    }

    /// How long one run of a test takes. Filling the cache, choosing tokens and cleaning up are not timed.
    ///
    /// # Errors
    /// If the model refuses.
    pub fn sample(&mut self, test: Test) -> Result<Duration, BenchError> {
        self.sample_watched(test, &mut Off)
    }

    /// As [`Runner::sample`], with an observer: what watching costs is the ratio of both.
    ///
    /// # Errors
    /// If the model refuses.
    pub fn sample_watched(&mut self, test: Test, obs: &mut dyn Observer) -> Result<Duration, BenchError> {
        let refused = |source: ForwardError| BenchError::Forward { test: test.to_string(), source };
        self.fill(test.depth).map_err(refused)?;
        let tokens = self.tokens(test.n_tokens());
        let batches = match test.kind {
            TestKind::Prompt(_) => self.prompt(Self::RUN, test.depth, &tokens),
            TestKind::Generate(_) => {
                let one = |(i, token): (usize, &u32)| Batch::prompt(Self::RUN, test.depth + i, &[*token]);
                tokens.iter().enumerate().map(one).collect()
            }
        };

        let started = Instant::now();
        let ran = batches
            .iter()
            .try_for_each(|batch| self.forward(batch, obs).map(|logits| _ = std::hint::black_box(logits)));
        let time = started.elapsed();

        ran.map_err(refused)?;
        self.cache.remove(Self::RUN).map_err(|error| refused(error.into()))?;
        Ok(time)
    }

    /// The only call that is timed: a forward pass, usually without an observer.
    fn forward(&mut self, batch: &Batch, obs: &mut dyn Observer) -> Result<Logits, ForwardError> {
        self.engine.forward(batch, &mut self.cache, obs)
    }

    /// Fills the cache with `depth` random tokens, which stay for the next test, and forks them for a run.
    fn fill(&mut self, depth: usize) -> Result<(), ForwardError> {
        let left_over = self.cache.remove(Self::RUN); // of a run that failed
        debug_assert!(matches!(left_over, Ok(()) | Err(CacheError::UnknownSequence(_))));
        if self.cache.len(Self::FILLED) != depth {
            if self.cache.len(Self::FILLED) > 0 {
                self.cache.remove(Self::FILLED)?;
            }
            let tokens = self.tokens(depth);
            for batch in self.prompt(Self::FILLED, 0, &tokens) {
                self.forward(&batch, &mut Off)?;
            }
        }
        if depth > 0 {
            self.cache.fork(Self::FILLED, Self::RUN)?;
        }
        Ok(())
    }

    /// A prompt in passes of at most `chunk` tokens; only the last token of the last pass wants logits.
    fn prompt(&self, sequence: SeqId, start: usize, tokens: &[u32]) -> Vec<Batch> {
        let chunk = self.options.chunk.max(1);
        let n_passes = tokens.len().div_ceil(chunk);
        let pass = |(i, tokens): (usize, &[u32])| {
            let batch = Batch::prompt(sequence, start + i * chunk, tokens);
            if i + 1 < n_passes { batch.without_logits() } else { batch }
        };
        tokens.chunks(chunk).enumerate().map(pass).collect()
    }

    /// `n` random tokens. The first is [`BenchOptions::bos`], if there is one.
    fn tokens(&mut self, n: usize) -> Vec<u32> {
        let n_vocab = self.engine.config().n_vocab as u32;
        let mut tokens: Vec<u32> = (0..n).map(|_| self.rng.next_u32() % n_vocab).collect();
        if let (Some(first), Some(bos)) = (tokens.first_mut(), self.options.bos) {
            *first = bos;
        }
        tokens
    }
}
