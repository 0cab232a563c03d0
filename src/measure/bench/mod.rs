//! How many tokens per second, measured as llama-bench measures them.
//!
//! | test | what is timed |
//! |---|---|
//! | `pp512` | a prompt of 512 random tokens in one pass, scores for the last of them only |
//! | `tg128` | 128 random tokens, one pass each, all scores of each, nothing sampled |
//! | `@ d1024` | the same after 1024 tokens that are in the cache already and are not timed |
//!
//! Each test first runs once as a warm-up, which is not timed: all of a prompt, one token of a generation. Every sample is
//! kept, and their median is reported ([`statistics`](super::statistics)). Keys and values are f16 by default, as in
//! llama-bench, and the peer is asked for the same formats.
//!
//! **The timed loop is the uninstrumented one.** [`Runner::sample`] passes [`Off`](crate::observe::Off), and a pass with `Off` is
//! the one that is compiled without observers (`observe/watch.rs` asserts that nothing of them is left).
//! Look first at [`Runner::sample`]: only what it does is timed.
//!
//! | file | what it holds |
//! |---|---|
//! | `test.rs`, `run.rs` | what a test is, and how it runs |
//! | `work.rs` | the bytes and multiply-adds of a test, and the share of the machine's [ceilings](super::ceilings) that it reaches |
//! | `peer.rs` | the output of another engine's llama-bench |
//! | `kernels.rs`, `vectors.rs` | the speed of each kernel alone |
//!
//! What it deliberately does not do: start other programs (the command line does), print, or explain where the time went.

mod kernels;
pub mod peer;
mod run;
mod test;
mod vectors;
mod work;

pub use kernels::{MatrixKernel, matrix_kernels};
pub use run::{BenchError, BenchOptions, Runner};
pub use test::{Test, TestKind, grid};
pub use vectors::{VectorKernel, vector_kernels};
pub use work::{PathProfile, Shares, Work};
