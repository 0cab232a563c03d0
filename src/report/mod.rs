//! Reports of recorded runs: the page that shows one run, and the comparison of two.
//!
//! Look first at [`page::html`]: from records and figures to one HTML file. [`compare::compare`] takes two runs and says test
//! by test which is faster. [`export`] writes a run in the forms of other programs. [`Events`] sorts records by kind, [`noise`] says which differences mean nothing, and [`units`]
//! writes numbers for people.
//!
//! What it deliberately does not do: run a model, measure, or read and write files.

pub mod chart;
pub mod charts;
pub mod compare;
mod events;
pub mod export;
pub mod noise;
pub mod page;
#[cfg(test)]
mod sample;
pub mod svg;
pub mod units;

pub use events::Events;
