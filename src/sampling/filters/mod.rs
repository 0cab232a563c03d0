//! Filters: each removes candidates or changes their logits by one rule, and each has one file.
//!
//! | filter | keeps |
//! |---|---|
//! | [`TopK`] | the k most probable tokens |
//! | [`TopP`] | the fewest tokens that together have probability p |
//! | [`MinP`] | tokens at least p times as probable as the most probable one |
//! | [`Temperature`] | all, but sharpens (T < 1) or flattens (T > 1) their distribution |
//!
//! Look first at [`TopK`], the simplest.

mod min_p;
mod temperature;
mod top_k;
mod top_p;

pub use min_p::MinP;
pub use temperature::Temperature;
pub use top_k::TopK;
pub use top_p::TopP;
