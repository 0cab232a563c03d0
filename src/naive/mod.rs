//! The naive path: the transformer as the paper writes it, in f32, one thread, nothing fused.
//!
//! **Read [`transformer`] top to bottom**: `forward → block → attention → feed_forward` is the whole model. [`ops`],
//! beside it, says what each operation computes; [`weights`] turns the file's blocks into plain matrices; `traced_ops`
//! reports every operation to an observer, so that the transformer need not.
//!
//! Everything is generic over its number type, [`Real`]. With `f32` it is the oracle that the optimized path is held
//! to; with [`Counted`] it counts its own arithmetic, which proves the cost formulas of [`crate::observe::cost`].
//!
//! What it deliberately does not do: anything fast. No threads, no SIMD, no `unsafe`, no quantised arithmetic.

mod context;
pub mod counted;
pub mod ops;
pub mod real;
mod traced_ops;
pub mod transformer;
pub mod weights;

pub use counted::Counted;
pub use ops::{AttentionOutput, Ops, ReferenceOps};
pub use real::Real;
pub use transformer::Transformer;
