//! # Cutaway: an LLM inference engine with its casing off
//!
//! This crate loads a GGUF model and runs it twice: in a text that reads like the paper ([`naive`]) and in one that
//! is built for speed ([`optimized`]). Everything that happens inside can be watched ([`observe`]). It is built as
//! a house: a floor imports only from the floors below it, and a test (`tests/layering.rs`) keeps that true.
//!
//! **Two steps to the forward pass.** Open [`naive::transformer`]: `forward → block → attention → feed_forward`
//! is the whole transformer. Then [`naive::ops`], beside it, for what each operation computes.
//!
//! **From a model to text.** The embedded model continues a sentence; `Gguf::open("model.gguf")` reads any other file.
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
//! let mut logits = session.prefill(&prompt, &mut Off)?; // a score for every token that may come next
//! let (mut decoder, mut text) = (tokenizer.stream(), String::new());
//! for _ in 0..3 {
//!     let scores = logits.last().ok_or("no scores")?;
//!     let likeliest = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0) as u32;
//!     text += &decoder.push(likeliest);
//!     logits = session.decode(likeliest, &mut Off)?;
//! }
//! assert_eq!(text, " time,");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## The map, in reading order
//!
//! | floor | room | what stands there |
//! |---|---|---|
//! | F4 | [`naive`] | **the transformer** and its operations, over `ndarray` |
//! | F4 | [`optimized`] | the same stages again: packed weights, threads, attention over pages |
//! | F3 | [`batch`], [`kv_cache`] | what a forward pass is asked, and what it remembers |
//! | F2 | [`model`] | a file's metadata → features ([`model::config`]) and checked weights |
//! | F2 | [`tokenizer`] | text ↔ token ids, and the chat template |
//! | F4 | [`sampling`] | logits → the next token |
//! | F5 | [`engine`] | prefill, decode, stop: a conversation with a model |
//! | F1 | [`gguf`], [`tensor`] | the file format, and what a tensor looks like in memory |
//! | F1 | [`kernels`] | the inner loops of the fast path: packed tiles, scalar and vector kernels |
//! | F0 | [`quant`], [`observe`], [`escape`] | the block formats, one file each; observers, hooks and the cost model; strangers' text made safe to show |
//! | F6 | [`measure`] | what a file is, whether a path is right, how fast it runs, and what share of the machine that is |
//! | F8 | `cli` | one file per command; behind the feature `cli`, which is on by default |
//!
//! The library never prints, never exits and never panics on input: every fallible floor has one error enum that
//! says what, where, expected and found.

pub mod escape;
pub mod observe;
pub mod quant;

pub mod gguf;
pub mod kernels;
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

#[cfg(feature = "cli")]
pub mod cli;
