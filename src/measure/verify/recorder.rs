//! The two observers of a verification. [`Recorder`] stores every value of the reference. [`Comparer`] compares the
//! candidate's values with them; in locked mode it also replaces the candidate's value by the reference's.
//!
//! **In locked mode the rounding of activations costs nothing.** The optimized path rounds what a matrix in a block format
//! reads to 8 or 16 bits. This changes a product by half a percent and more, and a small mistake could hide in that. So the
//! recorder rounds, in the reference, every value that a matrix reads to the same grid ([`quantize_to_grid`]). The
//! candidate's rounding then changes nothing, and its product must agree to six decimal digits. Whether the rounding itself
//! is right is checked in free mode and by [`kernels`](super::kernels).
//!
//! One pass is recorded at a time, so the memory needed does not grow with the text. Look first at [`Comparer`]. What these
//! observers deliberately do not do: decide which operation is wrong; [`report`](super::report) does that.

use super::distance::Distance;
use super::pass::PassAt;
use super::{Mode, budget};
use crate::observe::{Hook, HookAt, Interests, Observer, TensorView};
use crate::optimized::ActPrecision;
use std::collections::HashMap;

/// Hooks of the values that matrices read.
const READ_BY_MATRICES: [Hook; 5] = [Hook::Ln1Out, Hook::Z, Hook::Ln2Out, Hook::MlpPost, Hook::LnFinalOut];

/// The values of the reference in one pass.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// The precision to which inputs of matrices are rounded, if they are.
    input_grid: Option<ActPrecision>,
    /// What each hook showed.
    shown: HashMap<HookAt, Vec<f32>>,
    /// The rounded values that the reference computed on with, where it did not use what it showed.
    replaced: HashMap<HookAt, Vec<f32>>,
}

impl Recorder {
    /// With `input_grid`, the inputs of matrices are rounded to integer multiples of their block's step, in the reference too.
    pub(super) fn new(input_grid: Option<ActPrecision>) -> Self {
        Self { input_grid, ..Self::default() }
    }

    /// The value that the operations after this hook read.
    fn next_input(&self, at: HookAt) -> Option<&Vec<f32>> {
        self.replaced.get(&at).or_else(|| self.shown.get(&at))
    }

    /// Whether the value of this hook has a number in it that is infinite or NaN.
    pub(super) fn is_not_finite(&self, at: HookAt) -> bool {
        self.shown.get(&at).is_some_and(|values| values.iter().any(|x| !x.is_finite()))
    }
}

impl Observer for Recorder {
    fn interests(&self) -> Interests {
        Interests::EDITS
    }

    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        if !super::is_covered(at.hook) {
            self.shown.insert(at, value.values.to_vec());
        }
    }

    fn edit(&mut self, at: HookAt, values: &mut [f32]) -> bool {
        let Some(precision) = self.input_grid.filter(|_| READ_BY_MATRICES.contains(&at.hook)) else { return false };
        quantize_to_grid(values, precision.at(at.hook).largest() as f32);
        self.replaced.insert(at, values.to_vec());
        true
    }
}

/// Rounds each block of 32 values to integer multiples of its step, as the optimized path rounds activations. The step is
/// the block's largest magnitude divided by `largest`. A second call changes nothing.
fn quantize_to_grid(values: &mut [f32], largest: f32) {
    for block in values.chunks_exact_mut(32) {
        let step = block.iter().fold(0.0_f32, |max, x| max.max(x.abs())) / largest;
        let inverse = 1.0 / step;
        if inverse.is_finite() {
            block.iter_mut().for_each(|x| *x = (*x * inverse).round_ties_even() * step);
        }
    }
}

/// The results of comparing one hook, over all passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    /// The largest distance of all passes, and its pass.
    pub(super) worst: Option<(Distance, PassAt)>,
    /// The first pass that was out of budget: its number, the distance, the pass.
    pub(super) first_failed: Option<(usize, Distance, PassAt)>,
    /// The largest distance that is allowed.
    pub(super) budget: budget::Budget,
}

/// Compares the candidate's values of one pass with the reference's.
pub(super) struct Comparer<'a> {
    pub(super) reference: &'a Recorder,
    pub(super) mode: Mode,
    /// Number of the pass, and the pass.
    pub(super) pass: (usize, PassAt),
    pub(super) tallies: &'a mut HashMap<HookAt, Tally>,
}

impl Observer for Comparer<'_> {
    fn interests(&self) -> Interests {
        Interests::EDITS
    }

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
        if !tally.budget.allows(&distance) && tally.first_failed.is_none() {
            tally.first_failed = Some((number, distance, pass));
        }
    }

    /// In locked mode every value is replaced by the reference's. The choice of experts is replaced in both modes, as
    /// the tokens are: after one different choice two runs cannot be compared.
    fn edit(&mut self, at: HookAt, values: &mut [f32]) -> bool {
        if self.mode == Mode::Free && at.hook != Hook::ExpertIndices {
            return false;
        }
        match self.reference.next_input(at) {
            Some(reference) if reference.len() == values.len() => {
                values.copy_from_slice(reference);
                true
            }
            _ => false,
        }
    }
}
