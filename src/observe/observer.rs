//! The [`Observer`] trait: what a forward pass, an engine and a sampler report. [`Off`] is the observer that asks for nothing.
//!
//! An observer says once a pass what it wants ([`Interests`]). The forward paths are compiled twice, for a pass that is
//! watched and for one that is not ([`super::watch`]); with [`Off`] the second one runs, which has no trace of an observer in
//! it. Only the thread that calls the forward pass calls an observer; kernels and workers never do.
//!
//! What it deliberately does not do: store anything.

use super::{Event, HookAt, OpAt, OpWork, ThreadSpan};

/// What an observer wants to be told. It gets nothing else, and what nobody asked for costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interests {
    /// `begin` and `end` of operations, with their [`OpWork`].
    pub ops: bool,
    /// Activations. The optimized path then shows every value of the list of hooks, and so cannot fuse operations: its times
    /// are not those of a pass without activations.
    pub activations: bool,
    /// Activations may be changed after they are shown, see [`Observer::edit`]. Needs `activations`.
    pub edits: bool,
    /// What every thread did during an operation ([`Observer::threads`]). Needs `ops`; the naive path has one thread and
    /// reports none.
    pub threads: bool,
    /// Steps, tokens, the state of the cache ([`Event`]).
    pub events: bool,
    /// What each stage of a sampler did to the distribution ([`Event::Sampler`]), which takes longer than sampling.
    pub sampler: bool,
}

impl Interests {
    /// Nothing.
    pub const NONE: Self =
        Self { ops: false, activations: false, edits: false, threads: false, events: false, sampler: false };
    /// Events, those of the sampler among them.
    pub const EVENTS: Self = Self { events: true, sampler: true, ..Self::NONE };
    /// Events, and operations as the path runs them.
    pub const OPS: Self = Self { ops: true, ..Self::EVENTS };
    /// Events and activations.
    pub const ACTIVATIONS: Self = Self { activations: true, ..Self::EVENTS };
    /// Events, operations and activations.
    pub const OPS_AND_ACTIVATIONS: Self = Self { ops: true, ..Self::ACTIVATIONS };
    /// Events and activations, to be changed.
    pub const EDITS: Self = Self { edits: true, ..Self::ACTIVATIONS };
}

/// Is told what happens. Every method does nothing unless it is overridden.
///
/// The order of calls within one pass is fixed: [`Event::Forward`] and [`Event::Kv`] first, then `begin` and `end` of
/// each operation, in the order of [`super::Op`] within a block, and between them the activations, in the order of
/// [`super::Hook`]: each as soon as it exists, and never between a `begin` and its `end`.
pub trait Observer {
    /// What this observer wants. It is asked once at the beginning of each pass.
    fn interests(&self) -> Interests {
        Interests::OPS_AND_ACTIVATIONS
    }

    /// An operation starts, or several that run as one: then `at` is the first of them.
    fn begin(&mut self, _at: OpAt) {}

    /// The operation that began last has ended. `work` comes from formulas, not from a measurement, and says which operations
    /// ran as one ([`OpWork::covers`]).
    fn end(&mut self, _at: OpAt, _work: &OpWork) {}

    /// What each thread did during the operation that ended last, in the order of its dispatches.
    fn threads(&mut self, _at: OpAt, _spans: &[ThreadSpan]) {}

    /// Whether this activation is wanted. It is asked before the activation is copied; one that is not wanted is not shown.
    fn wants(&self, _at: HookAt) -> bool {
        true
    }

    /// A named value of the forward pass.
    fn activation(&mut self, _at: HookAt, _value: TensorView<'_>) {}

    /// The value that was just shown, to be changed before anything reads it: the forward pass computes on with the
    /// changed values. Returns whether something was changed. Called only for [`Interests::edits`].
    ///
    /// Not called for values that no later operation reads: the scale and the normalised rows of a norm, and the scores
    /// and the pattern of attention.
    fn edit(&mut self, _at: HookAt, _values: &mut [f32]) -> bool {
        false
    }

    /// Something that is neither an operation nor an activation.
    fn event(&mut self, _event: &Event) {}
}

/// The observer that asks for nothing. A pass with `Off` is the one that is compiled without observers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Off;

impl Observer for Off {
    fn interests(&self) -> Interests {
        Interests::NONE
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
