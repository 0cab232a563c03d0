//! The [`Observer`] trait, and [`Off`], the observer that does nothing.
//!
//! Both forward paths are generic over their observer and are compiled once per type of observer. With [`Off`] every call
//! below is an empty inline function, and no cost is computed. Only the thread that calls the forward pass calls an
//! observer; kernels and workers never do.
//!
//! What it deliberately does not do: store anything.

use super::{Cost, HookAt, OpAt};

/// What a forward pass reports. Every method does nothing unless it is overridden.
///
/// The order of calls within one pass is fixed: [`Event::Forward`] and [`Event::Kv`] first, then `begin` and `end` of
/// each operation, in the order of [`super::Op`] within a block, and between them the activations, in the order of
/// [`super::Hook`]: each as soon as it exists, and never between a `begin` and its `end`.
pub trait Observer {
    /// Whether `begin` and `end` are called, with costs.
    const OPS: bool = true;
    /// Whether activations are shown. It is separate, because they may have to be copied.
    const ACTIVATIONS: bool = true;
    /// Whether activations may be changed after they are shown, see [`Observer::edit`]. Needs `ACTIVATIONS`.
    const EDITS: bool = false;

    /// An operation starts.
    #[inline(always)]
    fn begin(&mut self, _at: OpAt) {}

    /// The operation that began last has ended; `cost` comes from its formula, not from a measurement.
    #[inline(always)]
    fn end(&mut self, _at: OpAt, _cost: &Cost) {}

    /// Whether this activation is wanted. It is asked before the activation is copied; one that is not wanted is not shown.
    #[inline(always)]
    fn wants(&self, _at: HookAt) -> bool {
        true
    }

    /// A named value of the forward pass.
    #[inline(always)]
    fn activation(&mut self, _at: HookAt, _value: TensorView<'_>) {}

    /// The value that was just shown, to be changed before anything reads it: the forward pass computes on with the
    /// changed values. Returns whether something was changed. Called only with [`Observer::EDITS`].
    ///
    /// Not called for values that no later operation reads: the scale and the normalised rows of a norm, and the scores
    /// and the pattern of attention.
    #[inline(always)]
    fn edit(&mut self, _at: HookAt, _values: &mut [f32]) -> bool {
        false
    }

    /// Something that is neither an operation nor an activation.
    #[inline(always)]
    fn event(&mut self, _event: &Event) {}

    /// Runs one operation between `begin` and `end`. The cost is computed only with [`Observer::OPS`].
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

/// The observer that does nothing. A forward pass that is compiled with `Off` is the uninstrumented one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Off;

impl Observer for Off {
    const OPS: bool = false;
    const ACTIVATIONS: bool = false;
}

/// `&mut O` observes exactly as `O` does.
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

/// A borrowed activation: row-major values and their shape, outermost dimension first.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// For example `[n_tokens, n_head, head_dim_k]` for `hook_q`. The product is `values.len()`.
    pub shape: &'a [usize],
    /// The values, row-major.
    pub values: &'a [f32],
}

/// What happens besides operations and activations.
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
    /// The state of the KV cache after slots were reserved for the batch.
    Kv {
        /// Positions of all sequences; a shared position counts once per sequence.
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
        /// Share of the probability mass that is kept, 0 to 1.
        kept_mass: f64,
        /// Entropy of the distribution afterwards, in nats.
        entropy: f64,
    },
}
