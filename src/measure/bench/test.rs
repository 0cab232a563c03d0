//! [`Test`]: what is timed, named as llama-bench names it.

use std::fmt;

/// One test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    /// A prompt or a generation, and its length.
    pub kind: TestKind,
    /// Tokens that are in the cache before the clock starts.
    pub depth: usize,
}

/// The two kinds of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestKind {
    /// `ppN`: a prompt of N tokens, with logits for the last one only.
    Prompt(usize),
    /// `tgN`: N tokens, one forward pass each, with logits for each.
    Generate(usize),
}

impl Test {
    /// Tokens that are timed.
    pub fn n_tokens(&self) -> usize {
        match self.kind {
            TestKind::Prompt(n) | TestKind::Generate(n) => n,
        }
    }

    /// Positions that the test needs in all; `usize::MAX` where they are more than can be counted.
    pub fn n_positions(&self) -> usize {
        self.depth.saturating_add(self.n_tokens())
    }
}

impl fmt::Display for TestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TestKind::Prompt(n) => write!(f, "pp{n}"),
            TestKind::Generate(n) => write!(f, "tg{n}"),
        }
    }
}

/// As llama-bench writes it: `tg128`, `tg128 @ d1024`.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.depth > 0 {
            write!(f, " @ d{}", self.depth)?;
        }
        Ok(())
    }
}

/// Every prompt and every generation at every depth, one depth after the other. Tests of no tokens are left out: `-n 0`
/// means "no generation".
pub fn grid(prompts: &[usize], generations: &[usize], depths: &[usize]) -> Vec<Test> {
    let kinds =
        || prompts.iter().map(|&n| TestKind::Prompt(n)).chain(generations.iter().map(|&n| TestKind::Generate(n)));
    let tests = depths.iter().flat_map(|&depth| kinds().map(move |kind| Test { kind, depth }));
    tests.filter(|test| test.n_tokens() > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_every_combination_without_empty_tests() {
        let names = |tests: Vec<Test>| tests.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(grid(&[512, 0], &[128], &[0, 1024])), ["pp512", "tg128", "pp512 @ d1024", "tg128 @ d1024"]);
        assert_eq!(names(grid(&[0], &[0], &[0, 8])), [""; 0]);
        assert_eq!(grid(&[7], &[], &[5])[0].n_positions(), 12);
    }
}
