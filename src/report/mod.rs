//! Reports of recorded runs: the page that shows one run, and the comparison of two.
//!
//! Look first at [`page::html`]: from records and figures to one HTML file. [`compare::compare`] takes two runs and says test
//! by test which is faster. [`Events`] sorts records by kind, [`noise`] says which differences mean nothing, and [`units`]
//! writes numbers for people.
//!
//! What it deliberately does not do: run a model, measure, or read and write files.

pub mod compare;
mod events;
pub mod noise;
pub mod page;
#[cfg(test)]
mod sample;
pub mod units;

pub use events::Events;
