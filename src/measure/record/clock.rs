//! [`Clock`]: moments that cost little to take, and what they are in nanoseconds.
//!
//! A decode step has hundreds of operations of a few microseconds, and each is stamped twice. So a [`Moment`] is the processor's
//! own counter where there is a steady one ([`ticks`]), and the operating system's clock elsewhere. How long a tick is becomes
//! known at the end: the two clocks are read together at the beginning and at the end, and divided.

use crate::kernels::clock::ticks;
use std::time::{Duration, Instant};

/// A moment, as [`Clock::now`] has taken it: ticks, or nanoseconds where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// Where moments are counted from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
    /// The counter at that moment, if this machine has a steady one.
    ticks: Option<u64>,
}

/// Apart enough that reading two clocks one after the other, which takes less than a microsecond, changes the rate by less than
/// a ten-thousandth.
const APART: Duration = Duration::from_millis(10);

impl Clock {
    /// A clock that begins now.
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), ticks: ticks() }
    }

    /// Now.
    #[inline]
    pub(super) fn now(&self) -> Moment {
        match (self.ticks, ticks()) {
            (Some(began), Some(now)) => Moment(now.wrapping_sub(began)),
            _ => Moment(self.began.elapsed().as_nanos() as u64),
        }
    }

    /// Nanoseconds from the clock's beginning to a moment of the operating system's clock.
    pub(super) fn ns_of(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.began).as_nanos() as u64
    }

    /// How to turn moments into nanoseconds. Waits a few milliseconds if the clock has only just begun.
    pub(super) fn scale(&self) -> Scale {
        if self.ticks.is_none() {
            return Scale { ns_per_tick: 1.0 };
        }
        std::thread::sleep(APART.saturating_sub(self.began.elapsed()));
        let (moment, elapsed) = (self.now(), self.began.elapsed());
        Scale { ns_per_tick: elapsed.as_nanos() as f64 / moment.0.max(1) as f64 }
    }
}

/// How long a tick is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    ns_per_tick: f64,
}

impl Scale {
    /// Nanoseconds from the clock's beginning to a moment.
    pub(super) fn ns(&self, moment: Moment) -> u64 {
        (moment.0 as f64 * self.ns_per_tick) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both clocks measure the same time.
    #[test]
    fn moments_are_nanoseconds_since_the_beginning() {
        let clock = Clock::start();
        let mut around = Vec::new();
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(15));
            let before = clock.began.elapsed();
            let moment = clock.now();
            around.push((before, moment, clock.began.elapsed()));
        }
        let scale = clock.scale();
        let slack = 100_000; // nanoseconds: the rate is known to a thousandth, and a thread may lose its core between two lines
        for (before, moment, after) in around {
            let ns = u128::from(scale.ns(moment));
            assert!(ns + slack >= before.as_nanos() && ns <= after.as_nanos() + slack, "{before:?} {ns} {after:?}");
        }
    }

    #[test]
    fn a_clock_that_has_just_begun_has_a_rate() {
        let clock = Clock::start();
        let moment = clock.now();
        assert!(clock.scale().ns(moment) < 1_000_000_000);
    }
}
