//! Files that must not load.

use super::tiny_gguf::TinyModel;
use cutaway::model::{LoadOptions, Model, ModelError};

/// Loads a file that may be broken.
pub fn load(model: &TinyModel) -> Result<Model, ModelError> {
    Model::load(model.gguf(), LoadOptions::default())
}

/// The error; fails if there is none.
pub fn refusal(model: &TinyModel, why: &str) -> ModelError {
    match load(model) {
        Ok(_) => panic!("loaded although {why}"),
        Err(error) => error,
    }
}
