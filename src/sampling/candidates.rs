//! [`Candidates`]: the tokens that may still be chosen, with their logits.
//!
//! Filters see nothing else. The list begins in the order of the vocabulary and records whether it is sorted. So a chain sorts
//! at most once, and usually only the few best: sorting all 262,144 logits of Gemma for `top_k 40` would take longer than
//! everything else here.
//!
//! Source: `llama_token_data_array` in `llama.h`; the arithmetic is that of `llama_sampler_softmax_impl`.

use std::cmp::Ordering;

use super::{SamplingError, TokenId};

/// One token that may be chosen, with its logit (`llama_token_data` in llama.cpp).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenLogit {
    /// The token.
    pub id: TokenId,
    /// Its unnormalised log-probability.
    pub logit: f32,
}

/// The tokens that may still be chosen: in vocabulary order, or from the largest logit down.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    list: Vec<TokenLogit>,
    sorted: bool,
    /// Scratch of [`Candidates::probabilities`]: kept so that steady sampling allocates nothing.
    probs: Vec<f32>,
}

impl Candidates {
    /// Every token of the vocabulary: `logits` is `[n_vocab]`.
    ///
    /// # Errors
    /// [`SamplingError::Empty`]; [`SamplingError::NotFinite`] for NaN and +∞; [`SamplingError::NothingLeft`] if all are −∞.
    pub fn new(logits: &[f32]) -> Result<Self, SamplingError> {
        let mut candidates = Self::default();
        candidates.refill(logits)?;
        Ok(candidates)
    }

    /// Like [`Candidates::new`], reusing the memory of this list.
    pub(super) fn refill(&mut self, logits: &[f32]) -> Result<(), SamplingError> {
        self.list.clear();
        self.sorted = false;
        let mut max = f32::NEG_INFINITY;
        for (token, &logit) in logits.iter().enumerate() {
            let id = token as TokenId;
            if logit.is_nan() || logit == f32::INFINITY {
                return Err(SamplingError::NotFinite { token: id, value: logit });
            }
            max = max.max(logit);
            self.list.push(TokenLogit { id, logit });
        }
        match max {
            _ if logits.is_empty() => Err(SamplingError::Empty),
            f32::NEG_INFINITY => Err(SamplingError::NothingLeft { n: logits.len() }),
            _ => Ok(()),
        }
    }

    /// How many tokens are left.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether none is left. Never so between the stages of a chain.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether the list runs from the largest logit to the smallest.
    pub fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// The list.
    pub fn as_slice(&self) -> &[TokenLogit] {
        &self.list
    }

    /// The largest logit, or −∞ of an empty list.
    pub fn max_logit(&self) -> f32 {
        match (self.sorted, self.list.first()) {
            (true, Some(first)) => first.logit,
            _ => self.list.iter().fold(f32::NEG_INFINITY, |max, c| max.max(c.logit)),
        }
    }

    /// The candidate with the largest logit, the first of equals.
    pub fn best(&self) -> Option<TokenLogit> {
        self.list.iter().copied().reduce(|best, c| if c.logit > best.logit { c } else { best })
    }

    /// Softmax over what is left: `p_i = exp(l_i − max) / Σ exp(l_j − max)`, in the order of the list, `[len]`.
    pub fn probabilities(&mut self) -> &[f32] {
        self.exponentials();
        // One f32 sum in the order of the list: the rounding decides ties of top-p, so it is that of llama.cpp.
        let sum: f32 = self.probs.iter().sum();
        self.probs.iter_mut().for_each(|p| *p /= sum);
        &self.probs
    }

    /// The list, and `exp(l_i − max)` beside it: probabilities that are not yet normalised, `[len]` both.
    pub(super) fn exponentials(&mut self) -> (&[TokenLogit], &[f32]) {
        let max = self.max_logit();
        self.probs.clear();
        // Seeds must reproduce everywhere, and an f64 exponential rounded to f32 hardly depends on whose `libm` it is.
        self.probs.extend(self.list.iter().map(|c| f64::from(c.logit - max).exp() as f32));
        (&self.list, &self.probs)
    }

    /// Brings the `k` largest to the front, from the largest down; the rest follow in no particular order. Sorting
    /// all of them is `sort_largest(len)`. Equal logits keep the order of their ids.
    pub fn sort_largest(&mut self, k: usize) {
        if self.sorted {
            return;
        }
        let n = self.list.len();
        let k = k.min(n);
        if k < n {
            self.list.select_nth_unstable_by(k, from_largest);
        }
        self.list[..k].sort_unstable_by(from_largest);
        self.sorted = k == n;
    }

    /// Keeps the first `n` of the list. At least one stays. If they were brought to the front by
    /// [`Candidates::sort_largest`], the list now counts as sorted.
    pub fn truncate(&mut self, n: usize) {
        self.list.truncate(n.max(1));
        self.sorted = self.sorted || self.list.is_sorted_by(|a, b| from_largest(a, b).is_le());
    }

    /// Keeps the candidates for which `keep` holds, in their order. If it holds for none, nothing is removed.
    pub fn retain(&mut self, keep: impl Fn(&TokenLogit) -> bool) {
        if self.list.iter().any(&keep) {
            self.list.retain(keep);
        }
    }

    /// Replaces every logit by `f(candidate)`. The list counts as unsorted afterwards.
    pub fn map_logits(&mut self, f: impl Fn(&TokenLogit) -> f32) {
        self.map_logits_in_order(f);
        self.sorted = false;
    }

    /// Like [`Candidates::map_logits`] for an `f` that never swaps the order of two logits.
    pub fn map_logits_in_order(&mut self, f: impl Fn(&TokenLogit) -> f32) {
        self.list.iter_mut().for_each(|c| c.logit = f(c));
    }
}

/// Larger logit first, then smaller id. A total order even if a filter produced NaN; adding 0.0 makes −0.0 equal 0.0.
fn from_largest(a: &TokenLogit, b: &TokenLogit) -> Ordering {
    (b.logit + 0.0).total_cmp(&(a.logit + 0.0)).then(a.id.cmp(&b.id))
}
