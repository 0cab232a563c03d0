//! The rules of the house: layers, words, and the two texts that mirror each other.
//!
//! One program for all of them: each file alone would compile and link the library again.

#[path = "../common/cycles.rs"]
mod cycles;
#[path = "../common/source.rs"]
mod source;

mod glossary;
mod layering;
mod links;
mod mirror;
