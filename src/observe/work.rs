//! [`OpWork`]: what a report of an operation says besides its time: what it costs, its shape, what it computes with, and which
//! operations ran as one. [`ThreadSpan`]: what one thread did in the meantime.
//!
//! What it deliberately does not do: measure. A path states its work from the shapes that it was given.

use super::{Cost, Op};
use std::time::{Duration, Instant};

/// One operation, or several that ran as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpWork {
    /// Its arithmetic and its bytes, from formulas.
    pub cost: Cost,
    /// The operations that ran as one, in their order; the first is the one that is reported. Usually one alone.
    pub covers: &'static [Op],
    /// Its size.
    pub shape: Shape,
    /// What it reads and writes: weights, input, output. As in the file (`q4_1`), and `a8` or `a16` for activations that are
    /// rounded to so many bits; `-` for none.
    pub types: [&'static str; 3],
    /// The table of kernels (`avx512`), or `naive`.
    pub kernels: &'static str,
}

/// The size of an operation. A matrix makes `n` rows of `m` numbers out of `n` rows of `k`: m · n · k multiply-adds.
/// Attention: `m` = heads · head_dim, `n` tokens, `k` = visible positions of all tokens. Anything else: `k` is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Numbers in a row of the result.
    pub m: usize,
    /// Rows: tokens, or assignments of tokens to experts.
    pub n: usize,
    /// Numbers that are summed up for each result.
    pub k: usize,
}

impl OpWork {
    /// One operation on floats, of this [`Shape`] (m, n, k).
    pub fn new(op: Op, cost: Cost, [m, n, k]: [usize; 3]) -> Self {
        Self { cost, covers: op.alone(), shape: Shape { m, n, k }, types: ["-", "f32", "f32"], kernels: "-" }
    }

    /// The same, computed by this table of kernels.
    pub fn by(self, kernels: &'static str) -> Self {
        Self { kernels, ..self }
    }

    /// The same with these types of weights and input.
    pub fn reading(self, weights: &'static str, input: &'static str) -> Self {
        Self { types: [weights, input, self.types[2]], ..self }
    }

    /// The same with this type of output.
    pub fn writing(self, output: &'static str) -> Self {
        Self { types: [self.types[0], self.types[1], output], ..self }
    }

    /// The same as the first of several that ran as one.
    pub fn covering(self, covers: &'static [Op]) -> Self {
        Self { covers, ..self }
    }
}

/// One thread in one dispatch: when it worked, and how long it waited for others within its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadSpan {
    /// Number of the thread; 0 is the caller.
    pub thread: usize,
    /// When it began.
    pub start: Instant,
    /// When it was through.
    pub end: Instant,
    /// How much of that it waited at barriers.
    pub waited: Duration,
}
