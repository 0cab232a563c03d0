//! The ceilings of this machine, measured now: bytes per second, operations per second, and how long threads take to
//! synchronise. The speed of a model can then be given as a share of them. A ceiling is called a *roof* where a speed is
//! compared with it, as in the roofline model (Williams, Waterman, Patterson 2009).
//!
//! | ceiling | how |
//! |---|---|
//! | [`Stream`] | a long range of memory is read by some threads, on small or on huge pages (`memory`) |
//! | [`SweepPoint`] | the same bytes are read again and again, for growing lengths: this shows the caches |
//! | [`Peak`] | multiply-adds whose operands are in registers (`compute`) |
//! | [`BarrierCost`] | the time of a barrier and of a dispatch of the pool (`barrier`) |
//! | [`Beside`] | reading and multiplying in slices between pieces of work, under the same conditions (`beside`) |
//!
//! **How usual mistakes are avoided.** Memory is written before it is read, so that no pass includes page faults. Every
//! number is the median of several passes, and all of them are kept. One stream and one peak are measured again at the end
//! ([`Drift`]): if the machine became faster or slower in between, the ceilings cannot be trusted.
//!
//! Look first at [`measure`]. What is deliberately not here: theoretical peaks, which real machines do not reach, and
//! hardware counters, which need privileges. The loops themselves are in [`crate::kernels::probe`].

mod barrier;
mod beside;
mod compute;
mod front_end;
mod memory;

pub use beside::Beside;
pub use front_end::instructions_per_cycle;

use super::statistics::Samples;
use crate::kernels::probe::Probes;
use crate::optimized::pool::{ThreadsError, available_cores};
use serde::Serialize;
use std::time::Instant;

/// What to measure, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CeilingsOptions {
    /// Numbers of threads; 1 is always among those measured.
    pub threads: Vec<usize>,
    /// Lengths of the streams in bytes. A model that reads 96 MB per token is compared with a stream of 96 MB, because a
    /// cache may hold a part of it.
    pub stream_bytes: Vec<usize>,
    /// Passes per number, of which the median is taken; 0 counts as 1.
    pub passes: usize,
}

impl Default for CeilingsOptions {
    /// One thread to all cores, 256 MB, the median of five.
    fn default() -> Self {
        Self { threads: (1..=available_cores()).collect(), stream_bytes: vec![256 << 20], passes: 5 }
    }
}

/// Why the ceilings could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum CeilingsError {
    /// No memory to stream.
    #[error("no memory for a stream of {bytes} bytes; ask for a shorter one")]
    Memory {
        /// What was asked for.
        bytes: usize,
        /// What the system says.
        source: std::io::Error,
    },
    /// That many threads cannot be started.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// The stream is too short.
    #[error("a stream of {bytes} bytes is too short to be timed; expected at least {least}")]
    TooShort {
        /// What was asked for.
        bytes: usize,
        /// The shortest.
        least: usize,
    },
}

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Ceilings {
    /// The instruction set of the probes.
    pub instructions: &'static str,
    /// The instructions that multiply bytes.
    pub dot_by: &'static str,
    /// The instructions that multiply floats.
    pub fma_by: &'static str,
    /// Reading memory.
    pub streams: Vec<Stream>,
    /// Reading the same bytes again and again, for growing lengths, on one thread.
    pub sweep: Vec<SweepPoint>,
    /// Multiply-adds of bytes.
    pub dot: Vec<Peak>,
    /// Multiply-adds of f32.
    pub fma: Vec<Peak>,
    /// Barriers and dispatches of two threads and more.
    pub barriers: Vec<BarrierCost>,
    /// What was measured twice.
    pub drifts: Vec<Drift>,
}

/// How fast memory is read.
#[derive(Debug, Clone, Serialize)]
pub struct Stream {
    /// Threads. Each reads its own part.
    pub threads: usize,
    /// The size of pages that was asked for: `4 KB` or `2 MB`. The system may give smaller ones.
    pub pages: &'static str,
    /// Length in bytes.
    pub bytes: usize,
    /// Of all threads together.
    pub bytes_per_second: Samples,
}

/// How fast one thread reads the same `bytes` over and over.
#[derive(Debug, Clone, Serialize)]
pub struct SweepPoint {
    /// Length in bytes.
    pub bytes: usize,
    /// The speed.
    pub bytes_per_second: Samples,
}

/// How fast multiply-adds are done. A multiply-add is two operations.
#[derive(Debug, Clone, Serialize)]
pub struct Peak {
    /// Threads.
    pub threads: usize,
    /// Of all threads together.
    pub operations_per_second: Samples,
}

/// How long threads take to synchronise.
#[derive(Debug, Clone, Serialize)]
pub struct BarrierCost {
    /// Threads, at least two.
    pub threads: usize,
    /// One barrier within a job.
    pub barrier_seconds: Samples,
    /// One job of the pool that does nothing: starting it on every thread, and waiting until all are done.
    pub dispatch_seconds: Samples,
}

