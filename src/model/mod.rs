//! A model, ready to be computed: what it is ([`Config`]) and what it knows ([`Weights`]).
//!
//! Read [`config`] first: it describes any supported model as features, so that the forward paths need no family
//! names. Then [`weights`]: the tensors by role. [`Model::load`] makes both from a file, in the order of the private
//! modules behind it: `file_kind` (is it a model at all?), `architectures` (a name → features), `hparams` with `rope` (metadata keys → numbers), `loader`
//! with `tensors` (tensor names → weights), `finite` (the optional scan for damage).
//!
//! What this module deliberately does not do: compute. After loading nothing can be missing or misshapen, so arithmetic
//! code needs no error paths.

mod architectures;
pub mod config;
pub mod embedded;
mod error;
mod file_kind;
mod finite;
mod hparams;
mod keys;
pub mod known;
mod loader;
mod rope;
mod tensors;
pub mod trace;
pub mod weights;

pub use architectures::known_architectures;
pub use config::{ActFn, AttentionKind, Config, Experts, LayerConfig, Norm, Rope, RopePairing};
pub use error::ModelError;
pub use file_kind::{FileKind, require_model};
pub use trace::{TracePoint, trace_points};
pub use weights::{FeedForward, LayerWeights, Linear, Matrix, NormWeights, Vector, Weights};

use crate::gguf::Gguf;
use std::sync::Arc;

/// A loaded model. Cloning shares the weights' bytes.
#[derive(Debug, Clone)]
pub struct Model {
    /// What the model is, as features.
    pub config: Config,
    /// Its tensors by role, checked against `config`.
    pub weights: Weights,
    gguf: Arc<Gguf>,
}

/// How to load a model. The default asks for the training context and does not scan the weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Positions that will be used; `None`: as many as the model was trained on. Models with two sets of RoPE
    /// frequency factors (longrope) choose between them by this number.
    pub n_ctx: Option<usize>,
    /// Look at every weight and block scale, and refuse NaN and infinity. Reads the whole file.
    pub check_tensors: bool,
}

impl Model {
    /// Reads hyper-parameters and finds every tensor. Weights stay where they are; only norms, biases and RoPE factors
    /// are decoded.
    ///
    /// # Errors
    /// A file that is no whole model ([`require_model`]); missing, mistyped or absurd keys; missing, misshapen, mistyped or
    /// superfluous tensors; a context the model cannot have. After `Ok` only damaged weights can make a forward pass fail:
    /// its logits are then no numbers ([`Logits::check`](crate::batch::Logits::check)).
    pub fn load(gguf: Arc<Gguf>, options: LoadOptions) -> Result<Model, ModelError> {
        require_model(&gguf)?;
        let metadata = gguf.metadata();
        let family = file_kind::family(metadata)?;
        let mut config = hparams::read(family, metadata, options.n_ctx)?;

        let mut tensors = tensors::Tensors::new(&gguf);
        let weights = loader::weights(family, &config, &mut tensors)?;
        if let Some(names) = rope::freq_factor_tensors(family, &keys::Keys::new(metadata, family.name))? {
            loader::freq_factors(names, &mut config, &mut tensors)?;
        }
        tensors.finish()?;
        if options.check_tensors {
            finite::check(&gguf)?;
        }
        Ok(Model { config, weights, gguf })
    }

    /// The file the model came from: metadata, tensor list, bytes.
    pub fn gguf(&self) -> &Arc<Gguf> {
        &self.gguf
    }
}
