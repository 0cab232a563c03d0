//! How long the threads of a pool take to synchronise. Every layer of a model does this several times.

use super::{BarrierCost, CeilingsError, seconds};
use crate::measure::statistics::Samples;
use crate::optimized::pool::Pool;

/// Barriers, or dispatches, in one pass.
const TIMES: usize = 2000;

/// The time of a barrier and of a dispatch, for a pool of so many threads.
///
/// # Errors
/// If that many threads cannot be started.
pub(super) fn measure(threads: usize, passes: usize) -> Result<BarrierCost, CeilingsError> {
    let mut pool = Pool::new(threads)?;
    let mut barrier = || seconds(|| pool.run(|worker| (0..TIMES).for_each(|_| worker.barrier()))) / TIMES as f64;
    barrier(); // wakes the threads
    let barrier_seconds = Samples::new((0..passes).map(|_| barrier()).collect());
    let mut dispatch = || seconds(|| (0..TIMES).for_each(|_| pool.run(|_| {}))) / TIMES as f64;
    let dispatch_seconds = Samples::new((0..passes).map(|_| dispatch()).collect());
    Ok(BarrierCost { threads, barrier_seconds, dispatch_seconds })
}
