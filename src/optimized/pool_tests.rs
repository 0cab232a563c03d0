use super::*;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn every_worker_runs_once_and_sees_what_the_others_wrote() {
    for n_threads in [1, 2, 3, 8] {
        let mut pool = Pool::new(n_threads).unwrap();
        for round in 0..200 {
            let mut squares = vec![0usize; 100];
            let shared = SharedSlice::new(&mut squares);
            let sum = AtomicUsize::new(0);
            pool.run(|worker| {
                let mine = worker.slice(100, 7);
                for (square, i) in shared.claim(mine.clone()).iter_mut().zip(mine) {
                    *square = i * i + round;
                }
                sum.fetch_add(1, Ordering::Relaxed);
                worker.barrier();
                assert_eq!(sum.load(Ordering::Relaxed), n_threads, "everybody has arrived");
            });
            assert!(squares.iter().enumerate().all(|(i, &square)| square == i * i + round));
        }
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
    let mut pool = Pool::new(3).unwrap();
    for culprit in 0..3 {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            pool.run(|worker| {
                if worker.index == culprit {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
                worker.barrier(); // would wait for ever
            });
        }));
        assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
        let met = AtomicUsize::new(0);
        pool.run(|worker| {
            worker.barrier();
            met.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(met.into_inner(), 3);
    }
}

#[test]
fn workers_sleep_and_wake() {
    let mut pool = Pool::new(2).unwrap();
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(5));
        let met = AtomicUsize::new(0);
        pool.run(|_| _ = met.fetch_add(1, Ordering::Relaxed));
        assert_eq!(met.into_inner(), 2);
    }
}

#[test]
fn too_many_threads_are_an_error() {
    let error = Pool::new(usize::MAX).unwrap_err();
    assert!(error.to_string().contains("expected at most 4096"), "{error}");
}

#[test]
#[cfg(debug_assertions)]
fn overlapping_claims_are_found() {
    let mut pool = Pool::new(2).unwrap();
    let mut buffer = vec![0u8; 10];
    let shared = SharedSlice::new(&mut buffer);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        pool.run(|worker| _ = shared.claim(if worker.index == 0 { 0..6 } else { 5..10 }));
    }));
    assert!(panicked.is_err());
}

/// Every worker's part of every job is kept, in order, and what it waited lies within it; nothing is kept unless asked for.
#[test]
fn jobs_are_timed_on_request() {
    for n_threads in 1..4 {
        let mut pool = Pool::new(n_threads).unwrap();
        pool.run(|_| ());
        assert!(pool.spans().is_empty(), "nobody asked");

        pool.time_jobs(true);
        for _ in 0..3 {
            pool.run(|worker| {
                if worker.index == 0 {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
                worker.barrier();
            });
        }
        let spans = pool.spans().to_vec();
        assert_eq!(spans.len(), 3 * n_threads);
        for job in spans.chunks(n_threads) {
            for (thread, span) in job.iter().enumerate() {
                assert_eq!(span.thread, thread);
                let worked = span.end.duration_since(span.start);
                assert!(span.waited <= worked);
                assert!(span.end >= job[0].start && (thread > 0 || worked.as_millis() >= 2));
            }
        }
        for jobs in spans.chunks(n_threads).collect::<Vec<_>>().windows(2) {
            assert!(jobs[1][0].start >= jobs[0].iter().map(|span| span.end).max().unwrap(), "one job after the other");
        }
        pool.time_jobs(false);
        pool.run(|_| ());
        assert!(pool.spans().is_empty());
    }
}

proptest! {
    /// Shares cover everything once, in order, in whole units, and are as equal as units allow.
    #[test]
    fn shares_cover_everything_once(n in 0usize..500, granularity in 1usize..40, n_threads in 1usize..9) {
        let shared = Shared::new(1, 0);
        let shares: Vec<_> =
            (0..n_threads).map(|index| Worker { index, n_threads, shared: &shared }.slice(n, granularity)).collect();
        let mut next = 0;
        for share in &shares {
            prop_assert_eq!(share.start, next);
            prop_assert!(share.start % granularity == 0 || share.start == n);
            next = share.end;
        }
        prop_assert_eq!(next, n);
        let units: Vec<_> = shares.iter().map(|share| share.len().div_ceil(granularity)).collect();
        prop_assert!(units.iter().max().unwrap() - units.iter().min().unwrap() <= 1);
    }
}
