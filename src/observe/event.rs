//! [`Event`]: what happens besides operations and activations. [`StageReport`]: what one stage of a sampler did.
//!
//! What it deliberately does not do: say how events are written down; that is the recorder's job, in a higher module.

use serde::{Deserialize, Serialize};

/// What happens besides operations and activations.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A session runs a forward pass: everything up to [`Event::StepEnd`] belongs to it.
    Step {
        /// Number of the step in its session, from 0.
        step: usize,
        /// Prompt or generated token.
        phase: Phase,
        /// Position of its first token.
        position: usize,
        /// Number of its tokens.
        n_tokens: usize,
    },
    /// The pass is over.
    StepEnd {
        /// Number of the step.
        step: usize,
    },
    /// A forward pass begins.
    Forward {
        /// Rows of the batch.
        n_tokens: usize,
        /// How many of them want logits.
        n_logits: usize,
        /// Different sequences in the batch.
        n_sequences: usize,
    },
    /// The state of the KV cache after slots were reserved for the batch.
    Kv {
        /// Positions of all sequences; a shared position counts once per sequence.
        positions: usize,
        /// Pages in use.
        pages: usize,
        /// Bytes of the pages in use.
        bytes: usize,
    },
    /// A token is about to be chosen. [`Event::Token`] says that it is done.
    Sampling,
    /// One stage of the sampler chain has run.
    Sampler(StageReport),
    /// A token was chosen.
    Token {
        /// Its id.
        token: u32,
        /// Its text, as far as the token alone says: bytes that are no whole character are shown as U+FFFD.
        piece: String,
        /// Its place among the model's probabilities, before any stage: 0 for the most probable; and −ln of its probability.
        /// Only with [`super::Interests::sampler`].
        score: Option<(usize, f64)>,
    },
}

/// The two kinds of passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Tokens of the prompt, several at a time.
    Prefill,
    /// One generated token.
    Decode,
}

impl Phase {
    /// `prefill` or `decode`.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Prefill => "prefill",
            Phase::Decode => "decode",
        }
    }
}

/// What one stage of a sampler did to the distribution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageReport {
    /// The stage's name, or `logits` for the distribution before the first stage.
    pub stage: &'static str,
    /// Candidates before it. A forbidden token (logit −∞) counts as long as it is in the list.
    pub n_in: usize,
    /// Candidates after it.
    pub n_out: usize,
    /// How much probability *the stage was given* lies on the candidates that it kept: 1 when it removed nothing.
    pub kept_mass: f64,
    /// Entropy of the distribution after it, in nats: `ln n` for n equal candidates, 0 for certainty.
    pub entropy: f64,
    /// Kullback–Leibler divergence of the distribution after it from that before it, in nats. For a stage that only removes,
    /// this is −ln `kept_mass`.
    pub kl: f64,
    /// The best candidates after it with their probabilities, at most ten: (token id, probability).
    pub top: Vec<(u32, f32)>,
}
