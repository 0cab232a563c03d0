//! How long threads take to meet, which every layer of a model does several times.

use super::{BarrierCost, CeilingsError, seconds};
use crate::measure::statistics::Samples;
use crate::optimized::pool::Pool;

/// Meetings in a pass.
const TIMES: usize = 2000;

/// Barriers and dispatches of a pool of so many threads.
///
/// # Errors
/// If there are not so many threads.
pub(super) fn meeting(threads: usize, passes: usize) -> Result<BarrierCost, CeilingsError> {
    let mut pool = Pool::new(threads)?;
    let mut barrier = || seconds(|| pool.run(|worker| (0..TIMES).for_each(|_| worker.barrier()))) / TIMES as f64;
    barrier(); // wakes the threads
    let barrier_seconds = Samples::new((0..passes).map(|_| barrier()).collect());
    let mut dispatch = || seconds(|| (0..TIMES).for_each(|_| pool.run(|_| {}))) / TIMES as f64;
    let dispatch_seconds = Samples::new((0..passes).map(|_| dispatch()).collect());
    Ok(BarrierCost { threads, barrier_seconds, dispatch_seconds })
}
