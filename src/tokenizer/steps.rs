//! Counts steps of work in tests, so that laws about running time can be checked without a clock.
//!
//! A loop whose length could grow faster than its input calls [`add`]. Outside tests the call does nothing. A test
//! compares the counts of two sizes; see `tests/growth.rs`.

/// Counts `n` steps: comparisons, transitions, bytes hashed.
#[inline(always)]
pub(super) fn add(n: usize) {
    #[cfg(test)]
    STEPS.with(|steps| steps.set(steps.get() + n as u64));
    #[cfg(not(test))]
    let _ = n;
}

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How many steps `work` takes, and its result.
#[cfg(test)]
pub(super) fn of<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = STEPS.get();
    let result = work();
    (STEPS.get() - before, result)
}
