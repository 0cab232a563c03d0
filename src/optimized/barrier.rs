//! [`Barrier`]: everybody waits until everybody is there.
//!
//! A counter of arrivals and a number of the current generation. The last to arrive starts the counter again and
//! moves the generation on, which is what the others are watching. They watch by spinning, because a layer of a small
//! model takes a few microseconds and a sleeping thread takes longer than that to wake; after a while they sleep.
//!
//! ```text
//!   arrived     0 → 1 → … → n−1 → n → 0        each thread adds one
//!   generation  g ────────────────────→ g+1    by the last one; the others leave when they see it
//! ```
//!
//! A barrier can be *broken*: a thread that will never arrive (it panicked) lets everybody go.
//!
//! The primitives come from `super::primitives`: the standard library's here, `loom`'s in `tests/barrier_loom.rs`, which
//! compiles this very file and runs every interleaving of it.

use super::primitives::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, fence, spin_loop};

/// Keeps what it holds on cache lines of its own (two, since processors fetch them in pairs): a thread that spins on
/// one counter must not slow down those that write to another.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

/// A meeting point for a fixed number of threads, used again and again.
#[derive(Debug)]
pub(crate) struct Barrier {
    n: usize,
    /// How often to look before going to sleep.
    spins: usize,
    arrived: Padded<AtomicUsize>,
    generation: Padded<AtomicUsize>,
    broken: Padded<AtomicBool>,
    sleepers: Padded<AtomicUsize>,
    bed: Mutex<()>,
    alarm: Condvar,
}

/// Some thread will never arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl Barrier {
    /// A barrier for `n` threads, each of which looks `spins` times before it goes to sleep.
    pub(crate) fn new(n: usize, spins: usize) -> Self {
        Self {
            n,
            spins,
            arrived: Padded(AtomicUsize::new(0)),
            generation: Padded(AtomicUsize::new(0)),
            broken: Padded(AtomicBool::new(false)),
            sleepers: Padded(AtomicUsize::new(0)),
            bed: Mutex::new(()),
            alarm: Condvar::new(),
        }
    }

    /// Waits for the others. What any thread wrote before this call, every thread can read after it.
    ///
    /// # Errors
    /// If the barrier is broken: not everybody came.
    pub(crate) fn wait(&self) -> Result<(), Broken> {
        // Nobody can move the generation on before we have arrived, so this is the one we wait for the end of.
        let generation = self.generation.0.load(Ordering::Relaxed);
        if self.arrived.0.fetch_add(1, Ordering::AcqRel) + 1 == self.n {
            self.arrived.0.store(0, Ordering::Relaxed);
            self.generation.0.store(generation.wrapping_add(1), Ordering::Release);
            self.wake();
            return Ok(());
        }
        for _ in 0..self.spins {
            if let Some(end) = self.over(generation) {
                return end;
            }
            spin_loop();
        }
        self.sleep(generation)
    }

    /// Lets everybody go, now and until [`Barrier::mend`].
    pub(crate) fn break_up(&self) {
        self.broken.0.store(true, Ordering::Release);
        self.wake();
    }

    /// Makes a broken barrier whole. Nobody may be waiting.
    pub(crate) fn mend(&self) {
        if self.is_broken() {
            self.arrived.0.store(0, Ordering::Relaxed);
            self.broken.0.store(false, Ordering::Release);
        }
    }

    fn is_broken(&self) -> bool {
        self.broken.0.load(Ordering::Acquire)
    }

    /// How waiting ended, if it has.
    fn over(&self, generation: usize) -> Option<Result<(), Broken>> {
        if self.generation.0.load(Ordering::Acquire) != generation {
            return Some(Ok(()));
        }
        self.is_broken().then_some(Err(Broken))
    }

    /// Sleeps until waiting is over. We write "I sleep" and then look whether it is over; [`Barrier::wake`] is called
    /// by one who wrote "it is over" and then looks whether anybody sleeps. The two fences forbid that both look too
    /// early, and the mutex that the alarm rings between our look and our sleep.
    fn sleep(&self, generation: usize) -> Result<(), Broken> {
        let mut bed = self.bed.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.sleepers.0.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let end = loop {
            if let Some(end) = self.over(generation) {
                break end;
            }
            bed = self.alarm.wait(bed).unwrap_or_else(|poisoned| poisoned.into_inner());
        };
        self.sleepers.0.fetch_sub(1, Ordering::Relaxed);
        end
    }

    fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.sleepers.0.load(Ordering::Relaxed) > 0 {
            drop(self.bed.lock());
            self.alarm.notify_all();
        }
    }
}
