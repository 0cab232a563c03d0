//! A model, ready to be computed: what it is ([`Config`]) and what it knows ([`Weights`]).
//!
//! Read [`config`] first: it describes any supported model as features, so that the forward paths need no family
//! names. Then [`weights`]: the tensors by role.
//!
//! What this room deliberately does not do: compute. After loading nothing can be missing or misshapen, so arithmetic
//! code needs no error paths.

pub mod config;
pub mod weights;

pub use config::{Activation, AttentionKind, Config, Experts, LayerConfig, Norm, Rope, RopePairing};
pub use weights::{FeedForward, LayerWeights, Linear, Matrix, NormWeights, Vector, Weights};

/// A loaded model: what it is and what it knows.
#[derive(Debug, Clone)]
pub struct Model {
    /// What the model is, as features.
    pub config: Config,
    /// Its tensors by role, checked against `config`.
    pub weights: Weights,
}
