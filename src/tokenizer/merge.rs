//! The merge loop: join the best pair of neighbours, again and again, until no rule applies.
//!
//! BPE and SPM are the same loop with two notions of *best*: BPE takes the rule that was learned first, SPM the
//! pair whose joined text has the highest score. Both break ties to the left. So the loop stands here once, and
//! [`bpe`](super::bpe) and [`spm`](super::spm) only say which pairs may merge and how urgently.
//!
//! The obvious loop looks at all pairs before every merge, which is quadratic. Here the pairs wait in a priority
//! [`queue`](super::queue) and the symbols form a linked list: a merge unlinks one symbol and adds at most two new
//! pairs, so a word of *n* symbols costs O(n log n). A pair whose symbols have changed since is not searched for in the
//! queue: when it comes up, its length tells that it is stale.
//!
//! Source: llama.cpp `llm_tokenizer_spm_session` and `llm_tokenizer_bpe_session` (`src/llama-vocab.cpp`).

use super::queue::{Candidate, Queue};
use super::steps;

/// The id of a symbol that has no rule and is no token, such as a character the vocabulary has never seen.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// Most bytes of a word. Longer words are cut: numbers of symbols and bytes are 32 bits wide, and a space may become
/// three bytes.
pub(super) const MAX_WORD: usize = 1 << 30;

/// End of the linked list.
const NONE: u32 = u32::MAX;

/// A run of bytes of the word that the loop treats as one unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    start: u32,
    /// Length in bytes; 0 once the symbol was absorbed by its left neighbour.
    len: u32,
    /// What the caller calls this text: a token id, or a number beyond the vocabulary, or [`UNKNOWN`].
    pub(super) id: u32,
    prev: u32,
    next: u32,
}

impl Symbol {
    /// First byte in the word.
    pub(super) fn start(&self) -> usize {
        self.start as usize
    }

    /// Bytes.
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The byte behind it in the word.
    pub(super) fn end(&self) -> usize {
        self.start() + self.len()
    }
}

/// A rule that joins two neighbours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// The lowest goes first.
    pub(super) priority: u32,
    /// The id of the joined symbol.
    pub(super) id: u32,
}

/// A merge, in numbers of the symbols that were pushed: `left..right` becomes one with `right..end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merge {
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) end: usize,
    pub(super) rule: Rule,
}

/// The symbols of one word and the queue of its pairs, kept between words to reuse their memory.
#[derive(Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    queue: Queue,
}

impl Merger {
    /// Forgets the previous word.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
    }

    /// Appends the next `len` bytes of the word as one symbol. All symbols together have less than 2³² bytes.
    pub(super) fn push(&mut self, len: usize, id: u32) {
        let index = self.symbols.len() as u32;
        let (start, prev) = match self.symbols.last_mut() {
            Some(last) => {
                last.next = index;
                (last.start + last.len, index - 1)
            }
            None => (0, NONE),
        };
        self.symbols.push(Symbol { start, len: len as u32, id, prev, next: NONE });
    }

    /// Merges until no rule applies. `rule` names the rule for two neighbours, if there is one; `merged` is told
    /// of each merge.
    pub(super) fn run(&mut self, rule: impl Fn(&Symbol, &Symbol) -> Option<Rule>, mut merged: impl FnMut(Merge)) {
        self.queue.clear(self.symbols.len());
        for right in 1..self.symbols.len() as u32 {
            self.consider(right - 1, right, &rule);
        }
        while let Some(Candidate { priority, left, len, id }) = self.queue.pop() {
            steps::add(1);
            let l = self.symbols[left as usize];
            if l.len == 0 || l.next == NONE || l.len + self.symbols[l.next as usize].len != len {
                continue; // stale: one of the two was merged with another symbol
            }
            let (right, r) = (l.next, self.symbols[l.next as usize]);
            let end = if r.next == NONE { self.symbols.len() } else { r.next as usize };
            merged(Merge { left: left as usize, right: right as usize, end, rule: Rule { priority, id } });

            self.symbols[left as usize] = Symbol { len, id, next: r.next, ..l };
            self.symbols[right as usize].len = 0;
            if r.next != NONE {
                self.symbols[r.next as usize].prev = left;
            }
            if l.prev != NONE {
                self.consider(l.prev, left, &rule);
            }
            if r.next != NONE {
                self.consider(left, r.next, &rule);
            }
        }
    }

    fn consider(&mut self, left: u32, right: u32, rule: impl Fn(&Symbol, &Symbol) -> Option<Rule>) {
        steps::add(1);
        let (l, r) = (&self.symbols[left as usize], &self.symbols[right as usize]);
        if let Some(Rule { priority, id }) = rule(l, r) {
            self.queue.push(Candidate { priority, left, len: l.len + r.len, id });
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
        merger.run(|l, r| rules.get(&(l.id, r.id)).copied(), |_| ());
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

    /// Rule n makes symbol 4 + n % 8, and several rules may be equally urgent.
    fn any_rules() -> impl Strategy<Value = Rules> {
        prop::collection::vec(((0u32..12, 0u32..12), 0u32..6), 0..40).prop_map(|rules| {
            let rules = rules.into_iter().zip(0..);
            rules.map(|((pair, priority), n)| (pair, Rule { priority, id: 4 + n % 8 })).collect()
        })
    }

    proptest! {
        #[test]
        fn the_queue_agrees_with_looking_at_all_pairs(
            ids in prop::collection::vec(0u32..4, 0..60),
            rules in any_rules(),
        ) {
            prop_assert_eq!(merge(&ids, &rules), merge_slowly(&ids, &rules));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]

        /// Words so long that the queue keeps runs: repetitions, with a disturbance in the middle.
        #[test]
        fn long_words_agree_with_looking_at_all_pairs(
            unit in prop::collection::vec(0u32..4, 1..6),
            disturbance in prop::collection::vec(0u32..4, 0..20),
            rules in any_rules(),
        ) {
            let half: Vec<u32> = unit.into_iter().cycle().take(2100).collect();
            let ids = [&half[..], &disturbance, &half].concat();
            prop_assert_eq!(merge(&ids, &rules), merge_slowly(&ids, &rules));
        }
    }

    #[test]
    fn ties_go_left() {
        let rules = Rules::from([((0, 0), Rule { priority: 0, id: 1 })]);
        assert_eq!(merge(&[0, 0, 0], &rules), [1, 0]);
    }
}
