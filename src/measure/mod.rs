//! Measuring: what can be said about a model without running it, whether a path is right, and how fast it runs.
//!
//! Look first at [`inspect`]: it describes a file. Then at [`mod@verify`]: it compares two paths and names the operation that
//! is wrong. Then at [`mod@bench`]: it measures tokens per second. [`ceilings`] measures what the machine can do, so that
//! speeds can be given as shares of it. [`statistics`] makes medians and intervals of samples; [`machine`] describes the
//! computer; [`scores`] says what logits mean. Everything here returns plain structs that can be serialised.
//!
//! What it deliberately does not do: print. The command line does.

pub mod bench;
pub mod ceilings;
pub mod collect;
pub mod inspect;
pub mod machine;
pub mod predict;
pub mod record;
pub mod scores;
pub mod statistics;
pub mod verify;
