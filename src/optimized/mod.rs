//! The optimized path: the same transformer, built for speed.
//!
//! **Read [`transformer`] beside [the naive one](crate::naive::transformer)**: the same stages in the same order. Below
//! it, from what is computed to what it is computed with:
//!
//! | file | what stands there |
//! |---|---|
//! | `traced_ops` | what an observer is told, and which operations are fused when there is none |
//! | `context` | one batch: its positions, its slots in the cache, what its rows may see |
//! | `matmul`, `ops` | which worker computes which rows: matrices; norms, RoPE, activation functions |
//! | `attention`, `softmax`, `pages` | attention over the pages of the cache, with an online softmax |
//! | `experts`, `rope` | which token goes to which experts; sines and cosines |
//! | `pack`, `arena` | weights as tiles, in one run of memory |
//! | `scratch`, `reserve`, `act_quant` | the buffers; memory for them; the forms in which matrices read them |
//! | `workers`, [`pool`], `barrier` | threads that run one program together |
//!
//! **What is promised.** A result depends on the model and the tokens alone: not on the number of threads, not on how a
//! sequence is cut into batches, not on the instruction set. Each of these is tested bit by bit. Against the naive path
//! there is a tolerance, because activations are rounded to 8 or 16 bits before they meet weights in a block format
//! ([`ActPrecision`]).
//!
//! What it deliberately does not do: arithmetic (that is [`crate::kernels`]), and anything that the naive path does not.

mod act_quant;
pub(crate) mod arena;
mod attention;
mod barrier;
mod context;
mod experts;
mod matmul;
mod ops;
mod options;
mod pack;
mod pages;
pub mod pool;
mod reserve;
mod rope;
mod scratch;
mod softmax;
mod traced_ops;
pub mod transformer;
mod workers;

pub use act_quant::ActPrecision;
pub use options::Options;
pub use pack::PackError;
pub use transformer::Transformer;

/// What the barrier is made of. A test compiles it from `loom`'s instead, see `tests/loom`.
mod primitives {
    pub(super) use std::hint::spin_loop;
    pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(super) use std::sync::{Condvar, Mutex};
}
