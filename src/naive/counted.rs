//! [`Counted`]: an `f32` that counts what is done to it.
//!
//! Run a model with `Transformer<Counted>` and read [`Counted::counts`] before and after an operation: the difference
//! is what the operation really did. The cost formulas are tested against exactly that.
//!
//! Counts are kept per thread, because a number has nowhere else to write them; the naive path uses one thread.

use super::Real;
use std::cell::Cell;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// An f32 whose arithmetic is counted on the current thread.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Counted(f32);

/// What has been done on this thread so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Additions, subtractions and multiplications.
    pub flops: u64,
    /// Reciprocals, roots, exponentials, tangents, sines and cosines.
    pub special: u64,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { flops: 0, special: 0 }) };
}

impl Counted {
    /// Everything counted on this thread since it began.
    pub fn counts() -> Counts {
        COUNTS.get()
    }

    fn flop(x: f32) -> Self {
        let counts = COUNTS.get();
        COUNTS.set(Counts { flops: counts.flops + 1, ..counts });
        Counted(x)
    }

    fn special(x: f32) -> Self {
        let counts = COUNTS.get();
        COUNTS.set(Counts { special: counts.special + 1, ..counts });
        Counted(x)
    }
}

impl Add for Counted {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::flop(self.0 + other.0)
    }
}

impl AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Counted {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::flop(self.0 - other.0)
    }
}

impl Mul for Counted {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::flop(self.0 * other.0)
    }
}

/// A change of sign is not counted: see [`crate::observe::cost`].
impl Neg for Counted {
    type Output = Self;
    fn neg(self) -> Self {
        Counted(-self.0)
    }
}

impl Real for Counted {
    const ZERO: Self = Counted(0.0);
    const ONE: Self = Counted(1.0);
    const NEG_INFINITY: Self = Counted(f32::NEG_INFINITY);

    fn of(x: f32) -> Self {
        Counted(x)
    }
    fn to_f32(self) -> f32 {
        self.0
    }
    fn recip(self) -> Self {
        Self::special(Real::recip(self.0))
    }
    fn sqrt(self) -> Self {
        Self::special(self.0.sqrt())
    }
    fn exp(self) -> Self {
        Self::special(self.0.exp())
    }
    fn tanh(self) -> Self {
        Self::special(self.0.tanh())
    }
    fn sin_cos(angle: f64) -> (Self, Self) {
        let (sin, cos) = <f32 as Real>::sin_cos(angle);
        (Self::special(sin), Self::special(cos))
    }
}
