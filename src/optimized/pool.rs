//! [`Pool`]: a fixed number of threads that all run the same program, each on its own part of the data (SPMD).
//!
//! The pool is little more than a [`Barrier`](super::barrier) and a closure. Between two jobs all workers wait at one
//! barrier, and the caller, its leader, has the data for itself. A job begins when the caller releases the workers and is done
//! when it has gathered them again, so **a job costs one barrier**. Within the closure workers may wait for each other
//! ([`Worker::barrier`]), so that several steps can be one job. Look first at [`Pool::run`].
//!
//! Workers write to one buffer through [`SharedSlice`]: each claims its own part of it, and debug builds check that no two
//! parts overlap.
//!
//! On request it keeps the time at which each worker began and ended its part of a job ([`Pool::time_jobs`]): every worker
//! writes to a place of its own, without a lock.
//!
//! What it deliberately does not do: steal work or balance loads. Shares follow from the worker's number, so nothing is
//! allocated, nothing is queued, and a result never depends on which worker was faster.

#![allow(unsafe_code)] // two invariants that the borrow checker cannot see: see `Job` and `SharedSlice`

use super::barrier::{Barrier, Broken, Padded};
use crate::observe::ThreadSpan;
use std::any::Any;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Looks before a waiting worker sleeps, about 50 µs. With more threads than cores, spinning takes time from the threads that
/// work.
const SPINS: usize = 1500;

/// Most threads of a pool. A thread takes four memory mappings, and Linux limits the mappings of a process; near that limit
/// the attempt to start a thread ends the process instead of returning an error.
const MAX_THREADS: usize = 4096;

/// What all workers run: a closure on the caller's stack whose lifetime has been forgotten.
type Job = *const (dyn Fn(Worker<'_>) + Sync);

/// What the caller and the workers share.
struct Shared {
    n_threads: usize,
    /// Where workers wait between two jobs; the caller is its leader. It is broken when the pool is dropped.
    between: Barrier,
    /// Where workers wait for each other within a job. A worker that panics breaks it.
    within: Barrier,
    job: UnsafeCell<Option<Job>>,
    /// The first panic of the current job.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Whether workers keep the times of their jobs. It changes between jobs only.
    timed: AtomicBool,
    /// The times of each worker in the current job.
    times: Vec<Padded<JobTimes>>,
    /// Times are counted from here.
    origin: Instant,
}

/// When a worker began and ended its part of a job and how long it waited in it, in nanoseconds since [`Shared::origin`].
/// Only that worker writes them, and the caller reads them after it has gathered the workers, which orders memory.
#[derive(Debug, Default)]
struct JobTimes {
    start: AtomicU64,
    end: AtomicU64,
    waited: AtomicU64,
}

// SAFETY: `job` is the only field that is not `Sync` and `Send` by itself. The caller writes it only while all workers
// are gathered at `between`, the workers read it only after their release, and the barrier orders memory.
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer is read only while the closure that it points to is alive.
unsafe impl Send for Shared {}

/// Threads that run one closure together. The thread that owns the pool is one of them.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// What the workers did in the jobs since the last [`Pool::time_jobs`] or [`Pool::forget_spans`].
    spans: Vec<ThreadSpan>,
}

/// One of the threads that run a job: its number, and the barrier at which it waits for the others.
#[derive(Clone, Copy)]
pub struct Worker<'a> {
    /// Number of this worker, `0..n_threads`; 0 is the caller.
    pub index: usize,
    /// How many there are.
    pub n_threads: usize,
    shared: &'a Shared,
}

/// Why there is no pool of so many threads.
#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    /// More than any machine has use for.
    #[error("{asked} threads are too many: expected at most {MAX_THREADS}, best as many as there are cores")]
    TooMany {
        /// What was asked for.
        asked: usize,
    },
    /// The system did not start so many.
    #[error("the system started only {given} of {asked} threads; use as many threads as there are cores, or fewer")]
    Refused {
        /// What was asked for.
        asked: usize,
        /// How many were started, the caller's among them.
        given: usize,
        /// What the system says.
        source: std::io::Error,
    },
}

/// The panic of a worker that was waiting for one that panicked. It is not reported, because the first panic is.
struct AnotherPanicked;

