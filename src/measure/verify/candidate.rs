//! [`Candidate`]: the forward pass that is verified.
//!
//! Two kinds exist: the optimized path with any table of kernels, and the naive path with any operations. A learner's
//! attention and an engineer's kernel are compared with the same reference in the same way.
//!
//! What it deliberately does not do: compare. That is [`recorder`](super::recorder).

use crate::batch::{Batch, Logits};
use crate::kv_cache::{ForwardError, KvCache, KvFormats};
use crate::naive;
use crate::observe::{HookAt, Observer};
use crate::optimized::{self, ActPrecision};

/// A forward pass whose activations an observer can read and change.
pub trait Candidate {
    /// A description for people: `optimized path, avx512 kernels, 8-bit activations, 2 threads`.
    fn describe(&self) -> String;

    /// The activations that it shows, in order.
    fn hooks(&self) -> Vec<HookAt>;

    /// The precision to which activations are rounded before they are multiplied with weights in a block format; none if
    /// they are not rounded. If they are, locked mode gives rounded inputs, and free mode a larger budget.
    fn act_precision(&self) -> Option<ActPrecision>;

    /// An empty cache; see [`naive::Transformer::new_cache`].
    fn new_cache(&self, formats: KvFormats, n_positions: usize) -> KvCache;

    /// Runs a batch; see [`naive::Transformer::forward`].
    ///
    /// # Errors
    /// If the batch does not fit the model or the cache.
    fn forward(&mut self, batch: &Batch, cache: &mut KvCache, obs: &mut dyn Observer) -> Result<Logits, ForwardError>;
}

impl Candidate for optimized::Transformer {
    fn describe(&self) -> String {
        let threads = self.n_threads();
        format!(
            "optimized path, {} kernels, {}-bit activations, {threads} thread{}",
            self.kernels().name,
            self.activations().bits(),
            if threads == 1 { "" } else { "s" }
        )
    }

    fn hooks(&self) -> Vec<HookAt> {
        self.hooks()
    }

    fn act_precision(&self) -> Option<ActPrecision> {
        Some(self.activations())
    }

    fn new_cache(&self, formats: KvFormats, n_positions: usize) -> KvCache {
        self.new_cache(formats, n_positions)
    }

    fn forward(&mut self, batch: &Batch, cache: &mut KvCache, obs: &mut dyn Observer) -> Result<Logits, ForwardError> {
        self.forward(batch, cache, obs)
    }
}

impl Candidate for naive::Transformer {
    fn describe(&self) -> String {
        format!("naive path with the operations of {}", self.ops_name())
    }

    fn hooks(&self) -> Vec<HookAt> {
        self.hooks()
    }

    fn act_precision(&self) -> Option<ActPrecision> {
        None
    }

    fn new_cache(&self, formats: KvFormats, n_positions: usize) -> KvCache {
        self.new_cache(formats, n_positions)
    }

    fn forward(&mut self, batch: &Batch, cache: &mut KvCache, obs: &mut dyn Observer) -> Result<Logits, ForwardError> {
        self.forward(batch, cache, obs)
    }
}
