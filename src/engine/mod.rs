//! Running a model: [`Engine`] is a model on one of the paths, [`Session`] is a growing sequence of tokens, and [`generate`]
//! makes text.
//!
//! Look first at [`Session`]: prefill a prompt, decode a token, read the logits. [`generate`] is the loop around it: it samples
//! a token, stops at an end-of-generation token, a stop sequence or a limit, and gives out text as soon as it is certain.
//!
//! What it deliberately does not do: print, choose files, or measure (its timings are for users; benchmarks are in
//! [`crate::measure`]).

pub mod generate;
mod session;
mod stop;

pub use generate::{GenerateError, GenerateOptions, Generated, StopReason, Timings};
pub use session::{Session, SessionOptions};
pub use stop::StopMatcher;

use crate::batch::{Batch, Logits};
use crate::kv_cache::{ForwardError, KvCache, KvFormats};
use crate::model::{Config, Model};
use crate::naive;
use crate::observe::Observer;
use crate::optimized::{self, PackError};
use crate::quant::QuantError;

/// A model on one of the paths. Nothing above this type depends on which path runs.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // a process has one or two engines
pub enum Engine {
    /// The path that reads like the paper.
    Naive(naive::Transformer),
    /// The path that is built for speed.
    Optimized(optimized::Transformer),
}

impl Engine {
    /// Prepares a model for the naive path: every weight is decoded to f32.
    ///
    /// # Errors
    /// If there is no memory for the decoded weights, or if a format has no decoder; a loaded [`Model`] holds no such tensor.
    pub fn naive(model: &Model) -> Result<Self, QuantError> {
        Ok(Engine::Naive(naive::Transformer::new(model)?))
    }

    /// Prepares a model for the optimized path: every weight is packed, and threads are started.
    ///
    /// # Errors
    /// If there is no memory for the packed weights, or if a format has no tiles.
    pub fn optimized(model: &Model, options: optimized::Options) -> Result<Self, PackError> {
        Ok(Engine::Optimized(optimized::Transformer::new(model, options)?))
    }

    /// What the model is.
    pub fn config(&self) -> &Config {
        match self {
            Engine::Naive(transformer) => transformer.config(),
            Engine::Optimized(transformer) => transformer.config(),
        }
    }

    /// An empty cache for this model with room for `n_positions` positions; keys and values have these formats.
    pub fn new_cache(&self, formats: impl Into<KvFormats>, n_positions: usize) -> KvCache {
        match self {
            Engine::Naive(transformer) => transformer.new_cache(formats, n_positions),
            Engine::Optimized(transformer) => transformer.new_cache(formats, n_positions),
        }
    }

    /// Runs a batch; see [`naive::Transformer::forward`].
    ///
    /// # Errors
    /// If the batch does not fit the model or the cache, if there is no memory, or if the logits are not numbers.
    pub fn forward(
        &mut self,
        batch: &Batch,
        cache: &mut KvCache,
        obs: &mut dyn Observer,
    ) -> Result<Logits, ForwardError> {
        let logits = match self {
            Engine::Naive(transformer) => transformer.forward(batch, cache, obs),
            Engine::Optimized(transformer) => transformer.forward(batch, cache, obs),
        }?;
        logits.check(batch)?; // here, so that nobody who runs a model can forget it
        Ok(logits)
    }
}
