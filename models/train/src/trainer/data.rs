//! [`Windows`]: documents → sequences of a fixed length, ready to be learned.
//!
//! A window opens with a document and is filled with whole ones; what the last one lacks in room is dropped, since the
//! language never runs out of documents. So nothing is ever learned from a document's middle, and position 0 is
//! always the `<s>` that a prompt begins with too.

/// Token ids of one sequence and what should follow each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What the model reads.
    pub tokens: Vec<u32>,
    /// The next token of each.
    pub targets: Vec<u32>,
}

/// Cuts a stream of documents, each `<s> … </s>`, into windows.
#[derive(Debug)]
pub struct Windows<D> {
    documents: D,
}

impl<D: Iterator<Item = Vec<u32>>> Windows<D> {
    /// Windows over these documents.
    pub fn new(documents: D) -> Self {
        Self { documents }
    }

    /// The next window of `n_ctx` tokens, or `None` when the documents have run out.
    pub fn next(&mut self, n_ctx: usize) -> Option<Window> {
        let mut ids = Vec::with_capacity(2 * n_ctx);
        while ids.len() <= n_ctx {
            ids.extend(self.documents.next()?);
        }
        Some(Window { tokens: ids[..n_ctx].to_vec(), targets: ids[1..=n_ctx].to_vec() })
    }
}

/// The length of the sequences of a batch: every fourth batch has the whole context, the others half of it, which is
/// cheaper and enough for most documents.
pub fn length_of_step(step: usize, n_ctx: usize) -> usize {
    if step % 4 == 3 { n_ctx } else { n_ctx / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_opens_with_a_document_and_targets_are_one_ahead() {
        let documents = (0..).map(|i| vec![1, 10 + i, 20 + i, 2]);
        let mut windows = Windows::new(documents);
        let first = windows.next(6).expect("endless");
        assert_eq!(first.tokens, [1, 10, 20, 2, 1, 11]);
        assert_eq!(first.targets, [10, 20, 2, 1, 11, 21]);
        assert_eq!(windows.next(4).expect("endless").tokens, [1, 12, 22, 2]);
    }
}
