//! `--path`: the two forward passes that a command can choose between.

use clap::ValueEnum;

/// The paths a forward pass can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Path {
    /// f32, one thread, nothing fused
    Naive,
    /// Packed weights, vector instructions, several threads
    #[default]
    Optimized,
}

impl Path {
    /// As it is written on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Path::Naive => "naive",
            Path::Optimized => "optimized",
        }
    }
}
