//! Observing a forward pass from outside, at no cost without an observer.
//!
//! Look first at [`Observer`]: what a forward pass reports. [`Op`] and [`Hook`] are the registry of names: what is computed,
//! and which values can be seen. [`Cost`] is what an operation costs, and [`mod@cost`] has the formulas. [`HookFilter`] chooses
//! hooks by name; a filter that matches nothing is an error.
//!
//! What it deliberately does not do: write files, draw, or collect statistics. Types that do so implement [`Observer`] in
//! higher modules.
//!
//! Names follow TransformerLens (`blocks.3.attn.hook_q`) for activations and GGUF (`attn_q`) for operations.

pub mod cost;
mod event;
mod filter;
mod group;
mod hook;
mod observer;
mod op;
pub(crate) mod watch;
mod work;

pub use cost::Cost;
pub use event::{Event, Phase, StageReport};
pub use filter::{FilterError, HookFilter};
pub use group::Group;
pub use hook::{Hook, HookAt};
pub use observer::{Interests, Observer, Off, TensorView};
pub use op::{Op, OpAt};
pub use work::{OpWork, Shape, ThreadSpan};
