//! [`Options`]: how the optimized path computes.

use super::ActPrecision;
use crate::kernels::Kernels;

/// How to compute.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads, the caller's among them; 0 for one on each physical core.
    pub n_threads: usize,
    /// The inner loops.
    pub kernels: Kernels,
    /// How finely activations are rounded before they meet a matrix in a block format.
    pub activations: ActPrecision,
}

impl Default for Options {
    fn default() -> Self {
        Self { n_threads: 0, kernels: Kernels::detect(), activations: ActPrecision::default() }
    }
}
