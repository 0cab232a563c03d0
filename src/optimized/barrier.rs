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
//! Where one of them has something to do that the others wait for, it *leads*: instead of waiting it gathers the others,
//! works alone while they stand still, and releases them. That is one barrier with a pause in its middle:
//!
//! ```text
//!   leader     gather ···│ alone │ release       the others' count reaches n−1; g → g+1 by the leader
//!   others     wait ·······················│
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
        let arrived = self.arrived.0.fetch_add(1, Ordering::AcqRel) + 1;
        if arrived == self.n {
            self.release();
            return Ok(());
        }
        if arrived + 1 == self.n {
            self.wake(); // it may be the leader who sleeps
        }
        self.watch(|| self.generation.0.load(Ordering::Acquire) != generation)
    }

    /// Waits until everybody else waits. The caller leads: what it does from here to [`Barrier::release`], nobody sees
    /// half done. What the others wrote before they came, it can read.
    ///
    /// # Errors
    /// If the barrier is broken.
    pub(crate) fn gather(&self) -> Result<(), Broken> {
        self.watch(|| self.arrived.0.load(Ordering::Acquire) + 1 == self.n)
    }

    /// Lets those go who wait. Everybody must: they have been gathered, or the caller is the last to arrive.
    pub(crate) fn release(&self) {
        self.arrived.0.store(0, Ordering::Relaxed);
        let generation = self.generation.0.load(Ordering::Relaxed); // nobody else writes it now
        self.generation.0.store(generation.wrapping_add(1), Ordering::Release);
        self.wake();
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

    /// Waits until `over`, or until the barrier is broken: first by looking, then asleep.
    fn watch(&self, over: impl Fn() -> bool) -> Result<(), Broken> {
        let end = || if over() { Some(Ok(())) } else { self.is_broken().then_some(Err(Broken)) };
        for _ in 0..self.spins {
            if let Some(end) = end() {
                return end;
            }
            spin_loop();
        }
        self.sleep(end)
    }

    /// Sleeps until waiting has ended. We write "I sleep" and then look whether it has; [`Barrier::wake`] is called by one
    /// who wrote "it has" and then looks whether anybody sleeps. The two fences forbid that both look too early, and the
    /// mutex that the alarm rings between our look and our sleep.
    fn sleep(&self, end: impl Fn() -> Option<Result<(), Broken>>) -> Result<(), Broken> {
        let mut bed = self.bed.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.sleepers.0.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let end = loop {
            if let Some(end) = end() {
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
