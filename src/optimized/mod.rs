//! The optimized path: the same transformer, built for speed.
//!
//! **Read [`transformer`] beside [the naive one](crate::naive::transformer)**: the same stages in the same order. Below
//! it, from what is computed to what it is computed with:
//!
//! | file | what stands there |
//! |---|---|
//! | [`mod@ops`] | who computes which rows: matrices, norms and activations, cut into shares |
//! | [`attention`], [`pages`] | online softmax over the cache's pages; a head's rows where they lie |
//! | [`experts`], [`rope`] | who visits whom; sines and cosines |
//! | [`pack`], [`arena`] | weights as tiles, in one run of memory |
//! | [`scratch`], [`whole`] | the buffers; what matrices read of them |
//! | [`pool`], [`barrier`] | threads that run one program together |
//! | [`lens`], [`hooks`] | what an observer sees |
//!
//! **What is promised.** A result depends on the model and the tokens alone: not on the number of threads, not on how a
//! sequence is cut into batches, not on the instruction set. Each of these is tested bit by bit. Against the naive path
//! there is a tolerance, because activations are rounded to eight bits before they meet quantised weights, or to sixteen
//! ([`Activations`]).
//!
//! What it deliberately does not do: arithmetic (that is [`crate::kernels`]), and anything that the naive path does not.

pub(crate) mod arena;
mod attention;
mod barrier;
mod experts;
mod hooks;
mod lens;
mod ops;
mod pack;
mod pages;
pub mod pool;
mod rope;
mod scratch;
pub mod transformer;
mod whole;

pub use pack::PackError;
pub use transformer::{Options, Transformer};
pub use whole::Activations;

/// What the barrier is made of. A test compiles it from `loom`'s instead, see `tests/barrier_loom.rs`.
mod primitives {
    pub(super) use std::hint::spin_loop;
    pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(super) use std::sync::{Condvar, Mutex};
}
