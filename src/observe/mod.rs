//! Watching a forward pass from outside, at no cost when nobody watches.
//!
//! Look first at [`Observer`]: the four things a forward pass tells. [`Op`] and [`Hook`] are the registry of names
//! (what is computed, and what can be looked at), [`Cost`] says what an operation costs and [`cost`] holds the
//! formulas. [`HookFilter`] picks hooks by name and refuses to match nothing.
//!
//! What it deliberately does not do: write files, draw, or keep statistics. Those are observers, and live upstairs.
//!
//! Names follow TransformerLens (`blocks.3.attn.hook_q`) for activations and GGUF (`attn_q`) for operations.

pub mod cost;
mod filter;
mod hook;
mod observer;
mod op;

pub use cost::Cost;
pub use filter::{FilterError, HookFilter};
pub use hook::{Hook, HookAt};
pub use observer::{Event, Observer, Off, TensorView};
pub use op::{Op, OpAt};
