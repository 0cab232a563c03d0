//! [`Barrier`]: threads wait until all of them have arrived.
//!
//! It is a counter of arrivals and the number of the current generation. The last thread to arrive resets the counter and
//! increments the generation; the others wait for that. They wait by spinning, because a layer of a small model takes a few
//! microseconds and a sleeping thread takes longer than that to wake. After a while they sleep.
//!
//! ```text
//!   arrived     0 → 1 → … → n−1 → n → 0        each thread adds one
//!   generation  g ────────────────────→ g+1    by the last one; the others leave when they see it
//! ```
//!
//! One thread can be the *leader*: instead of waiting it gathers the others, works alone while they wait, and releases them.
//! That is one barrier with a pause in its middle:
//!
//! ```text
//!   leader     gather ···│ alone │ release       the others' count reaches n−1; g → g+1 by the leader
//!   others     wait ·······················│
//! ```
//!
//! A barrier can be *broken*: a thread that will never arrive, because it panicked, releases all others with an error.
//!
//! The primitives come from `super::primitives`: the standard library's here, `loom`'s in `tests/loom`, which
//! compiles this very file and runs every interleaving of it.

use super::primitives::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, fence, spin_loop};

/// Puts a counter on cache lines of its own (two, since processors fetch them in pairs). Otherwise a thread that spins on one
/// counter slows down those that write to another (false sharing).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// A barrier for a fixed number of threads. It can be used any number of times.
#[derive(Debug)]
pub(crate) struct Barrier {
    n: usize,
    /// How often a thread looks before it sleeps.
    spins: usize,
    arrived: Padded<AtomicUsize>,
    generation: Padded<AtomicUsize>,
    broken: Padded<AtomicBool>,
    sleepers: Padded<AtomicUsize>,
    sleep_lock: Mutex<()>,
    wake_signal: Condvar,
}

/// The barrier is broken: some thread will never arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl Barrier {
    /// A barrier for `n` threads, each of which looks `spins` times before it sleeps.
    pub(crate) fn new(n: usize, spins: usize) -> Self {
        Self {
            n,
            spins,
            arrived: Padded(AtomicUsize::new(0)),
            generation: Padded(AtomicUsize::new(0)),
            broken: Padded(AtomicBool::new(false)),
            sleepers: Padded(AtomicUsize::new(0)),
            sleep_lock: Mutex::new(()),
            wake_signal: Condvar::new(),
        }
    }

    /// Waits for the others. What any thread wrote before this call, every thread can read after it.
    ///
    /// # Errors
    /// If the barrier is broken.
    pub(crate) fn wait(&self) -> Result<(), Broken> {
        // The generation cannot change before this thread has arrived, so this is the generation that it waits for.
        let generation = self.generation.0.load(Ordering::Relaxed);
        let arrived = self.arrived.0.fetch_add(1, Ordering::AcqRel) + 1;
        if arrived == self.n {
            self.release();
            return Ok(());
        }
        if arrived + 1 == self.n {
            self.wake(); // the leader may sleep
        }
        self.watch(|| self.generation.0.load(Ordering::Acquire) != generation)
    }

    /// Waits until all other threads wait. The caller is the leader: from here to [`Barrier::release`] it runs alone. It can
    /// read what the others wrote before they arrived.
    ///
    /// # Errors
    /// If the barrier is broken.
    pub(crate) fn gather(&self) -> Result<(), Broken> {
        self.watch(|| self.arrived.0.load(Ordering::Acquire) + 1 == self.n)
    }

    /// Releases the waiting threads. All of them must be waiting: they were gathered, or the caller is the last to arrive.
    pub(crate) fn release(&self) {
        self.arrived.0.store(0, Ordering::Relaxed);
        let generation = self.generation.0.load(Ordering::Relaxed); // no other thread writes it now
        self.generation.0.store(generation.wrapping_add(1), Ordering::Release);
        self.wake();
    }

    /// Releases all threads with an error, now and until [`Barrier::reset`].
    pub(crate) fn abort(&self) {
        self.broken.0.store(true, Ordering::Release);
        self.wake();
    }

    /// Makes a broken barrier usable again. No thread may be waiting.
    pub(crate) fn reset(&self) {
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

    /// Sleeps until waiting has ended. This thread first counts itself as a sleeper and then looks whether waiting has ended;
    /// the caller of [`Barrier::wake`] first ends it and then looks whether there are sleepers. The two fences guarantee that
    /// at least one of them sees what the other wrote. The mutex guarantees that the signal does not come between this
    /// thread's last look and its sleep, when it would be lost.
    fn sleep(&self, end: impl Fn() -> Option<Result<(), Broken>>) -> Result<(), Broken> {
        let mut guard = self.sleep_lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.sleepers.0.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let end = loop {
            if let Some(end) = end() {
                break end;
            }
            guard = self.wake_signal.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner());
        };
        self.sleepers.0.fetch_sub(1, Ordering::Relaxed);
        end
    }

    fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.sleepers.0.load(Ordering::Relaxed) > 0 {
            drop(self.sleep_lock.lock());
            self.wake_signal.notify_all();
        }
    }
}
