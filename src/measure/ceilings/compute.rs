//! The speed of multiply-adds whose operands are in registers, so that no memory is read.

use super::{CeilingsError, Peak, seconds};
use crate::measure::statistics::Samples;
use crate::optimized::pool::Pool;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seconds that a pass takes at least: much longer than a timer interrupt.
const MIN_SECONDS: f64 = 0.01;
/// Most rounds in a pass: more would overflow the sums of some probes.
const MAX_ROUNDS: usize = 1 << 24;

/// The peak of one probe (`work`: rounds → multiply-adds done) by so many threads at once.
///
/// # Errors
/// If that many threads cannot be started.
pub(super) fn peak(work: fn(usize) -> u64, threads: usize, passes: usize) -> Result<Peak, CeilingsError> {
    let mut rounds = 1 << 10;
    while rounds < MAX_ROUNDS && seconds(|| work(rounds)) < MIN_SECONDS {
        rounds *= 2;
    }
    let mut pool = Pool::new(threads)?;
    let mut pass = || {
        let done = AtomicU64::new(0);
        let time = seconds(|| pool.run(|_| _ = done.fetch_add(work(rounds), Ordering::Relaxed)));
        2.0 * done.into_inner() as f64 / time
    };
    pass(); // wakes the threads and the processor's wide vector units
    Ok(Peak { threads, operations_per_second: Samples::new((0..passes).map(|_| pass()).collect()) })
}
