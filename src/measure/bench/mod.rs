//! How many tokens per second, measured as llama-bench measures them.
//!
//! | test | what is timed |
//! |---|---|
//! | `pp512` | a prompt of 512 random tokens in one pass, scores for the last of them only |
//! | `tg128` | 128 random tokens, one pass each, all scores of each, nothing sampled |
//! | `@ d1024` | the same after 1024 tokens that are in the cache already and are not timed |
//!
//! Before the clock starts the test is run once for nothing: all of a prompt, one token of a generation. Every sample is
//! kept; what is reported is their median ([`statistics`](super::statistics)). Keys and values are f16 unless asked otherwise, and
//! the peer is asked for the same.
//!
//! **The benchmarked loop is the uninstrumented one.** [`Runner`] passes [`Off`] by name and takes no observer, so
//! no other instance of the forward pass can be behind a number of this room; and what `Off` wants to know is asserted here,
//! at compile time, to be nothing. Look first at [`Runner::sample`], which is all that is ever timed.
//!
//! | file | what stands there |
//! |---|---|
//! | `test.rs`, `run.rs` | what is asked, and running it |
//! | `work.rs` | the bytes and multiply-adds of a test, and their shares of the machine's [ceilings](super::ceilings) |
//! | `peer.rs` | what another engine's llama-bench prints |
//! | `kernels.rs`, `vectors.rs` | the speed of every kernel by itself |
//!
//! What it deliberately does not do: start other programs (the command line does), print, or explain where the time went.

mod kernels;
pub mod peer;
mod run;
mod test;
mod vectors;
mod work;

pub use kernels::{MatrixKernel, matrix_kernels};
pub use run::{BenchError, Options, Runner};
pub use test::{Phase, Test, grid};
pub use vectors::{VectorKernel, vector_kernels};
pub use work::{Shares, Style, Work};

use crate::observe::{Observer, Off};

/// `Off` has no state, and asks for neither operations nor activations: every call to it is an empty inline function, every
/// cost a closure that nobody calls.
const _: () = assert!(size_of::<Off>() == 0 && !Off::OPS && !Off::ACTIVATIONS);
