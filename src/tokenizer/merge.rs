//! The merge loop: join the best pair of neighbours, again and again, until no rule applies.
//!
//! BPE and SPM are the same loop with two notions of *best*: BPE takes the rule that was learned first, SPM the
//! pair whose joined text has the highest score. Both break ties to the left. So the loop stands here once, and
//! [`bpe`](super::bpe) and [`spm`](super::spm) only say which pairs may merge and how urgently.
//!
//! The obvious loop looks at all pairs before every merge, which is quadratic. Here the pairs wait in a priority
//! queue and the symbols form a linked list: a merge unlinks one symbol and adds at most two new pairs, so a word
//! of *n* symbols costs O(n log n). Pairs whose symbols have meanwhile changed are not searched for in the queue:
//! they are recognised as stale when they come up.
//!
//! Source: llama.cpp `llm_tokenizer_spm_session` and `llm_tokenizer_bpe_session` (`src/llama-vocab.cpp`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The id of a symbol that has no rule and is no token, such as a character the vocabulary has never seen.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// End of the linked list.
const NONE: usize = usize::MAX;

/// A run of bytes of the word that the loop treats as one unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    /// First byte in the word.
    pub(super) start: usize,
    /// Length in bytes; 0 once the symbol was absorbed by its left neighbour.
    pub(super) len: usize,
    /// What the caller calls this text: a token id, or a number beyond the vocabulary, or [`UNKNOWN`].
    pub(super) id: u32,
    prev: usize,
    next: usize,
}

/// A rule that joins two neighbours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// The lowest goes first.
    pub(super) priority: u32,
    /// The id of the joined symbol.
    pub(super) id: u32,
}

/// A pair waiting in the queue: a symbol and whichever follows it. The order of the fields is the order of the queue:
/// most urgent, then leftmost.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    priority: u32,
    left: usize,
    /// Bytes of both together when the pair was queued: it is stale if they have changed since.
    len: usize,
    id: u32,
}

/// The symbols of one word and the queue of its pairs, kept between words to reuse their memory.
#[derive(Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<Candidate>>,
}

impl Merger {
    /// Forgets the previous word.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.queue.clear();
    }

    /// Appends the next `len` bytes of the word as one symbol.
    pub(super) fn push(&mut self, len: usize, id: u32) {
        let index = self.symbols.len();
        let (start, prev) = match self.symbols.last_mut() {
            Some(last) => {
                last.next = index;
                (last.start + last.len, index - 1)
            }
            None => (0, NONE),
        };
        self.symbols.push(Symbol { start, len, id, prev, next: NONE });
    }

    /// Merges until no rule applies. `rule` names the rule for two neighbours, if there is one; `merged` is told
    /// of each merge before it happens: the two symbols and the rule.
    pub(super) fn run(
        &mut self,
        rule: impl Fn(&Symbol, &Symbol) -> Option<Rule>,
        mut merged: impl FnMut(&[Symbol], &Symbol, &Symbol, Rule),
    ) {
        for right in 1..self.symbols.len() {
            self.consider(right - 1, right, &rule);
        }
        while let Some(Reverse(Candidate { priority, left, len, id })) = self.queue.pop() {
            let l = self.symbols[left];
            if l.len == 0 || l.next == NONE || l.len + self.symbols[l.next].len != len {
                continue; // one of the two was merged with somebody else
            }
            let (right, r) = (l.next, self.symbols[l.next]);
            merged(&self.symbols, &l, &r, Rule { priority, id });

            self.symbols[left] = Symbol { len, id, next: r.next, ..l };
            self.symbols[right].len = 0;
            if r.next != NONE {
                self.symbols[r.next].prev = left;
            }
            if l.prev != NONE {
                self.consider(l.prev, left, &rule);
            }
            if r.next != NONE {
                self.consider(left, r.next, &rule);
            }
        }
    }

    fn consider(&mut self, left: usize, right: usize, rule: impl Fn(&Symbol, &Symbol) -> Option<Rule>) {
        let (l, r) = (&self.symbols[left], &self.symbols[right]);
        if let Some(Rule { priority, id }) = rule(l, r) {
            self.queue.push(Reverse(Candidate { priority, left, len: l.len + r.len, id }));
        }
    }

    /// The symbols that are left, in order.
    pub(super) fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.len > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    type Rules = HashMap<(u32, u32), Rule>;

    fn merge(ids: &[u32], rules: &Rules) -> Vec<u32> {
        let mut merger = Merger::default();
        for &id in ids {
            merger.push(1, id);
        }
        merger.run(|l, r| rules.get(&(l.id, r.id)).copied(), |_, _, _, _| ());
        merger.symbols().map(|symbol| symbol.id).collect()
    }

    /// The loop as one would explain it: look at all pairs, merge the best, start again.
    fn merge_slowly(ids: &[u32], rules: &Rules) -> Vec<u32> {
        let mut ids = ids.to_vec();
        while let Some((_, at, id)) = (1..ids.len())
            .filter_map(|i| rules.get(&(ids[i - 1], ids[i])).map(|rule| (rule.priority, i - 1, rule.id)))
            .min()
        {
            ids[at] = id;
            ids.remove(at + 1);
        }
        ids
    }

    proptest! {
        #[test]
        fn the_queue_agrees_with_looking_at_all_pairs(
            ids in prop::collection::vec(0u32..4, 0..60),
            rules in prop::collection::vec(((0u32..12, 0u32..12), 0u32..6), 0..40),
        ) {
            // Rule n makes symbol 4 + n % 8 and several rules may be equally urgent.
            let rules: Rules = rules
                .into_iter()
                .enumerate()
                .map(|(n, (pair, priority))| (pair, Rule { priority, id: 4 + n as u32 % 8 }))
                .collect();
            prop_assert_eq!(merge(&ids, &rules), merge_slowly(&ids, &rules));
        }
    }

    #[test]
    fn ties_go_left() {
        let rules = Rules::from([((0, 0), Rule { priority: 0, id: 1 })]);
        assert_eq!(merge(&[0, 0, 0], &rules), [1, 0]);
    }
}
