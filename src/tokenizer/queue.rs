//! [`Queue`]: the pairs that wait to be merged, the most urgent first.
//!
//! A heap alone would do. But in a word of millions of symbols it is much larger than the caches of the CPU, and nearly
//! every step down the heap waits for memory. What makes words so long is repetition, and then pairs come in runs: while
//! merges of one priority go through the word from left to right, the new pairs of another priority come from left to
//! right too. So in a long word the pairs of such a run wait in a list, and only the first of them stands in the heap.
//! A pair that does not continue its run goes into the heap: the order is right for any input.
//!
//! Not here: which pairs may merge. That is what [`merge`](super::merge) is told by its callers.

use std::cmp::{Ordering, Reverse};
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use super::steps;

/// Words with fewer symbols need no runs: their heap is small.
const LONG: usize = 4096;

/// A pair of neighbours that may merge. The order of the fields is the order of the queue: the most urgent, then the
/// leftmost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The lowest goes first.
    pub(super) priority: u32,
    /// The left symbol's number.
    pub(super) left: u32,
    /// Bytes of both together when the pair was queued: it is stale if they have changed since.
    pub(super) len: u32,
    /// What the joined symbol is called.
    pub(super) id: u32,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        steps::add(1);
        self.key().cmp(&other.key())
    }
}

impl Candidate {
    /// All fields in one number, so that a comparison is one step.
    fn key(&self) -> u128 {
        [self.priority, self.left, self.len, self.id].iter().fold(0, |key, &field| key << 32 | u128::from(field))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Pairs of one priority that came from left to right while merges of one priority were made. Its first pair is in the
/// heap; these come behind it.
struct Run {
    waiting: VecDeque<Candidate>,
    last: Candidate,
}

/// The waiting pairs of one word; kept between words to reuse its memory.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(Candidate, Option<Cause>)>>,
    /// By what the pairs of the run were made by, and their own priority.
    runs: HashMap<(Cause, u32), Run>,
    cause: Cause,
    in_runs: bool,
}

/// The priority of the merge that made a pair, plus one; 0 for the pairs of the word as it was.
type Cause = u32;

impl Queue {
    /// Forgets the word before; the next one has `n` symbols.
    pub(super) fn clear(&mut self, n: usize) {
        self.heap.clear();
        self.runs.clear();
        self.cause = 0;
        self.in_runs = n >= LONG;
    }

    /// Adds a pair.
    pub(super) fn push(&mut self, pair: Candidate) {
        if !self.in_runs {
            return self.heap.push(Reverse((pair, None)));
        }
        match self.runs.entry((self.cause, pair.priority)) {
            Entry::Occupied(mut run) if run.get().last <= pair => {
                let run = run.get_mut();
                run.waiting.push_back(pair);
                run.last = pair;
            }
            Entry::Occupied(_) => self.heap.push(Reverse((pair, None))),
            Entry::Vacant(place) => {
                place.insert(Run { waiting: VecDeque::new(), last: pair });
                self.heap.push(Reverse((pair, Some(self.cause))));
            }
        }
    }

    /// Takes the first pair out. The pairs pushed after it are made by its merge.
    pub(super) fn pop(&mut self) -> Option<Candidate> {
        let Reverse((pair, run)) = self.heap.pop()?;
        if let Some(cause) = run
            && let Entry::Occupied(mut run) = self.runs.entry((cause, pair.priority))
        {
            match run.get_mut().waiting.pop_front() {
                Some(next) => self.heap.push(Reverse((next, Some(cause)))),
                None => drop(run.remove()),
            }
        }
        self.cause = pair.priority.saturating_add(1);
        Some(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is pushed between pops, and whether in runs or not: the least pair comes first.
        #[test]
        fn pairs_come_in_order(
            rounds in prop::collection::vec(prop::collection::vec((0u32..4, 0u32..20), 0..6), 0..20),
            long: bool,
        ) {
            let mut queue = Queue::default();
            queue.clear(if long { LONG } else { 1 });
            let mut waiting: Vec<Candidate> = Vec::new();
            for round in rounds {
                for (priority, left) in round {
                    let pair = Candidate { priority, left, len: 2, id: 0 };
                    queue.push(pair);
                    waiting.push(pair);
                }
                waiting.sort();
                let expected = (!waiting.is_empty()).then(|| waiting.remove(0));
                prop_assert_eq!(queue.pop(), expected);
            }
            waiting.into_iter().for_each(|pair| assert_eq!(queue.pop(), Some(pair)));
            prop_assert_eq!(queue.pop(), None);
        }
    }

    /// Pairs that come from left to right stand in the heap one by one.
    #[test]
    fn a_run_takes_one_place_in_the_heap() {
        let mut queue = Queue::default();
        queue.clear(LONG);
        for left in 0..1000 {
            queue.push(Candidate { priority: left % 3, left, len: 2, id: 0 });
        }
        assert_eq!(queue.heap.len(), 3);
    }
}
