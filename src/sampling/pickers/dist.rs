//! [`Dist`]: draw at random, each candidate by its probability.
//!
//! Source: `llama_sampler_dist_apply` in llama.cpp: for the same seed and logits it draws the same tokens.

use crate::sampling::{Candidates, Mt19937, Picker, SamplingError, TokenId, TokenLogit};

/// Draws a candidate with its probability: the softmax of the logits that are left.
///
/// One random number per call, even when one candidate is left, so that the n-th token of a run always sees the n-th
/// number, whatever the filters did before.
#[derive(Debug, Clone)]
pub struct Dist {
    seed: u32,
    rng: Mt19937,
}

impl Dist {
    /// A picker whose draws are those of this seed.
    pub fn new(seed: u32) -> Self {
        Self { seed, rng: Mt19937::new(seed) }
    }
}

impl Picker for Dist {
    fn name(&self) -> &'static str {
        "dist"
    }

    /// Walks along the cumulative sum until it passes `u·total`, for a uniform `u`: inverse transform sampling.
    fn pick(&mut self, candidates: &mut Candidates) -> Result<TokenId, SamplingError> {
        let u = self.rng.next_f64();

        let n = candidates.len();
        let (list, weights) = candidates.exponentials();
        let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        if !total.is_finite() {
            return Err(why_not_drawable(list));
        }
        let mut last = None;
        let mut running = 0.0_f64;
        for (candidate, &weight) in list.iter().zip(weights) {
            if weight == 0.0 {
                continue; // a forbidden token stays forbidden even for u = 0
            }
            last = Some(candidate.id);
            running += f64::from(weight);
            if running >= u * total {
                break;
            }
        }
        last.ok_or(SamplingError::NothingLeft { n })
    }

    fn reset(&mut self) {
        self.rng = Mt19937::new(self.seed);
    }
}

/// The error that names the candidate because of which no softmax can be computed.
fn why_not_drawable(list: &[TokenLogit]) -> SamplingError {
    match list.iter().find(|c| c.logit.is_nan() || c.logit == f32::INFINITY) {
        Some(c) => SamplingError::NotFinite { token: c.id, value: c.logit },
        None => SamplingError::NothingLeft { n: list.len() },
    }
}