/// One ceiling, measured at the beginning and again at the end.
#[derive(Debug, Clone, Serialize)]
pub struct Drift {
    /// Which ceiling: `stream`, `dot`.
    pub what: &'static str,
    /// The median at the beginning.
    pub before: f64,
    /// The median at the end.
    pub after: f64,
}

impl Drift {
    /// The largest relative change of a steady machine.
    const TOLERATED: f64 = 0.1;

    /// Whether both measurements agree within 10 %.
    pub fn is_steady(&self) -> bool {
        (self.after / self.before - 1.0).abs() <= Self::TOLERATED
    }
}

/// Measures everything, which takes some seconds. `on_progress` is called with the name of each step when it begins.
///
/// # Errors
/// If there is no memory for the streams, if one is too short, or if that many threads cannot be started.
pub fn measure(options: &CeilingsOptions, mut on_progress: impl FnMut(&str)) -> Result<Ceilings, CeilingsError> {
    let (probes, passes) = (Probes::detect(), options.passes.max(1));
    let mut threads = options.threads.clone();
    threads.push(1);
    threads.retain(|&n| n > 0);
    threads.sort_unstable();
    threads.dedup();

    on_progress("reading memory");
    let mut streams = Vec::new();
    for &bytes in &options.stream_bytes {
        streams.extend(memory::streams(&probes, &threads, bytes, passes)?);
    }
    on_progress("multiplying");
    let peaks = |work| threads.iter().map(|&n| compute::peak(work, n, passes)).collect::<Result<Vec<_>, _>>();
    let (dot, fma) = (peaks(probes.dot)?, peaks(probes.fma)?);
    on_progress("reading caches");
    let longest = options.stream_bytes.iter().copied().max().unwrap_or(memory::SHORTEST);
    let sweep = memory::sweep(&probes, longest, passes)?;
    on_progress("synchronising threads");
    let barriers = threads.iter().filter(|&&n| n > 1);
    let barriers = barriers.map(|&n| barrier::measure(n, passes)).collect::<Result<_, _>>()?;

    on_progress("measuring again");
    let mut drifts = Vec::new();
    if let Some(first) = streams.iter().find(|stream| stream.threads == 1 && stream.pages == memory::HUGE) {
        let again = memory::streams(&probes, &[1], first.bytes, passes)?;
        let again =
            again.iter().find(|stream| stream.pages == memory::HUGE).map(|stream| stream.bytes_per_second.median);
        let (before, after) = (first.bytes_per_second.median, again.unwrap_or(f64::NAN));
        drifts.push(Drift { what: "stream", before, after });
    }
    let after = compute::peak(probes.dot, 1, passes)?.operations_per_second.median;
    drifts.push(Drift { what: "dot", before: dot[0].operations_per_second.median, after });

    let Probes { name: instructions, dot_by, fma_by, .. } = probes;
    Ok(Ceilings { instructions, dot_by, fma_by, streams, sweep, dot, fma, barriers, drifts })
}

impl Ceilings {
    /// Bytes per second that so many threads can read of a working set of about `bytes`: the speed of the stream whose
    /// length is nearest, on the faster kind of pages. `None` if that number of threads was not measured.
    pub fn read_roof(&self, threads: usize, bytes: u64) -> Option<f64> {
        let distance = |stream: &Stream| (stream.bytes as f64 / bytes.max(1) as f64).ln().abs();
        let of_threads = || self.streams.iter().filter(|stream| stream.threads == threads);
        let nearest = of_threads().min_by(|a, b| distance(a).total_cmp(&distance(b)))?.bytes;
        let same_length = of_threads().filter(|stream| stream.bytes == nearest);
        same_length.map(|stream| stream.bytes_per_second.median).max_by(f64::total_cmp)
    }

    /// Whether the ceilings can be trusted: what was measured twice did not change, and the passes of every roof agree with
    /// each other.
    pub fn is_steady(&self) -> bool {
        let streams = self.streams.iter().map(|stream| &stream.bytes_per_second);
        let mut roofs = streams.chain(self.dot.iter().chain(&self.fma).map(|peak| &peak.operations_per_second));
        self.drifts.iter().all(Drift::is_steady) && roofs.all(|samples| samples.spread() <= Drift::TOLERATED)
    }

    /// Operations on bytes per second by so many threads.
    pub fn dot_roof(&self, threads: usize) -> Option<f64> {
        roof(&self.dot, threads)
    }

    /// Operations on f32 per second by so many threads.
    pub fn fma_roof(&self, threads: usize) -> Option<f64> {
        roof(&self.fma, threads)
    }
}

fn roof(peaks: &[Peak], threads: usize) -> Option<f64> {
    peaks.iter().find(|peak| peak.threads == threads).map(|peak| peak.operations_per_second.median)
}

/// Seconds that `work` takes.
fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let started = Instant::now();
    std::hint::black_box(work());
    started.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests;
