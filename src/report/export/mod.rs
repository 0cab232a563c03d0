//! A recorded run in the forms that other programs read.
//!
//! | function | for |
//! |---|---|
//! | [`perfetto`] | timelines: ui.perfetto.dev, chrome://tracing |
//! | [`folded`] | flame graphs: inferno, speedscope, flamegraph.pl |
//! | [`csv`] | spreadsheets and data frames: one operation a row, raw SI numbers |
//! | [`npy`] | NumPy: the values of one activation |
//!
//! What it deliberately does not do: choose file names, or add anything up that the other program can add up.

mod csv;
mod folded;
mod npy;
mod perfetto;

pub use csv::csv;
pub use folded::folded;
pub use npy::npy;
pub use perfetto::{MOST_EVENTS, perfetto};

#[cfg(test)]
mod tests;