impl Pool {
    /// A pool of `n_threads` threads, the caller among them; 0 counts as 1. More threads than cores are allowed, and
    /// slower.
    ///
    /// # Errors
    /// If there are too many, or more than the system has to give.
    pub fn new(n_threads: usize) -> Result<Self, ThreadsError> {
        let n_threads = n_threads.max(1);
        if n_threads > MAX_THREADS {
            return Err(ThreadsError::TooMany { asked: n_threads });
        }
        let spins = if n_threads <= available_cores() { SPINS } else { 16 };
        let shared = Arc::new(Shared::new(n_threads, spins));
        let mut pool = Self { shared, threads: Vec::new(), spans: Vec::new() };
        for index in 1..n_threads {
            let shared = Arc::clone(&pool.shared);
            let thread = std::thread::Builder::new().name(format!("worker {index}"));
            let (started, has_started) = std::sync::mpsc::channel();
            let thread = thread.spawn(move || {
                let _ = started.send(());
                work(&shared, index);
            });
            // The threads that have started wait for the others; dropping the pool ends them.
            pool.threads.push(thread.map_err(|source| ThreadsError::Refused {
                asked: n_threads,
                given: index,
                source,
            })?);
            // One after the other: a thread that starts while the next one takes the last memory for its stack finds none for
            // its signal stack, and the standard library then ends the process.
            let _ = has_started.recv();
        }
        expect_whole(pool.shared.between.gather());
        Ok(pool)
    }

    /// Number of threads, the caller among them.
    pub fn n_threads(&self) -> usize {
        self.shared.n_threads
    }

