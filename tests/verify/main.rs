//! What `verify` accepts, and what it must name.
//!
//! One program for all of them: each file alone would compile and link the library again.

#[path = "../common/mod.rs"]
mod common;

mod families;
mod mistakes;
