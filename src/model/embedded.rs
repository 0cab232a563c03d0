//! [`embedded`]: the model that is always there.
//!
//! `tiny` is a transformer of 1.2 million parameters, trained on a language of our own (`models/README.md` says how) and
//! compiled into the program, so that everything can be tried before anything is downloaded. It tells short stories
//! about animals; it knows nothing else.

use crate::gguf::{Gguf, GgufError};

/// The name by which the command line knows the embedded model.
pub const NAME: &str = "tiny";

/// The embedded model's file.
///
/// # Errors
/// None for the file that is committed; a test opens it.
pub fn embedded() -> Result<Gguf, GgufError> {
    Gguf::from_bytes(include_bytes!("../../models/tiny.gguf").to_vec())
}
