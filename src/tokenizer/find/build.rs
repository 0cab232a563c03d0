//! Building a [`Finder`]: the trie, then the links between its nodes.

use std::collections::HashMap;

use super::{Finder, Match, NO_BYTE, NOTHING, Pattern, ROOT};
use crate::tokenizer::{TokenId, steps};

/// The nodes that one pattern does not share with the pattern before it: consecutive numbers, down to its end.
struct Run {
    /// The node above, at depth `depth - 1`.
    parent: u32,
    /// The first node and its depth, which is the number of bytes of its text.
    first: u32,
    depth: u32,
    /// The pattern whose text the last node is.
    pattern: Match,
}

impl Finder {
    /// A finder of these patterns, which must be different from each other. Takes memory and time proportional to their
    /// bytes, and O(n log n) comparisons.
    pub(in crate::tokenizer) fn new<'a>(patterns: impl Iterator<Item = (&'a str, TokenId)>) -> Self {
        let mut sorted: Vec<(&str, TokenId)> = patterns.filter(|(text, _)| !text.is_empty()).collect();
        sorted.sort_unstable();
        let mut finder = Self {
            labels: Vec::new(),
            fails: Vec::new(),
            found: Vec::new(),
            first: vec![ROOT; 256],
            branches: HashMap::new(),
            patterns: vec![Pattern { id: 0, len: 0, shorter: NOTHING, jump: NOTHING, depth: 0 }],
        };
        let runs = finder.plant(&sorted);
        finder.link(runs);
        finder
    }

    /// Makes the nodes of the trie. In sorted order a pattern shares its beginning with the one before it.
    fn plant(&mut self, sorted: &[(&str, TokenId)]) -> Vec<Run> {
        self.labels.reserve_exact(2 + sorted.iter().map(|(text, _)| text.len() + 1).sum::<usize>());
        self.labels.push(NO_BYTE); // the root
        let mut runs = Vec::with_capacity(sorted.len());
        // The nodes on the way to the end of the pattern before, as the places where their numbers are not consecutive:
        // (depth, node).
        let mut way: Vec<(u32, u32)> = Vec::new();
        let mut before: &[u8] = &[];
        for &(text, id) in sorted {
            let bytes = text.as_bytes();
            let shared = before.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            before = bytes;
            while way.last().is_some_and(|&(depth, _)| depth as usize > shared) {
                way.pop();
            }
            let parent = way.last().map_or(ROOT, |&(depth, node)| node + (shared as u32 - depth));
            let (first, depth) = (self.labels.len() as u32, shared as u32 + 1);
            match parent {
                ROOT => self.first[bytes[shared] as usize] = first,
                parent => drop(self.branches.insert((parent, bytes[shared]), first)),
            }
            way.push((depth, first));
            self.labels.extend_from_slice(&bytes[shared..]);
            self.labels.push(NO_BYTE); // so that the last node has no next one
            let pattern = Match(self.patterns.len() as u32);
            let len = bytes.len() as u32;
            self.patterns.push(Pattern { id, len, shorter: NOTHING, jump: NOTHING, depth: 0 });
            runs.push(Run { parent, first, depth, pattern });
        }
        self.labels.push(NO_BYTE); // where there are no patterns, the root has a next place too
        runs
    }

    /// Sets `fails`, `found` and the chains of patterns, level by level: what is set at a node needs its parent and nodes
    /// of shorter texts.
    fn link(&mut self, mut runs: Vec<Run>) {
        self.fails = vec![ROOT; self.labels.len()];
        self.found = vec![NOTHING; self.labels.len()];
        runs.sort_by_key(|run| run.depth);
        let mut waiting = runs.into_iter().peekable();
        let mut growing: Vec<Run> = Vec::new(); // those with a node at this depth
        for depth in 1.. {
            while let Some(run) = waiting.next_if(|run| run.depth <= depth) {
                growing.push(run);
            }
            growing.retain(|run| {
                let node = run.first + (depth - run.depth);
                let parent = if depth == run.depth { run.parent } else { node - 1 };
                self.link_node(node, parent);
                let is_last = depth == self.patterns[run.pattern.index()].len;
                if is_last {
                    self.link_pattern(run.pattern, self.found[node as usize]);
                    self.found[node as usize] = run.pattern;
                }
                !is_last
            });
            if growing.is_empty() && waiting.peek().is_none() {
                break;
            }
        }
    }

    fn link_node(&mut self, node: u32, parent: u32) {
        steps::add(1);
        // A node of depth 1 fails to the root, where it stands already.
        if parent != ROOT {
            self.fails[node as usize] = self.step(self.fails[parent as usize], self.labels[node as usize]);
        }
        self.found[node as usize] = self.found[self.fails[node as usize] as usize];
    }

    fn link_pattern(&mut self, pattern: Match, shorter: Match) {
        let below = |found: Match| self.patterns[found.index()];
        let once = below(shorter).jump;
        let twice = below(once).jump;
        let depth = |found: Match| below(found).depth;
        // The rule that makes chains of jumps logarithmic: two equal jumps become one of double the length.
        let jump = if depth(shorter) - depth(once) == depth(once) - depth(twice) { twice } else { shorter };
        let depth = depth(shorter) + 1;
        let entry = &mut self.patterns[pattern.index()];
        (entry.shorter, entry.jump, entry.depth) = (shorter, jump, depth);
    }
}
