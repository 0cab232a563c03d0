//! What both paths compute: against llama.cpp, against each other, and against what is predicted.
//!
//! One program for all of them: each file alone would compile and link the library again.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/json_schema.rs"]
mod json_schema;

mod bench_work;
mod collect;
mod cost_bytes;
mod cost_is_counted;
mod edits;
mod foreign_op;
mod hooks;
mod naive_equivalence;
mod naive_golden;
mod naive_ops;
mod optimized_matches_naive;
mod optimized_real_models;
mod predict;
mod real_models;
mod tiny_models;
