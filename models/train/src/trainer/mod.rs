//! Training: transformers that learn to continue the corpus.
