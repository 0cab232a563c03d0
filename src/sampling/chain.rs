//! [`Chain`]: filters, then a picker. [`SamplingParams`]: the parameters of the usual chain.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::filters::{MinP, Temperature, TopK, TopP};
use super::pickers::{Dist, Greedy};
use super::report::{Snapshot, between, of_logits};
use super::{Candidates, Filter, Picker, SamplingError, StageReport, TokenId};

/// The parameters of the usual chain, with llama.cpp's names and defaults. `..Default::default()` fills in the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingParams {
    /// Divides the logits. 0 or less: always the most probable token.
    pub temperature: f32,
    /// Keep this many of the best tokens. 0 or less: all.
    pub top_k: i32,
    /// Keep the best tokens that together have this probability. 1: all.
    pub top_p: f32,
    /// Keep tokens at least this fraction as probable as the best. 0: all.
    pub min_p: f32,
    /// Never let a filter keep fewer tokens than this.
    pub min_keep: usize,
    /// Seed of the random numbers. `None`: a different one each time; [`Chain::seed`] returns it.
    pub seed: Option<u32>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05, min_keep: 0, seed: None }
    }
}

impl SamplingParams {
    /// Always the most probable token: no randomness.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    fn check(&self) -> Result<(), SamplingError> {
        let a_number = "a finite number";
        for (name, found, expected) in [
            ("temperature", self.temperature, a_number),
            ("top_p", self.top_p, a_number),
            ("min_p", self.min_p, a_number),
        ] {
            if !found.is_finite() {
                return Err(SamplingError::BadParameter { name, expected, found });
            }
        }
        Ok(())
    }
}

/// Filters in their order, then a picker.
pub struct Chain {
    filters: Vec<Box<dyn Filter>>,
    picker: Box<dyn Picker>,
    seed: Option<u32>,
    /// Reused from call to call: steady sampling allocates nothing.
    candidates: Candidates,
}

impl Chain {
    /// A chain of any stages, your own among them.
    pub fn new(filters: Vec<Box<dyn Filter>>, picker: Box<dyn Picker>) -> Self {
        Self { filters, picker, seed: None, candidates: Candidates::default() }
    }

    /// The usual chain: top_k → top_p → min_p → temperature → dist; with temperature ≤ 0 the last two are greedy.
    ///
    /// The order matters: filters before the temperature see the model's own distribution. So a high temperature changes the
    /// probabilities of the tokens that they kept, and does not bring bad ones back.
    ///
    /// # Errors
    /// [`SamplingError::BadParameter`] if a number is NaN or infinite.
    pub fn from_params(params: &SamplingParams) -> Result<Self, SamplingError> {
        params.check()?;
        let min_keep = params.min_keep;
        let mut filters: Vec<Box<dyn Filter>> = vec![
            Box::new(TopK { k: params.top_k }),
            Box::new(TopP { p: params.top_p, min_keep }),
            Box::new(MinP { p: params.min_p, min_keep }),
        ];
        if params.temperature <= 0.0 {
            return Ok(Self::new(filters, Box::new(Greedy)));
        }
        filters.push(Box::new(Temperature { t: params.temperature }));
        let seed = params.seed.unwrap_or_else(fresh_seed);
        Ok(Self { seed: Some(seed), ..Self::new(filters, Box::new(Dist::new(seed))) })
    }

    /// Chooses the next token. `logits` is `[n_vocab]`; −∞ marks a token that must not be chosen.
    ///
    /// The chain does not remember the token by itself: call [`Chain::accept`] with the one that is really used.
    ///
    /// # Errors
    /// [`SamplingError::Empty`] without logits, [`SamplingError::NotFinite`] for NaN or +∞ among them,
    /// [`SamplingError::NothingLeft`] if all are −∞.
    pub fn sample(&mut self, logits: &[f32]) -> Result<TokenId, SamplingError> {
        self.run(logits, |_, _| ())
    }

    /// Like [`Chain::sample`], and calls `watch` with a report: first of the distribution before the first stage (`logits`),
    /// then of every filter, then of the picker (the distribution from which it drew). The token is the same.
    ///
    /// # Errors
    /// As [`Chain::sample`].
    pub fn sample_watched(
        &mut self,
        logits: &[f32],
        mut watch: impl FnMut(StageReport),
    ) -> Result<TokenId, SamplingError> {
        let mut before: Option<Snapshot> = None;
        self.run(logits, |stage, candidates| {
            let after = Snapshot::of(candidates);
            watch(match &before {
                None => of_logits(&after),
                Some(before) => between(stage, before, &after),
            });
            before = Some(after);
        })
    }

    /// The stages one after the other; `after(name, candidates)` is called at the start and behind each.
    fn run(
        &mut self,
        logits: &[f32],
        mut after: impl FnMut(&'static str, &Candidates),
    ) -> Result<TokenId, SamplingError> {
        self.candidates.refill(logits)?;
        after("logits", &self.candidates);
        for filter in &mut self.filters {
            filter.apply(&mut self.candidates);
            after(filter.name(), &self.candidates);
        }
        let token = self.picker.pick(&mut self.candidates)?;
        after(self.picker.name(), &self.candidates);
        Ok(token)
    }

    /// Tells every stage which token is really used, also those of the prompt: penalties and Mirostat depend on them.
    pub fn accept(&mut self, token: TokenId) {
        self.filters.iter_mut().for_each(|filter| filter.accept(token));
        self.picker.accept(token);
    }

    /// Starts again: forgets accepted tokens, and the next random number is the seed's first.
    pub fn reset(&mut self) {
        self.filters.iter_mut().for_each(|filter| filter.reset());
        self.picker.reset();
    }

    /// The seed that repeats this run, drawn here if none was given. `None` for a chain without randomness, or built by hand.
    pub fn seed(&self) -> Option<u32> {
        self.seed
    }

    /// The names of the stages in their order: `top_k`, …, `dist`.
    pub fn stages(&self) -> impl Iterator<Item = &'static str> {
        self.filters.iter().map(|filter| filter.name()).chain([self.picker.name()])
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chain({})", self.stages().collect::<Vec<_>>().join(" → "))
    }
}

/// A random seed. The standard library keys its hash maps with the system's entropy, and the hash of nothing depends on the
/// key.
fn fresh_seed() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}
