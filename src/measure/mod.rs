//! Measuring: what can be said about a model without running it, whether a path is right, and how fast it runs.
//!
//! Look first at [`inspect`]: a file in, a description out. Then at [`mod@verify`]: two paths in, the operation that is wrong
//! out. Then at [`mod@bench`]: tokens per second, and what they are a share of, which [`ceilings`] finds out. [`statistics`]
//! turns samples into numbers that can be trusted, [`machine`] says where they were taken; [`scores`] says what logits mean. Everything here returns plain
//! result structs that can be serialised; the command line prints them.

pub mod bench;
pub mod ceilings;
pub mod inspect;
pub mod machine;
pub mod scores;
pub mod statistics;
pub mod verify;
