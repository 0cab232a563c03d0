//! Measuring: what can be said about a model without running it, whether a path is right, and (later) how fast it runs.
//!
//! Look first at [`inspect`]: a file in, a description out. Then at [`mod@verify`]: two paths in, the operation that is wrong
//! out. Everything here returns plain result structs that can be serialised; the command line prints them.

pub mod inspect;
pub mod verify;
