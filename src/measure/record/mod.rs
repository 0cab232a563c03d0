//! A recorded run: lines of JSON that say everything a report needs, so that it can be drawn later, elsewhere, and without the
//! model.
//!
//! Look first at [`schema`], the vocabulary, then at [`Recorder`], the one observer that fills it: it keeps what happens in
//! buffers that are allocated before the run, and hands it to a [`Sink`] afterwards. What does not fit into a buffer is counted
//! and written down as a [`DropRecord`](schema::DropRecord), never silently lost.
//!
//! What it deliberately does not do: add up, compare or draw. `report` adds up and draws.

mod clock;
mod recorder;
pub mod schema;
mod sink;

pub use recorder::{Recorder, RecorderOptions};
pub use schema::Record;
pub use sink::{JsonLines, ReadError, Sink, read};
