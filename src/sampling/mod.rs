//! Sampling: from the logits of one position to the next token.
//!
//! A model computes one logit per token of the vocabulary. A [`Chain`] chooses a token from them: *filters* remove
//! candidates or change their logits ([`filters`]), then one *picker* takes a token ([`pickers`]). Look first at [`Chain::sample`]:
//! it is the whole process. Then at one filter, such as [`filters::TopP`].
//!
//! ```
//! use cutaway::sampling::{Chain, SamplingParams};
//!
//! let mut chain = Chain::from_params(&SamplingParams { temperature: 0.7, seed: Some(42), ..Default::default() })?;
//! let token = chain.sample(&[0.1, 2.5, -1.0, 2.4])?;
//! chain.accept(token); // for stages that depend on earlier tokens (penalties, Mirostat)
//! # Ok::<(), cutaway::sampling::SamplingError>(())
//! ```
//!
//! Chains are built from values, so a sampler of your own is a type that implements [`Filter`] or [`Picker`] and a
//! call of [`Chain::new`]. What a stage did can be asked for ([`Chain::sample_watched`]) and costs nothing otherwise.
//!
//! What this module deliberately does not do: it knows neither text (stop sequences are in `engine/`) nor grammars (a grammar
//! sets the logits of forbidden tokens to −∞ *before* they come here; `f32::NEG_INFINITY` means "never").
//!
//! Source: `src/llama-sampler.cpp` of llama.cpp; same rules, defaults and order, same random numbers for a seed.

mod candidates;
mod chain;
mod error;
pub mod filters;
pub mod pickers;
mod report;
mod rng;

#[cfg(test)]
mod tests;

pub use crate::observe::StageReport;
pub use candidates::{Candidates, TokenLogit};
pub use chain::{Chain, SamplingParams};
pub use error::SamplingError;
pub use rng::Mt19937;

use crate::tokenizer::TokenId;

/// A stage that removes candidates or changes their logits. It never leaves an empty list, because a picker needs one.
pub trait Filter: Send {
    /// The name in reports and in `--samplers`, as llama.cpp spells it: `top_k`, `min_p`.
    fn name(&self) -> &'static str;

    /// Removes candidates, or changes their logits. `candidates` holds at least one and no logit is NaN or +∞.
    fn apply(&mut self, candidates: &mut Candidates);

    /// Is told which token was chosen. Only stages that depend on earlier tokens use it.
    fn accept(&mut self, _token: TokenId) {}

    /// Forgets every accepted token, and starts its random numbers from the seed again.
    fn reset(&mut self) {}
}

/// The last stage: chooses one of the candidates that the filters left.
pub trait Picker: Send {
    /// The name in reports: `greedy`, `dist`.
    fn name(&self) -> &'static str;

    /// Chooses. May narrow `candidates` first (Mirostat does); must return a token that is among them.
    ///
    /// # Errors
    /// [`SamplingError::NothingLeft`] if no candidate has any probability, [`SamplingError::NotFinite`] if a filter
    /// before it produced NaN or +∞.
    fn pick(&mut self, candidates: &mut Candidates) -> Result<TokenId, SamplingError>;

    /// Is told which token was used in the end. It is not always the picked one: a grammar may have replaced it.
    fn accept(&mut self, _token: TokenId) {}

    /// Forgets every accepted token, and starts its random numbers from the seed again.
    fn reset(&mut self) {}
}
