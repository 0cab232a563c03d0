//! [`Greedy`]: take the best.

use crate::sampling::{Candidates, Picker, SamplingError, TokenId};

/// Takes the candidate with the largest logit, the first of equals. No randomness: the same logits give the same token.
#[derive(Debug, Clone, Copy, Default)]
pub struct Greedy;

impl Picker for Greedy {
    fn name(&self) -> &'static str {
        "greedy"
    }

    fn pick(&mut self, candidates: &mut Candidates) -> Result<TokenId, SamplingError> {
        match candidates.best() {
            None => Err(SamplingError::Empty),
            Some(best) if best.logit == f32::NEG_INFINITY => Err(SamplingError::NothingLeft { n: candidates.len() }),
            Some(best) if !best.logit.is_finite() => {
                Err(SamplingError::NotFinite { token: best.id, value: best.logit })
            }
            Some(best) => Ok(best.id),
        }
    }
}
