//! [`Beside`]: probes that run in slices between pieces of work.
//!
//! A processor that is shared, or that changes its clock, is faster in one second than in the next. A roof that was measured
//! before the work is then not the roof under which the work ran. So probe and work take turns, every few milliseconds.

use super::memory::touched;
use super::{CeilingsError, seconds};
use crate::kernels::probe::Probes;
use crate::optimized::arena::{Arena, Pages};
use crate::optimized::pool::Pool;
use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Memory to read and threads to read it with.
pub struct Beside {
    probes: Probes,
    pool: Pool,
    arena: Arena,
    range: Range<usize>,
}

impl Beside {
    /// Probes on so many threads; the stream is `bytes` long.
    ///
    /// # Errors
    /// If there is no memory for the stream or it is too short, or if that many threads cannot be started.
    pub fn new(threads: usize, bytes: usize) -> Result<Self, CeilingsError> {
        let (arena, range) = touched(Pages::Huge, bytes)?;
        Ok(Self { probes: Probes::detect(), pool: Pool::new(threads)?, arena, range })
    }

    /// Threads of the probes.
    pub fn threads(&self) -> usize {
        self.pool.n_threads()
    }

    /// Reads the stream once: bytes per second.
    pub fn read(&mut self) -> f64 {
        let (memory, read) = (self.arena.bytes(&self.range), self.probes.read);
        let pool = &mut self.pool;
        let time = seconds(|| pool.run(|worker| _ = black_box(read(&memory[worker.slice(memory.len(), 4096)]))));
        memory.len() as f64 / time
    }

    /// Multiplies bytes whose operands are in registers, for about a millisecond: operations per second.
    pub fn dot(&mut self) -> f64 {
        self.peak(self.probes.dot)
    }

    /// Multiplies floats likewise.
    pub fn fma(&mut self) -> f64 {
        self.peak(self.probes.fma)
    }

    fn peak(&mut self, work: fn(usize) -> u64) -> f64 {
        let mut rounds = 1 << 10;
        while rounds < 1 << 20 && seconds(|| work(rounds)) < 5e-4 {
            rounds *= 2;
        }
        let done = AtomicU64::new(0);
        let pool = &mut self.pool;
        let time = seconds(|| pool.run(|_| _ = done.fetch_add(work(rounds), Ordering::Relaxed)));
        2.0 * done.into_inner() as f64 / time
    }
}
