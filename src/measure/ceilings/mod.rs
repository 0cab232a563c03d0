//! The ceilings of this machine, measured now: how many bytes a second, how many operations a second, how long threads
//! take to meet. Every speed of a model can then be said as a share of what was possible.
//!
//! | ceiling | how |
//! |---|---|
//! | [`Stream`] | reads of a long stretch of memory, by some threads, on small or huge pages (`memory`) |
//! | [`SweepPoint`] | the same for ever longer stretches, read again and again: the caches become visible |
//! | [`Peak`] | multiply-adds that touch nothing but registers (`compute`) |
//! | [`BarrierCost`] | what a barrier and a dispatch of the pool take (`meeting`) |
//!
//! **What is done against the usual mistakes.** Memory is written before it is read, so that no pass pays for page
//! faults. Every number is the median of several passes, all of which are kept. The first two ceilings are measured again at
//! the end ([`Drift`]): where the machine has become faster or slower meanwhile, the shares are worth as little as the
//! ceilings.
//!
//! Look first at [`measure`]. What is deliberately not here: theoretical peaks, which no machine has heard of, and hardware
//! counters, which need privileges. The loops themselves are [`crate::kernels::probe`].

mod compute;
mod meeting;
mod memory;

use super::statistics::Samples;
use crate::kernels::probe::Probes;
use crate::optimized::pool::{ThreadsError, available_cores};
use serde::Serialize;
use std::time::Instant;

/// What to measure, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Numbers of threads; 1 is always among those measured.
    pub threads: Vec<usize>,
    /// Lengths of the streams. A model that streams 96 MB a token meets the roof of 96 MB, of which a cache may hold a part.
    pub stream_bytes: Vec<usize>,
    /// Passes of which the median is taken; 0 counts as 1.
    pub passes: usize,
}

impl Default for Options {
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
    /// There are not so many threads.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// A stream of nothing.
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
    /// Reading a growing stretch, one thread.
    pub sweep: Vec<SweepPoint>,
    /// Multiply-adds of bytes.
    pub dot: Vec<Peak>,
    /// Multiply-adds of f32.
    pub fma: Vec<Peak>,
    /// Meetings of two threads and more.
    pub meetings: Vec<BarrierCost>,
    /// What was measured twice.
    pub drifts: Vec<Drift>,
}

/// How fast memory is read.
#[derive(Debug, Clone, Serialize)]
pub struct Stream {
    /// Threads, each reading its own part.
    pub threads: usize,
    /// `4 KB` or `2 MB`, the latter as far as the system grants it.
    pub pages: &'static str,
    /// Length.
    pub bytes: usize,
    /// Of all threads together.
    pub bytes_per_second: Samples,
}

/// How fast one thread reads the same `bytes` over and over.
#[derive(Debug, Clone, Serialize)]
pub struct SweepPoint {
    /// Length.
    pub bytes: usize,
    /// The speed.
    pub bytes_per_second: Samples,
}

/// How fast multiply-adds are done. One of them is two operations.
#[derive(Debug, Clone, Serialize)]
pub struct Peak {
    /// Threads.
    pub threads: usize,
    /// Of all threads together.
    pub operations_per_second: Samples,
}

/// How long threads take to meet.
#[derive(Debug, Clone, Serialize)]
pub struct BarrierCost {
    /// Threads, at least two.
    pub threads: usize,
    /// One barrier within a job.
    pub barrier_seconds: Samples,
    /// One empty job of the pool: a barrier in whose middle the caller is alone.
    pub dispatch_seconds: Samples,
}

/// One ceiling, measured first and measured last.
#[derive(Debug, Clone, Serialize)]
pub struct Drift {
    /// What: `stream`, `dot`.
    pub what: &'static str,
    /// The median at the beginning.
    pub before: f64,
    /// The median at the end.
    pub after: f64,
}

impl Drift {
    /// How much may change before the numbers should not be trusted.
    const TOLERATED: f64 = 0.1;

    /// Whether the machine stayed as fast as it was, within 10 %.
    pub fn is_steady(&self) -> bool {
        (self.after / self.before - 1.0).abs() <= Self::TOLERATED
    }
}

/// Measures everything, which takes some seconds. `tell` hears what is being measured.
///
/// # Errors
/// If there is no memory for the streams, if one is too short, or if there are not so many threads.
pub fn measure(options: &Options, mut tell: impl FnMut(&str)) -> Result<Ceilings, CeilingsError> {
    let (probes, passes) = (Probes::detect(), options.passes.max(1));
    let mut threads = options.threads.clone();
    threads.push(1);
    threads.retain(|&n| n > 0);
    threads.sort_unstable();
    threads.dedup();

    tell("reading memory");
    let mut streams = Vec::new();
    for &bytes in &options.stream_bytes {
        streams.extend(memory::streams(&probes, &threads, bytes, passes)?);
    }
    tell("multiplying");
    let peaks = |work| threads.iter().map(|&n| compute::peak(work, n, passes)).collect::<Result<Vec<_>, _>>();
    let (dot, fma) = (peaks(probes.dot)?, peaks(probes.fma)?);
    tell("reading caches");
    let longest = options.stream_bytes.iter().copied().max().unwrap_or(memory::SHORTEST);
    let sweep = memory::sweep(&probes, longest, passes)?;
    tell("meeting");
    let meetings = threads.iter().filter(|&&n| n > 1);
    let meetings = meetings.map(|&n| meeting::meeting(n, passes)).collect::<Result<_, _>>()?;

    tell("looking again");
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
    Ok(Ceilings { instructions, dot_by, fma_by, streams, sweep, dot, fma, meetings, drifts })
}

impl Ceilings {
    /// Bytes per second that so many threads can read of a working set about this large: the better kind of pages, the
    /// stream whose length is nearest. `None` if that many threads were not measured.
    pub fn read_roof(&self, threads: usize, bytes: u64) -> Option<f64> {
        let distance = |stream: &Stream| (stream.bytes as f64 / bytes.max(1) as f64).ln().abs();
        let of_threads = || self.streams.iter().filter(|stream| stream.threads == threads);
        let nearest = of_threads().min_by(|a, b| distance(a).total_cmp(&distance(b)))?.bytes;
        let as_long = of_threads().filter(|stream| stream.bytes == nearest);
        as_long.map(|stream| stream.bytes_per_second.median).max_by(f64::total_cmp)
    }

    /// Whether the shares of these roofs can be trusted: what was measured twice stayed the same, and the passes of what
    /// serves as a roof agree with each other.
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
