//! The barrier of the thread pool under `loom`: every interleaving that the memory model allows, of the very file that
//! the pool uses. A package of its own: the model checker and its crates take longer to compile than all other tests need.
//!
//! Run it with `cargo test -p cutaway-loom`.

#![cfg(test)]

mod primitives {
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Condvar, Mutex};
}

#[path = "../../../src/optimized/barrier.rs"]
mod barrier;

use barrier::{Barrier, Broken};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// Each of two threads writes its number, waits at the barrier, and reads the other's number, `rounds` times. The numbers are
/// written and read with `Relaxed`, which promises no order at all: loom also tries every stale value that a read may
/// return, so what orders them can only be the barrier.
fn exchange(spins: usize, rounds: usize) {
    loom::model(move || {
        let shared = Arc::new((Barrier::new(2, spins), [AtomicUsize::new(0), AtomicUsize::new(0)]));
        let run = move |me: usize, shared: &(Barrier, [AtomicUsize; 2])| {
            let (barrier, numbers) = shared;
            for round in 1..=rounds {
                numbers[me].store(round, Ordering::Relaxed);
                barrier.wait().unwrap();
                assert!(numbers[1 - me].load(Ordering::Relaxed) >= round, "it has arrived, and its number with it");
            }
        };
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || run(1, &shared))
        };
        run(0, &shared);
        other.join().unwrap();
    });
}

#[test]
fn sleeping_threads_wake_and_see_everything() {
    exchange(0, 2);
}

#[test]
fn spinning_threads_see_everything() {
    exchange(1, 2);
}

/// A job as the pool runs it: the leader writes it while the other waits, and reads the result after gathering again. The
/// accesses are `Relaxed` as above, so only the barrier can make the writes of one visible to the other.
///
/// Either of the two may sleep at either barrier, which makes too many interleavings to try all: those with more than three
/// preemptions are left out.
fn lead(spins: usize, jobs: usize) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let shared = Arc::new((Barrier::new(2, spins), [AtomicUsize::new(0), AtomicUsize::new(0)]));
        let follower = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (barrier, [job, result]) = &*shared;
                for number in 1..=jobs {
                    barrier.wait().unwrap();
                    assert_eq!(job.load(Ordering::Relaxed), number, "neither an old job nor the next one");
                    result.store(10 * number, Ordering::Relaxed);
                }
                barrier.wait().unwrap();
            })
        };
        let (barrier, [job, result]) = &*shared;
        barrier.gather().unwrap();
        for number in 1..=jobs {
            job.store(number, Ordering::Relaxed);
            barrier.release();
            barrier.gather().unwrap();
            assert_eq!(result.load(Ordering::Relaxed), 10 * number, "it has done the job");
        }
        barrier.release();
        follower.join().unwrap();
    });
}

#[test]
fn a_leader_who_sleeps_is_woken_and_leads() {
    lead(0, 2);
}

#[test]
fn a_leader_who_spins_leads() {
    lead(1, 1);
}

/// A thread that will never arrive releases the other, whether that has arrived already, spins or sleeps.
#[test]
fn a_broken_barrier_releases_every_thread() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::new(2, 0));
        let waiting = {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || barrier.wait())
        };
        barrier.abort();
        assert_eq!(waiting.join().unwrap(), Err(Broken));
        barrier.reset();
        let other = {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || barrier.wait())
        };
        assert_eq!(barrier.wait(), Ok(()));
        assert_eq!(other.join().unwrap(), Ok(()));
    });
}
