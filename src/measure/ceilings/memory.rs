//! The speed of reading memory and caches.

use super::{CeilingsError, Stream, SweepPoint, seconds};
use crate::kernels::probe::Probes;
use crate::measure::statistics::Samples;
use crate::optimized::arena::{Arena, Pages};
use crate::optimized::pool::{Pool, SharedSlice};
use std::hint::black_box;
use std::ops::Range;

/// The size of a small page. Each thread's part of a stream is a multiple of it.
const PAGE: usize = 4096;
/// The shortest stream: the first point of the sweep.
pub(super) const SHORTEST: usize = 16 << 10;
/// Bytes that a pass of the sweep reads at least: one or two milliseconds.
const PER_PASS: usize = 64 << 20;
/// The name of the larger pages in [`Stream::pages`].
pub(super) const HUGE: &str = "2 MB";

/// Memory that has been written, so that reading it causes no page faults.
pub(super) fn touched(pages: Pages, bytes: usize) -> Result<(Arena, Range<usize>), CeilingsError> {
    if bytes < SHORTEST {
        return Err(CeilingsError::TooShort { bytes, least: SHORTEST });
    }
    let mut arena = Arena::on(pages, bytes).map_err(|source| CeilingsError::Memory { bytes, source })?;
    let (range, memory) = arena.take(bytes);
    let shared = SharedSlice::new(memory);
    Pool::new(crate::optimized::pool::available_cores())?.run(|worker| {
        shared.claim(worker.slice(bytes, PAGE)).fill(1 + worker.index as u8);
    });
    Ok((arena, range))
}

/// Streams of one length: on small and on huge pages, for each number of threads.
pub(super) fn streams(
    probes: &Probes,
    threads: &[usize],
    bytes: usize,
    passes: usize,
) -> Result<Vec<Stream>, CeilingsError> {
    let mut streams = Vec::new();
    for (pages, name) in [(Pages::Small, "4 KB"), (Pages::Huge, HUGE)] {
        let (arena, range) = touched(pages, bytes)?;
        let memory = arena.bytes(&range);
        for &threads in threads {
            let mut pool = Pool::new(threads)?;
            let mut pass = || {
                let work = || pool.run(|worker| _ = black_box((probes.read)(&memory[worker.slice(bytes, PAGE)])));
                bytes as f64 / seconds(work)
            };
            pass(); // wakes the threads
            let samples = (0..passes).map(|_| pass()).collect();
            streams.push(Stream { threads, pages: name, bytes, bytes_per_second: Samples::new(samples) });
        }
    }
    Ok(streams)
}

/// The speed at which one thread reads the same bytes again and again, for 16 KB, 32 KB, … up to `longest`.
pub(super) fn sweep(probes: &Probes, longest: usize, passes: usize) -> Result<Vec<SweepPoint>, CeilingsError> {
    let (arena, range) = touched(Pages::Huge, longest)?;
    let memory = arena.bytes(&range);
    let lengths = std::iter::successors(Some(SHORTEST), |bytes| bytes.checked_mul(2)).take_while(|&n| n <= longest);
    let point = |bytes: usize| {
        let (part, times) = (&memory[..bytes], PER_PASS.div_ceil(bytes));
        let read = || (0..times).fold(0_u64, |sum, _| sum.wrapping_add((probes.read)(black_box(part))));
        read(); // loads it into a cache, if one is large enough
        let samples = (0..passes).map(|_| (times * bytes) as f64 / seconds(read)).collect();
        SweepPoint { bytes, bytes_per_second: Samples::new(samples) }
    };
    Ok(lengths.map(point).collect())
}
