//! [`Temperature`]: sharpen or flatten the distribution.
//!
//! Source: Ackley, Hinton, Sejnowski, "A Learning Algorithm for Boltzmann Machines", 1985; `llama_sampler_temp_impl`.

use crate::sampling::{Candidates, Filter};

/// Divides every logit by `t`: ratios of probabilities are raised to the power 1/t.
///
/// `t < 1` sharpens, `t > 1` flattens, `t = 1` changes nothing. `t ≤ 0` is the limit: the first maximum keeps its logit and all
/// others become −∞. A `t` so small that logits would overflow is taken for that limit too.
#[derive(Debug, Clone, Copy)]
pub struct Temperature {
    /// The temperature.
    pub t: f32,
}

impl Filter for Temperature {
    fn name(&self) -> &'static str {
        "temperature"
    }

    fn apply(&mut self, candidates: &mut Candidates) {
        let Some(best) = candidates.best() else { return };
        let t = self.t;
        if t > 0.0 && (best.logit / t).is_finite() {
            candidates.map_logits_in_order(|c| c.logit / t);
        } else {
            candidates.map_logits_in_order(|c| if c.id == best.id { c.logit } else { f32::NEG_INFINITY });
        }
    }
}