    /// Runs `program` on all threads and returns when all of them are through. A panic in any of them is passed on to
    /// the caller, after the others have stopped at their next barrier.
    ///
    /// The pool is borrowed mutably because one job runs at a time.
    pub fn run(&mut self, program: impl Fn(Worker<'_>) + Sync) {
        if self.threads.is_empty() {
            self.shared.timed(0, || program(Worker { index: 0, n_threads: 1, shared: &self.shared }));
            return self.keep_spans();
        }
        let program: &(dyn Fn(Worker<'_>) + Sync) = &program;
        // SAFETY: only the lifetime changes. The pointer is read between the workers' release and their return, and this
        // function does not return, nor unwind, before it has gathered them; so `program` outlives every use.
        let job = unsafe { std::mem::transmute::<*const (dyn Fn(Worker<'_>) + Sync + '_), Job>(program) };
        // SAFETY: all workers are gathered, since this pool was made or since its last job; so no other thread reads `job` now.
        unsafe { *self.shared.job.get() = Some(job) };

        self.shared.between.release();
        self.shared.run_job(0);
        expect_whole(self.shared.between.gather());

        self.shared.within.reset();
        self.keep_spans();
        let panicked = self.shared.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }

    /// From now on, keeps what each worker does in each job, or stops to. Nothing is kept so far.
    pub fn time_jobs(&mut self, on: bool) {
        self.shared.timed.store(on, Ordering::Relaxed); // the barrier orders it before the next job
        self.spans.clear();
    }

    /// What the workers did in the jobs that were kept, job by job.
    pub fn spans(&self) -> &[ThreadSpan] {
        &self.spans
    }

    /// Starts an empty list of spans.
    pub fn forget_spans(&mut self) {
        self.spans.clear();
    }

    /// Copies the times of the job that is over.
    fn keep_spans(&mut self) {
        let Shared { timed, times, origin, .. } = &*self.shared;
        if !timed.load(Ordering::Relaxed) {
            return;
        }
        let at = |time: &AtomicU64| Duration::from_nanos(time.load(Ordering::Relaxed));
        self.spans.extend(times.iter().enumerate().map(|(thread, Padded(times))| ThreadSpan {
            thread,
            start: *origin + at(&times.start),
            end: *origin + at(&times.end),
            waited: at(&times.waited),
        }));
    }
}

/// Only `drop` breaks `between`.
fn expect_whole(gathered: Result<(), Broken>) {
    debug_assert_eq!(gathered, Ok(()));
}

/// The whole life of a worker thread.
fn work(shared: &Shared, index: usize) {
    while shared.between.wait() == Ok(()) {
        shared.run_job(index);
    }
}

impl Shared {
    fn new(n_threads: usize, spins: usize) -> Self {
        Self {
            n_threads,
            between: Barrier::new(n_threads, spins),
            within: Barrier::new(n_threads, spins),
            job: UnsafeCell::new(None),
            panic: Mutex::new(None),
            timed: AtomicBool::new(false),
            times: (0..n_threads).map(|_| Padded::default()).collect(),
            origin: Instant::now(),
        }
    }

    /// This thread's part of the job. If it panics, the reason is kept for the caller and the other workers are released.
    fn run_job(&self, index: usize) {
        // SAFETY: the workers are released and not all gathered again, so no thread writes `job`.
        let Some(job) = (unsafe { *self.job.get() }) else { return };
        // SAFETY: the closure lives until all threads are through with it.
        let program = unsafe { &*job };
        let worker = Worker { index, n_threads: self.n_threads, shared: self };
        if let Err(reason) = catch_unwind(AssertUnwindSafe(|| self.timed(index, || program(worker)))) {
            if !reason.is::<AnotherPanicked>() {
                self.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(reason);
            }
            self.within.abort();
        }
    }

    /// Runs a worker's part of a job, and keeps its times if somebody wants them.
    fn timed(&self, index: usize, work: impl FnOnce()) {
        if !self.timed.load(Ordering::Relaxed) {
            return work();
        }
        let Padded(times) = &self.times[index];
        times.waited.store(0, Ordering::Relaxed);
        times.start.store(self.now(), Ordering::Relaxed);
        work();
        times.end.store(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.between.abort();
        for thread in self.threads.drain(..) {
            drop(thread.join()); // a worker catches every panic of a job, so there is nothing to pass on
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} threads)", self.n_threads())
    }
}

impl Worker<'_> {
    /// Waits until all workers have arrived. Afterwards each can read what the others wrote before.
    pub fn barrier(&self) {
        let started = self.shared.timed.load(Ordering::Relaxed).then(Instant::now);
        if self.shared.within.wait() == Err(Broken) {
            panic_any(AnotherPanicked);
        }
        if let Some(started) = started {
            let Padded(times) = &self.shared.times[self.index];
            times.waited.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        }
    }

    /// This worker's share of `0..n`, in whole units of `granularity` (the last one may be cut short by `n`). Shares
    /// are disjoint, cover everything, and differ by one unit at most.
    pub fn slice(&self, n: usize, granularity: usize) -> Range<usize> {
        let units = n.div_ceil(granularity);
        let at = |index: usize| (units * index / self.n_threads * granularity).min(n);
        at(self.index)..at(self.index + 1)
    }
}

/// Processors that this process may use, as the system counts them.
pub fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Cores that this process may use: what appears as two processors but shares one set of vector units counts once, since
/// its second thread finds them busy.
pub fn physical_cores() -> usize {
    num_cpus::get_physical().clamp(1, available_cores())
}

/// A buffer that several workers write to at once, each its own parts.
///
/// The rule, which callers keep and debug builds check: as long as the `SharedSlice` lives, no element is claimed by
/// two threads, and a thread lets go of a part before it claims it again.
pub(crate) struct SharedSlice<'a, T> {
    start: *mut T,
    len: usize,
    /// Claimed so far: start → (end, thread).
    #[cfg(debug_assertions)]
    claims: Mutex<std::collections::BTreeMap<usize, (usize, std::thread::ThreadId)>>,
    buffer: PhantomData<&'a mut [T]>,
}

// SAFETY: a thread reaches only elements that it has claimed, and no element is claimed by two.
unsafe impl<T: Send> Sync for SharedSlice<'_, T> {}

impl<'a, T> SharedSlice<'a, T> {
    pub(crate) fn new(buffer: &'a mut [T]) -> Self {
        Self {
            start: buffer.as_mut_ptr(),
            len: buffer.len(),
            #[cfg(debug_assertions)]
            claims: Mutex::default(),
            buffer: PhantomData,
        }
    }

    /// The elements of `range`, for this thread alone.
    #[allow(clippy::mut_from_ref)] // on purpose: many threads hold the same `&SharedSlice`
    pub(crate) fn claim(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {}", self.len);
        #[cfg(debug_assertions)]
        self.check(&range);
        // SAFETY: the range lies within the buffer, which is borrowed mutably for as long as `self` lives, and by the
        // rule above no other thread holds any of these elements.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    #[cfg(debug_assertions)]
    fn check(&self, range: &Range<usize>) {
        if range.is_empty() {
            return;
        }
        let me = std::thread::current().id();
        let mut claims = self.claims.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Claims of different threads never overlap, so only the nearest ones on the left can reach into ours; those of
        // our own may, and are skipped.
        for (&start, &(end, who)) in claims.range(..range.end).rev().take(64) {
            assert!(end <= range.start || who == me, "{range:?} was claimed by another thread as {start}..{end}");
        }
        let claim = claims.entry(range.start).or_insert((range.end, me));
        claim.0 = claim.0.max(range.end);
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
