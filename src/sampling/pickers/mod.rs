//! Pickers: the last stage, which chooses one of the candidates that are left.
//!
//! [`Greedy`] takes the best one, [`Dist`] draws one at random by its probability.

mod dist;
mod greedy;

pub use dist::Dist;
pub use greedy::Greedy;
