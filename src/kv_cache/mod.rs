//! The KV cache: the keys and values of every position that has been processed, so that they are computed once.
//!
//! Memory is cut into *pages* of a fixed number of positions. A sequence is a list of pages, and a page counts how
//! many sequences hold it: forking a conversation shares its pages and copies one only when somebody writes to it.
//! With a page as long as the context this *is* the classic contiguous cache.
//!
//! Look first at [`KvCache::reserve`] (a batch asks for room), then at [`KvCache::write`] and [`KvCache::read`].
//! [`layout`] draws a page and the tiles of it, [`KvFormat`] a row.
//!
//! What it deliberately does not do: compute attention, or know what is visible (a window is the reader's business).
//!
//! Source: Kwon et al., "Efficient Memory Management for Large Language Model Serving with PagedAttention" (2023).

mod cache;
mod format;
mod forward_error;
pub mod layout;
mod pages;
mod tile;

pub use cache::{CacheError, KvCache, KvPart, Slot, Usage};
pub use format::{KvFormat, KvFormats};
pub use forward_error::ForwardError;
pub use layout::{KvLayer, KvLayout, KvSide};
