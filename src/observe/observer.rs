//! The [`Observer`] trait, and [`Off`], the observer that is not there.
//!
//! Both forward paths are generic over their observer and are compiled once per kind of observer, so with [`Off`]
//! every call below is an empty inline function and every cost closure is dead code. Only the orchestrating thread
//! ever calls an observer; kernels and workers never do.

use super::{Cost, HookAt, OpAt};

/// What a forward pass tells whoever watches it. Every method does nothing unless it is overridden.
///
/// The order of calls within one pass is fixed: [`Event::Forward`] and [`Event::Kv`] first, then `begin` and `end` of
/// each operation, in the order of [`super::Op`] within a block, and between them the activations, in the order of
/// [`super::Hook`]: each as soon as it exists, and never between a `begin` and its `end`.
pub trait Observer {
    /// Whether `begin`, `end` and their costs are wanted.
    const OPS: bool = true;
    /// Whether any activations are wanted. They may have to be copied to be shown, so this is separate.
    const ACTIVATIONS: bool = true;
    /// Whether activations may be changed once they were shown, see [`Observer::edit`]. Needs `ACTIVATIONS`.
    const EDITS: bool = false;

    /// An operation starts.
    #[inline(always)]
    fn begin(&mut self, _at: OpAt) {}

    /// The operation that began last is done; `cost` is what the formulas say it took.
    #[inline(always)]
    fn end(&mut self, _at: OpAt, _cost: &Cost) {}

    /// Whether this activation is wanted: asked before it is copied to be shown. One that is not is never shown.
    #[inline(always)]
    fn wants(&self, _at: HookAt) -> bool {
        true
    }

    /// A named value of the forward pass.
    #[inline(always)]
    fn activation(&mut self, _at: HookAt, _value: TensorView<'_>) {}

    /// The value that was just shown, to be changed before anything reads it: the forward pass goes on with what it
    /// finds here. Returns whether something was changed. Asked only with [`Observer::EDITS`].
    ///
    /// Values that nothing reads (the scale and the normalised rows of a norm, scores and pattern of attention, whose
    /// results are computed already) are shown and not offered.
    #[inline(always)]
    fn edit(&mut self, _at: HookAt, _values: &mut [f32]) -> bool {
        false
    }

    /// Anything else worth knowing.
    #[inline(always)]
    fn event(&mut self, _event: &Event) {}

    /// Runs one operation between `begin` and `end`. The cost is computed only if somebody asked for it.
    #[inline(always)]
    fn op<T>(&mut self, at: OpAt, cost: impl FnOnce() -> Cost, run: impl FnOnce() -> T) -> T
    where
        Self: Sized,
    {
        if !Self::OPS {
            return run();
        }
        self.begin(at);
        let result = run();
        self.end(at, &cost());
        result
    }
}

/// Nobody watches. A forward pass compiled with `Off` is the uninstrumented one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Off;

impl Observer for Off {
    const OPS: bool = false;
    const ACTIVATIONS: bool = false;
}

/// An observer may be lent: `&mut O` watches exactly as `O` does.
impl<O: Observer> Observer for &mut O {
    const OPS: bool = O::OPS;
    const ACTIVATIONS: bool = O::ACTIVATIONS;
    const EDITS: bool = O::EDITS;

    #[inline(always)]
    fn begin(&mut self, at: OpAt) {
        (**self).begin(at);
    }
    #[inline(always)]
    fn end(&mut self, at: OpAt, cost: &Cost) {
        (**self).end(at, cost);
    }
    #[inline(always)]
    fn wants(&self, at: HookAt) -> bool {
        (**self).wants(at)
    }
    #[inline(always)]
    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        (**self).activation(at, value);
    }
    #[inline(always)]
    fn edit(&mut self, at: HookAt, values: &mut [f32]) -> bool {
        (**self).edit(at, values)
    }
    #[inline(always)]
    fn event(&mut self, event: &Event) {
        (**self).event(event);
    }
}

/// A borrowed look at one activation: row-major values and their shape, outermost dimension first.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// For example `[n_tokens, n_head, head_dim]` for `hook_q`. The product is `values.len()`.
    pub shape: &'a [usize],
    /// The values, row-major.
    pub values: &'a [f32],
}

/// What is not an operation and not an activation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A forward pass begins.
    Forward {
        /// Rows of the batch.
        n_tokens: usize,
        /// How many of them want logits.
        n_logits: usize,
        /// Different sequences in the batch.
        n_sequences: usize,
    },
    /// The KV cache after it has made room for the batch.
    Kv {
        /// Positions held, over all sequences; a shared position counts once per sequence.
        positions: usize,
        /// Pages in use.
        pages: usize,
        /// Bytes of the pages in use.
        bytes: usize,
    },
    /// One stage of the sampler chain has run.
    Sampler {
        /// The stage's name, as on the command line (`top_k`).
        stage: &'static str,
        /// Candidates before.
        n_in: usize,
        /// Candidates after.
        n_out: usize,
        /// Share of the probability mass that survived, 0 to 1.
        kept_mass: f64,
        /// Entropy of what is left, in nats.
        entropy: f64,
    },
}
