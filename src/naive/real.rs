//! [`Real`]: the numbers that the naive path computes with.
//!
//! The transformer and its operations use only the operations listed here, so another type can take the place of `f32`.
//! [`Counted`](super::Counted) does, and counts every addition.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// A real number as the naive operations need it.
pub trait Real:
    Copy
    + PartialOrd
    + std::fmt::Debug
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + AddAssign
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// −∞: the score of a position that must not be seen.
    const NEG_INFINITY: Self;

    /// `x` as this type.
    fn of(x: f32) -> Self;
    /// The nearest f32.
    fn to_f32(self) -> f32;
    /// 1 / x.
    fn recip(self) -> Self;
    /// √x.
    fn sqrt(self) -> Self;
    /// eˣ.
    fn exp(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// (sin, cos) of an angle in radians. The angle comes in f64: it is a position times a frequency, and at position
    /// 10,000 an f32 would have only three digits left behind the point.
    fn sin_cos(angle: f64) -> (Self, Self);
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const NEG_INFINITY: Self = f32::NEG_INFINITY;

    fn of(x: f32) -> Self {
        x
    }
    fn to_f32(self) -> f32 {
        self
    }
    fn recip(self) -> Self {
        1.0 / self
    }
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    fn exp(self) -> Self {
        self.exp()
    }
    fn tanh(self) -> Self {
        self.tanh()
    }
    fn sin_cos(angle: f64) -> (Self, Self) {
        (angle.sin() as f32, angle.cos() as f32)
    }
}
