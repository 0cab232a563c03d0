//! [`Batch`]: the input of a forward pass, and [`Logits`]: its output.
//!
//! A batch is a list of rows (token, position, sequence, wants logits?). Prefill is many rows of one sequence, decode
//! is one row, continuous batching is rows of several sequences: the forward paths know no other difference. Look
//! first at [`Row`].
//!
//! What it deliberately does not do: reserve slots in the cache ([`crate::kv_cache`] does) or choose what to run
//! ([`crate::engine`] does).

use crate::model::Config;

/// The number of a sequence (a conversation, a beam) within one cache. Any number is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SeqId(pub u32);

impl std::fmt::Display for SeqId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One token to be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Id in the vocabulary.
    pub token: u32,
    /// Position in its sequence, 0-based.
    pub position: usize,
    /// The sequence it continues.
    pub sequence: SeqId,
    /// Whether the logits after this token are wanted. Unembedding is a fifth of a small model's work, so a prompt wants
    /// them for its last row only.
    pub wants_logits: bool,
}

/// The rows of one forward pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    rows: Vec<Row>,
}

/// Why a batch cannot be run. It is checked before any arithmetic begins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The batch has no rows.
    #[error("the batch is empty: a forward pass needs at least one token")]
    Empty,
    /// A token id that the vocabulary does not have.
    #[error("row {row}: token id {token} is not in the vocabulary; expected 0 to {}", n_vocab - 1)]
    UnknownToken {
        /// Index of the row.
        row: usize,
        /// The id.
        token: u32,
        /// Size of the vocabulary.
        n_vocab: usize,
    },
    /// A position beyond the context that the model was loaded for.
    #[error(
        "row {row}: position {position} of sequence {sequence} does not fit the context; expected less than {n_ctx}. \
         Shorten the prompt or ask for a larger context"
    )]
    BeyondContext {
        /// Index of the row.
        row: usize,
        /// The position.
        position: usize,
        /// Its sequence.
        sequence: SeqId,
        /// Positions available.
        n_ctx: usize,
    },
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// `tokens` continue `sequence` from position `start`; only the last one wants logits.
    pub fn prompt(sequence: SeqId, start: usize, tokens: &[u32]) -> Self {
        let mut batch = Self::new();
        for (i, &token) in tokens.iter().enumerate() {
            batch.push(Row { token, position: start + i, sequence, wants_logits: i + 1 == tokens.len() });
        }
        batch
    }

    /// As [`Batch::prompt`], but every row wants logits: for perplexity and verification.
    pub fn scored(sequence: SeqId, start: usize, tokens: &[u32]) -> Self {
        let mut batch = Self::prompt(sequence, start, tokens);
        batch.rows.iter_mut().for_each(|row| row.wants_logits = true);
        batch
    }

    /// The same rows, none of which wants logits: a chunk in the middle of a prompt.
    pub fn without_logits(mut self) -> Self {
        self.rows.iter_mut().for_each(|row| row.wants_logits = false);
        self
    }

    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The rows, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Indices of the rows that want logits, in order.
    pub fn logit_rows(&self) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.rows[i].wants_logits).collect()
    }

    /// The sequences in the batch, each once, in order of first appearance, with the indices of their rows.
    pub fn sequences(&self) -> Vec<(SeqId, Vec<usize>)> {
        let mut found: Vec<(SeqId, Vec<usize>)> = Vec::new();
        for (i, row) in self.rows.iter().enumerate() {
            match found.iter_mut().find(|(sequence, _)| *sequence == row.sequence) {
                Some((_, rows)) => rows.push(i),
                None => found.push((row.sequence, vec![i])),
            }
        }
        found
    }

    /// Checks everything that depends on the model alone; the cache checks that positions continue their sequences.
    ///
    /// # Errors
    /// An empty batch, an unknown token, or a position beyond the context.
    pub fn check(&self, config: &Config) -> Result<(), BatchError> {
        if self.is_empty() {
            return Err(BatchError::Empty);
        }
        for (i, row) in self.rows.iter().enumerate() {
            if row.token as usize >= config.n_vocab {
                return Err(BatchError::UnknownToken { row: i, token: row.token, n_vocab: config.n_vocab });
            }
            if row.position >= config.n_ctx {
                let (position, sequence, n_ctx) = (row.position, row.sequence, config.n_ctx);
                return Err(BatchError::BeyondContext { row: i, position, sequence, n_ctx });
            }
        }
        Ok(())
    }
}

