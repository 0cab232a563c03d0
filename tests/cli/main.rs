//! The program from outside: every command, its text, its errors and exit codes.
//!
//! One program for all of them: each file alone would compile and link the library again.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/program.rs"]
mod program;

mod bench;
mod commands;
mod edges;
mod examples;
mod files;
mod inspect;
mod profile;
mod prompts;
mod pull;
mod readme;
mod report;
mod verify;
