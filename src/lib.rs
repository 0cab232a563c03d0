//! # Cutaway: an LLM inference engine with its casing off
//!
//! This crate loads a GGUF model and computes the same forward pass on two paths: the naive path ([`naive`]) reads like the
//! paper, the optimized path ([`optimized`]) is built for speed. The two are compared value by value
//! ([`measure::verify`]), and every value and operation inside can be observed ([`observe`]).
//!
//! **Find the forward pass.** Open [`naive::transformer`]: `forward → block → attention → feed_forward` is the whole
//! transformer. Then open [`naive::ops`], beside it: the formula of each operation.
//!
//! **From a model to text.** The embedded model continues a sentence. `Gguf::open("model.gguf")` reads any other file.
//!
//! ```
//! use cutaway::engine::{Engine, Session, SessionOptions};
//! use cutaway::model::{LoadOptions, Model, embedded};
//! use cutaway::observe::Off;
//! use cutaway::tokenizer::{EncodeOptions, Tokenizer};
//!
//! let gguf = std::sync::Arc::new(embedded::embedded()?);
//! let tokenizer = Tokenizer::from_metadata(gguf.metadata())?;
//! let model = Model::load(gguf, LoadOptions::default())?;
//! let mut engine = Engine::naive(&model)?;
//! let mut session = Session::new(&mut engine, SessionOptions::default());
//!
//! let prompt = tokenizer.encode("Once upon a", EncodeOptions::PROMPT);
//! let mut logits = session.prefill(&prompt, &mut Off)?; // one logit for each token of the vocabulary
//! let (mut decoder, mut text) = (tokenizer.stream(), String::new());
//! for _ in 0..3 {
//!     let scores = logits.last().ok_or("no logits")?;
//!     let most_probable = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0) as u32;
//!     text += &decoder.push(most_probable);
//!     logits = session.decode(most_probable, &mut Off)?;
//! }
//! assert_eq!(text, " time, there");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## The modules, in reading order
//!
//! A module imports only from the floors below its own; a test (`tests/house/layering.rs`) checks this.
//!
//! | floor | module | what it holds |
//! |---|---|---|
//! | F4 | [`naive`] | **the transformer** and its operations, over `ndarray` |
//! | F4 | [`optimized`] | the same stages again: packed weights, threads, attention over pages |
//! | F3 | [`batch`], [`kv_cache`] | the rows of a forward pass; the keys and values of earlier positions |
//! | F2 | [`model`] | metadata → features ([`model::config`]), tensor names → checked weights |
//! | F2 | [`tokenizer`] | text ↔ token ids, and the chat template |
//! | F4 | [`sampling`] | logits → the next token |
//! | F5 | [`engine`] | prefill, decode, stop: a sequence that grows |
//! | F1 | [`gguf`], [`tensor`] | the file format, and what a tensor looks like in memory |
//! | F1 | [`kernels`] | the inner loops of the optimized path: packed tiles, scalar and vector kernels |
//! | F0 | [`quant`], [`observe`], [`escape`] | the block formats, one file each; observers, hooks and the cost model; control characters of names and metadata made visible |
//! | F6 | [`measure`] | inspect a file, verify a path, measure speed and the share of the machine's limits that it reaches |
//! | F7 | `report` | the page of a recorded run, and the comparison of two; behind the feature `report` |
//! | F8 | `cli` | one file per command; behind the feature `cli`, which is on by default |
//!
//! The library never prints, never exits and never panics on input. Every module that can fail has one error enum, which says
//! what, where, expected and found. `GLOSSARY.md` in the repository explains every term and symbol.

pub use cutaway_kernels as kernels;
#[doc(inline)]
pub use cutaway_kernels::quant;

pub mod escape;
pub mod observe;

pub mod gguf;
pub mod tensor;

pub mod model;
pub mod tokenizer;

pub mod batch;
pub mod kv_cache;

pub mod naive;
pub mod optimized;
pub mod sampling;

pub mod engine;

pub mod measure;

#[cfg(feature = "report")]
pub mod report;

#[cfg(feature = "cli")]
pub mod cli;
