//! [`PeerRun`]: the result of another engine's `llama-bench`, read from its JSON. The other engine is called the *peer*.
//!
//! llama.cpp prints one object per line (`-o jsonl`), older forks print one array (`-o json`): both are understood. The test
//! that the peer ran is compared with the test that it was asked for, because the result of another test would be misleading.
//!
//! Look first at [`parse`]. What it deliberately does not do: run the program. That is in `cli/bench/peer.rs`.
//!
//! Source: `tools/llama-bench/llama-bench.cpp` of llama.cpp.

use super::{Test, TestKind};
use crate::kv_cache::KvFormats;
use crate::measure::statistics::{Ratio, Samples};
use serde::{Deserialize, Serialize};

/// One test of the peer. Its JSON has more fields; these are used.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PeerRun {
    /// Its commit.
    #[serde(default)]
    pub build_commit: String,
    /// The model file that it ran.
    pub model_filename: String,
    /// Threads.
    pub n_threads: usize,
    /// The format in which it stored keys.
    pub type_k: String,
    /// The format in which it stored values.
    pub type_v: String,
    /// Tokens of the prompt, 0 in a generation.
    pub n_prompt: usize,
    /// Tokens of the generation, 0 in a prompt.
    pub n_gen: usize,
    /// Tokens in the cache before the timed part; forks without this option do not print it.
    #[serde(default)]
    pub n_depth: usize,
    /// Its name for the test; llama.cpp prints none.
    #[serde(default)]
    pub test: String,
    /// Mean tokens per second.
    pub avg_ts: f64,
    /// Tokens per second of each repetition.
    pub samples_ts: Vec<f64>,
}

/// Why the peer's result cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The program is not llama-bench.
    #[error(
        "'{path}' is not llama-bench: its --help does not mention {missing}; give the path of llama.cpp's llama-bench"
    )]
    NotLlamaBench {
        /// What was started.
        path: String,
        /// A flag that llama-bench has.
        missing: &'static str,
    },
    /// The program lacks a flag that the test needs.
    #[error("'{path}' has no {flag}, which test {test} needs; leave the test out or take a newer llama-bench")]
    Unable {
        /// What was started.
        path: String,
        /// The flag that is missing.
        flag: &'static str,
        /// The test.
        test: String,
    },
    /// The program failed.
    #[error("'{command}' failed ({status}): {said}")]
    Failed {
        /// The command line.
        command: String,
        /// Exit code or signal.
        status: String,
        /// The last lines of its standard error.
        said: String,
    },
    /// Its output is not JSON, or a field is missing.
    #[error(
        "the peer's output is not what llama-bench prints: {reason}; expected an object with samples_ts, found: {found}"
    )]
    Malformed {
        /// What is wrong.
        reason: String,
        /// The beginning of the output.
        found: String,
    },
    /// It ran another test, or in another way.
    #[error("the peer was asked for {what} {expected} and ran {found}")]
    Other {
        /// What differs.
        what: &'static str,
        /// What was asked for.
        expected: String,
        /// What was run.
        found: String,
    },
}

/// Reads the output of `llama-bench -o jsonl` or `-o json`. Lines that are no objects (a fork's banner) are skipped.
///
/// # Errors
/// If there is no run in it, or one without what is needed.
pub fn parse(output: &str) -> Result<Vec<PeerRun>, PeerError> {
    let malformed = |reason: String| PeerError::Malformed { reason, found: output.trim().chars().take(120).collect() };
    if output.trim_start().starts_with('[') {
        return serde_json::from_str(output).map_err(|error| malformed(error.to_string()));
    }
    let objects = output.lines().filter(|line| line.trim_start().starts_with('{'));
    let runs: Vec<PeerRun> = objects
        .map(|line| serde_json::from_str(line).map_err(|error| malformed(error.to_string())))
        .collect::<Result<_, _>>()?;
    if runs.is_empty() { Err(malformed("no run in it".to_owned())) } else { Ok(runs) }
}

impl PeerRun {
    /// The only run of an output, if it is the test that was asked for.
    ///
    /// # Errors
    /// If the output is malformed, or if another model, test, number of threads or cache format was run.
    pub fn of(output: &str, test: Test, threads: usize, model: &str, kv: KvFormats) -> Result<Self, PeerError> {
        let mut run = parse(output)?.swap_remove(0);
        run.take_prompt_for_depth();
        let (n_prompt, n_gen) = match test.kind {
            TestKind::Prompt(n) => (n, 0),
            TestKind::Generate(n) => (0, n),
        };
        let numbers = [
            ("a prompt of", n_prompt, run.n_prompt),
            ("a generation of", n_gen, run.n_gen),
            ("a depth of", test.depth, run.n_depth),
            ("threads:", threads, run.n_threads),
        ];
        for (what, expected, found) in numbers {
            if expected != found {
                return Err(PeerError::Other { what, expected: expected.to_string(), found: found.to_string() });
            }
        }
        let other = |what, expected: &str, found: &str| {
            (expected != found).then(|| PeerError::Other {
                what,
                expected: expected.to_owned(),
                found: found.to_owned(),
            })
        };
        let cache = format!("{}, {}", run.type_k, run.type_v);
        let asked = format!("{}, {}", kv.k.name(), kv.v.name());
        let wrong = other("the model", model, &run.model_filename).or(other("a cache of", &asked, &cache));
        if run.samples_ts.is_empty() || run.samples_ts.iter().any(|&speed| !(speed.is_finite() && speed > 0.0)) {
            let found = format!("{:?}", run.samples_ts);
            return Err(PeerError::Malformed { reason: "no speeds in samples_ts".to_owned(), found });
        }
        wrong.map_or(Ok(run), Err)
    }

    /// Forks without `-d` have `-gp`, which means the same: a generation after a prompt, of which only the generation is timed.
    fn take_prompt_for_depth(&mut self) {
        if self.test == format!("tg{}@pp{}", self.n_gen, self.n_prompt) {
            self.n_depth += std::mem::take(&mut self.n_prompt);
        }
    }
}

/// One set of flags for the peer, and the speed of a short run with them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Configuration {
    /// Its flags, such as `-fa 1 --repack 0`.
    pub flags: Vec<String>,
    /// Tokens per second.
    pub tokens_per_second: f64,
}

/// The fastest of several configurations: the peer is compared with its best flags.
pub fn best(tried: &[Configuration]) -> Option<&Configuration> {
    tried.iter().max_by(|a, b| a.tokens_per_second.total_cmp(&b.tokens_per_second))
}

/// One test, with the runs of both programs interleaved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The program.
    pub program: String,
    /// Its commit.
    pub commit: String,
    /// Every configuration that was tried.
    pub tried: Vec<Configuration>,
    /// The flags of the one that was compared.
    pub flags: Vec<String>,
    /// Its speed, one sample per pair.
    pub tokens_per_second: Samples,
    /// Ours divided by theirs.
    pub ratio: Ratio,
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
