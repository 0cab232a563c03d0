//! The two observers of a verification: [`Recorder`] writes down what the reference shows, [`Comparer`] holds the candidate
//! to it, and in locked mode puts the reference's value in the place of the candidate's.
//!
//! **Locked, rounding does not count.** The optimized path rounds what a matrix in a block format reads, to eight bits or to
//! sixteen. That costs half a percent and more, in which a small mistake could hide. So the reference hands on, where a matrix
//! reads, values that are whole multiples of their block's step already ([`snap`]): the candidate's rounding then changes
//! nothing, and its product must agree to six digits. That it rounds rightly is the business of free mode and of
//! [`kernels`](super::kernels).
//!
//! One pass is recorded at a time, so the memory needed does not grow with the text.

use super::distance::Distance;
use super::report::PassAt;
use super::{Mode, budget};
use crate::observe::{Hook, HookAt, Observer, TensorView};
use crate::optimized::ActPrecision;
use std::collections::HashMap;

/// What matrices read.
const READ_BY_MATRICES: [Hook; 5] = [Hook::Ln1Out, Hook::Z, Hook::Ln2Out, Hook::MlpPost, Hook::LnFinalOut];

/// What the reference showed in one pass.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    snaps: Option<ActPrecision>,
    shown: HashMap<HookAt, Vec<f32>>,
    /// What the reference went on with, where that is not what it showed.
    snapped: HashMap<HookAt, Vec<f32>>,
}

impl Recorder {
    /// With `snaps`, the reference goes on with what matrices read put onto the grid of whole numbers.
    pub(super) fn new(snaps: Option<ActPrecision>) -> Self {
        Self { snaps, ..Self::default() }
    }

    /// Whether the value of this hook has a number in it that is infinite or NaN.
    pub(super) fn is_not_finite(&self, at: HookAt) -> bool {
        self.shown.get(&at).is_some_and(|values| values.iter().any(|x| !x.is_finite()))
    }

    /// What operations after this hook were given.
    fn handed_on(&self, at: HookAt) -> Option<&Vec<f32>> {
        self.snapped.get(&at).or_else(|| self.shown.get(&at))
    }
}

impl Observer for Recorder {
    const OPS: bool = false;
    const EDITS: bool = true;

    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        if !super::is_covered(at.hook) {
            self.shown.insert(at, value.values.to_vec());
        }
    }

    fn edit(&mut self, at: HookAt, values: &mut [f32]) -> bool {
        let Some(activations) = self.snaps.filter(|_| READ_BY_MATRICES.contains(&at.hook)) else { return false };
        snap(values, activations.at(at.hook).largest() as f32);
        self.snapped.insert(at, values.to_vec());
        true
    }
}

/// Rounds each 32 values to whole multiples of their step, of which the largest magnitude has `largest`, as activations are
/// rounded for block formats. Doing it twice changes nothing more.
fn snap(values: &mut [f32], largest: f32) {
    for block in values.chunks_exact_mut(32) {
        let step = block.iter().fold(0.0_f32, |max, x| max.max(x.abs())) / largest;
        let inverse = 1.0 / step;
        if inverse.is_finite() {
            block.iter_mut().for_each(|x| *x = (*x * inverse).round_ties_even() * step);
        }
    }
}

/// All that is known about one hook of the candidate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    /// The worst of all passes, and which that was.
    pub(super) worst: Option<(Distance, PassAt)>,
    /// Number of the first pass that was out of budget, and how far.
    pub(super) first_failed: Option<(usize, Distance, PassAt)>,
    pub(super) budget: budget::Budget,
}

/// Compares what the candidate shows in one pass.
pub(super) struct Comparer<'a> {
    pub(super) reference: &'a Recorder,
    pub(super) mode: Mode,
    /// Number of the pass, and which it is.
    pub(super) pass: (usize, PassAt),
    pub(super) tallies: &'a mut HashMap<HookAt, Tally>,
}

impl Observer for Comparer<'_> {
    const OPS: bool = false;
    const EDITS: bool = true;

    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        let Some(tally) = self.tallies.get_mut(&at) else { return };
        let distance = match self.reference.shown.get(&at) {
            Some(reference) if at.hook == Hook::ExpertIndices => Distance::between_choices(value.values, reference),
            Some(reference) => Distance::between(value.values, reference),
            None => Distance::INCOMPARABLE,
        };
        let (number, pass) = self.pass;
        if tally.worst.is_none_or(|(worst, _)| distance.is_worse_than(&worst)) {
            tally.worst = Some((distance, pass));
        }
        if !tally.budget.admits(&distance) && tally.first_failed.is_none() {
            tally.first_failed = Some((number, distance, pass));
        }
    }

    /// The choice of experts is the reference's in both modes, as the tokens are: after one other choice two runs cannot
    /// be compared any more.
    fn edit(&mut self, at: HookAt, values: &mut [f32]) -> bool {
        if self.mode == Mode::Free && at.hook != Hook::ExpertIndices {
            return false;
        }
        match self.reference.handed_on(at) {
            Some(reference) if reference.len() == values.len() => {
                values.copy_from_slice(reference);
                true
            }
            _ => false,
        }
    }
}
