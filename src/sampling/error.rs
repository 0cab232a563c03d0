//! [`SamplingError`]: everything that can go wrong between logits and a token.

/// Why no token could be chosen, or no chain be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplingError {
    /// There are no logits at all.
    #[error("no logits to sample from: expected one per token of the vocabulary, found none")]
    Empty,

    /// A logit that no softmax can handle. It points at broken weights or a broken kernel, not at the sampler.
    #[error(
        "logit of token {token} is {value}: expected a finite number, or -inf for a token that must not be chosen; \
         the model's weights may be damaged"
    )]
    NotFinite {
        /// The token with that logit: the first one found.
        token: u32,
        /// NaN or +∞.
        value: f32,
    },

    /// Every candidate is forbidden.
    #[error("all {n} candidates have logit -inf: expected at least one token that may be chosen")]
    NothingLeft {
        /// How many candidates there were.
        n: usize,
    },

    /// A parameter outside its range.
    #[error("sampling parameter `{name}` is {found}: expected {expected}")]
    BadParameter {
        /// The field of [`SamplingParams`](super::SamplingParams).
        name: &'static str,
        /// What would be accepted.
        expected: &'static str,
        /// What was given.
        found: f32,
    },
}
