//! How Cutaway's embedded models are made, from nothing: a language, a vocabulary, a training.
//!
//! | step | room |
//! |---|---|
//! | an endless corpus of English, written by a grammar of our own | [`language`] |
//! | the 1,024 pieces its text is cut into | [`vocabulary`] |
//! | transformers that learn to continue it | [`trainer`] |
//!
//! Look first at [`language`]. Running a finished model is not done here: that is what the crate `cutaway` is for.

pub mod language;
pub mod trainer;
pub mod vocabulary;
