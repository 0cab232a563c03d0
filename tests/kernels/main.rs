//! Kernels against their scalar twins, one by one and in a whole forward pass.
//!
//! One program for all of them: each file alone would compile and link the library again.

#[path = "../common/mod.rs"]
mod common;

mod match_scalar;
mod optimized_equivalence;
mod pack;
mod probe;
mod swapped;