/// The output of a forward pass: one row of logits for each batch row that wants them, in batch order.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    n_vocab: usize,
    values: Vec<f32>,
}

impl Logits {
    /// `values` is `[n_logits, n_vocab]`: a row for each row of the batch that wants logits.
    pub fn new(n_vocab: usize, values: Vec<f32>) -> Self {
        debug_assert!(n_vocab > 0 && values.len().is_multiple_of(n_vocab));
        Self { n_vocab, values }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.n_vocab
    }

    /// Whether no row of the batch wanted logits.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The logits of row `i`, `[n_vocab]`. Panics if `i >= len()`, as indexing does.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.n_vocab..][..self.n_vocab]
    }

    /// Every row, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.n_vocab)
    }

    /// The logits of the last row, if there is one.
    pub fn last(&self) -> Option<&[f32]> {
        self.rows().last()
    }

    /// Checks that every score is a finite number. `batch` is the batch that was run. Finite weights in sane sizes give
    /// finite scores, so anything else tells that the model is damaged, and no token is likelier than another.
    ///
    /// # Errors
    /// [`NotFinite`] names the first row and token.
    pub fn check(&self, batch: &Batch) -> Result<(), NotFinite> {
        // One comparison of bits a score, without a branch: the compiler makes vector instructions of it.
        const EXPONENT: u32 = 0x7f80_0000; // all ones: infinite or NaN
        if !self.values.iter().fold(false, |found, x| found | (x.to_bits() & EXPONENT == EXPONENT)) {
            return Ok(());
        }
        let found = self.values.iter().position(|x| !x.is_finite()).unwrap_or(0);
        let (row, token) = (found / self.n_vocab, (found % self.n_vocab) as u32);
        let row = batch.logit_rows().get(row).map(|&row| batch.rows()[row]);
        let (sequence, position) = row.map_or((SeqId(0), 0), |row| (row.sequence, row.position));
        Err(NotFinite { sequence, position, token, value: self.values[found] })
    }
}

/// Scores that are no numbers.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "the logits after position {position} of sequence {sequence} are not numbers (token {token} has {value}): the model's \
     weights are damaged, or they overflow. `cutaway verify` names the first value that is wrong"
)]
pub struct NotFinite {
    /// Sequence of the first row with such a score.
    pub sequence: SeqId,
    /// Position of that row.
    pub position: usize,
    /// The first token with such a score.
    pub token: u32,
    /// NaN or an infinity.
    pub value: f32,
}

/// By bits, so that NaN equals itself.
impl PartialEq for NotFinite {
    fn eq(&self, other: &Self) -> bool {
        let key = |x: &Self| (x.sequence, x.position, x.token, x.value.to_bits());
        key(self) == key(other)
    }
}

impl Eq for NotFinite {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_wants_its_last_row_only() {
        let batch = Batch::prompt(SeqId(7), 5, &[1, 2, 3]);
        assert_eq!(batch.logit_rows(), [2]);
        assert_eq!(batch.rows().iter().map(|r| r.position).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(Batch::scored(SeqId(7), 0, &[1, 2]).logit_rows(), [0, 1]);
    }

    #[test]
    fn the_first_score_that_is_no_number_is_named() {
        let batch = Batch::prompt(SeqId(7), 5, &[1, 2, 3]);
        assert_eq!(Logits::new(3, vec![0.0, f32::MAX, -0.0]).check(&batch), Ok(()));
        for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = Logits::new(3, vec![0.0, 1.0, value]).check(&batch).unwrap_err();
            assert_eq!((error.sequence, error.position, error.token), (SeqId(7), 7, 2));
            let scored = Batch::scored(SeqId(1), 4, &[1, 2]);
            let error = Logits::new(3, vec![0.0, 1.0, 2.0, 3.0, value, value]).check(&scored).unwrap_err();
            assert_eq!((error.sequence, error.position, error.token), (SeqId(1), 5, 1));
        }
        let empty = Logits::new(3, Vec::new()).check(&batch.without_logits());
        assert_eq!(empty, Ok(()));
    }

    #[test]
    fn sequences_are_grouped_in_order_of_appearance() {
        let mut batch = Batch::new();
        for (token, sequence) in [(1, 9), (2, 4), (3, 9)] {
            batch.push(Row { token, position: 0, sequence: SeqId(sequence), wants_logits: false });
        }
        assert_eq!(batch.sequences(), [(SeqId(9), vec![0, 2]), (SeqId(4), vec![1])]);
    }
}
