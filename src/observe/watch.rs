//! [`Watch`]: whether a pass is watched, as a type. The forward paths are generic over it and so are compiled twice: for
//! [`Unwatched`], where every call below is an empty inline function and no cost is computed, and for [`Watched`], which asks
//! the observer. Further types of observers compile nothing again.
//!
//! Look first at [`Watch::op`]. What it deliberately does not do: store anything; that is what observers are for.

use super::{Event, HookAt, Interests, Observer, OpAt, OpWork, TensorView, ThreadSpan};

/// To whom a pass reports.
pub(crate) trait Watch {
    /// Whether there is anybody.
    const ON: bool;

    /// What is asked for. Known when the pass is compiled if nobody watches.
    fn interests(&self) -> Interests;

    /// Runs one operation, and reports it with its work if operations are asked for.
    fn op<T>(&mut self, at: OpAt, work: impl FnOnce() -> OpWork, run: impl FnOnce() -> T) -> T;

    /// See [`Observer::threads`].
    fn threads(&mut self, at: OpAt, spans: &[ThreadSpan]);

    /// Whether somebody wants this activation.
    fn wants(&self, at: HookAt) -> bool;

    /// See [`Observer::activation`].
    fn activation(&mut self, at: HookAt, value: TensorView<'_>);

    /// See [`Observer::edit`].
    fn edit(&mut self, at: HookAt, values: &mut [f32]) -> bool;

    /// See [`Observer::event`].
    fn event(&mut self, event: impl FnOnce() -> Event);
}

/// Nobody watches.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    const ON: bool = false;

    #[inline(always)]
    fn interests(&self) -> Interests {
        Interests::NONE
    }
    #[inline(always)]
    fn op<T>(&mut self, _: OpAt, _: impl FnOnce() -> OpWork, run: impl FnOnce() -> T) -> T {
        run()
    }
    #[inline(always)]
    fn threads(&mut self, _: OpAt, _: &[ThreadSpan]) {}
    #[inline(always)]
    fn wants(&self, _: HookAt) -> bool {
        false
    }
    #[inline(always)]
    fn activation(&mut self, _: HookAt, _: TensorView<'_>) {}
    #[inline(always)]
    fn edit(&mut self, _: HookAt, _: &mut [f32]) -> bool {
        false
    }
    #[inline(always)]
    fn event(&mut self, _: impl FnOnce() -> Event) {}
}

/// Nothing of it is left in the compiled pass: it has no state, and says at compile time that nobody is there.
const _: () = assert!(size_of::<Unwatched>() == 0 && !Unwatched::ON);

/// An observer watches.
pub(crate) struct Watched<'a> {
    obs: &'a mut dyn Observer,
    interests: Interests,
}

impl<'a> Watched<'a> {
    /// `None` if the observer wants nothing of a pass: it then runs unwatched.
    pub(crate) fn by(obs: &'a mut dyn Observer) -> Option<Self> {
        let interests = obs.interests();
        (interests.ops || interests.activations || interests.events).then_some(Self { obs, interests })
    }
}

impl Watch for Watched<'_> {
    const ON: bool = true;

    fn interests(&self) -> Interests {
        self.interests
    }
    fn op<T>(&mut self, at: OpAt, work: impl FnOnce() -> OpWork, run: impl FnOnce() -> T) -> T {
        if !self.interests.ops {
            return run();
        }
        self.obs.begin(at);
        let result = run();
        self.obs.end(at, &work());
        result
    }
    fn threads(&mut self, at: OpAt, spans: &[ThreadSpan]) {
        self.obs.threads(at, spans);
    }
    fn wants(&self, at: HookAt) -> bool {
        self.interests.activations && self.obs.wants(at)
    }
    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        self.obs.activation(at, value);
    }
    fn edit(&mut self, at: HookAt, values: &mut [f32]) -> bool {
        self.interests.edits && self.obs.edit(at, values)
    }
    fn event(&mut self, event: impl FnOnce() -> Event) {
        self.obs.event(&event());
    }
}
