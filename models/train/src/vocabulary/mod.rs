//! The vocabulary: the 768 pieces that text is cut into.
