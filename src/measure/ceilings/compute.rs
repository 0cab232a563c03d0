//! Multiply-adds that touch nothing but registers.

use super::{CeilingsError, Peak, seconds};
use crate::measure::statistics::Samples;
use crate::optimized::pool::Pool;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seconds that a pass takes at least: long against a timer interrupt, short against a neighbour's mood.
const LONG_ENOUGH: f64 = 0.01;
/// Most rounds that every probe can count.
const MOST: usize = 1 << 24;

/// The peak of one probe (`work`: rounds → multiply-adds done) by so many threads at once.
///
/// # Errors
/// If there are not so many threads.
pub(super) fn peak(work: fn(usize) -> u64, threads: usize, passes: usize) -> Result<Peak, CeilingsError> {
    let mut rounds = 1 << 10;
    while rounds < MOST && seconds(|| work(rounds)) < LONG_ENOUGH {
        rounds *= 2;
    }
    let mut pool = Pool::new(threads)?;
    let mut pass = || {
        let done = AtomicU64::new(0);
        let time = seconds(|| pool.run(|_| _ = done.fetch_add(work(rounds), Ordering::Relaxed)));
        2.0 * done.into_inner() as f64 / time
    };
    pass(); // wakes the threads, and the wide units of the processor
    Ok(Peak { threads, operations_per_second: Samples::new((0..passes).map(|_| pass()).collect()) })
}
