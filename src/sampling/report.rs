//! [`between`] makes a [`StageReport`]: what one stage of a chain did to the distribution.

use super::{Candidates, TokenId};
use crate::observe::StageReport;

/// How many of the best candidates a report lists.
const N_TOP: usize = 10;

/// The distribution before the first stage.
pub(super) fn of_logits(after: &Snapshot) -> StageReport {
    between("logits", after, after)
}

/// What happened between two snapshots.
pub(super) fn between(stage: &'static str, before: &Snapshot, after: &Snapshot) -> StageReport {
    let mut kept_mass = 0.0;
    let mut kl = 0.0;
    for &(id, p) in &after.by_id {
        let was = before.probability(id);
        kept_mass += was;
        if p > 0.0 {
            kl += p * (p / was).ln();
        }
    }
    let entropy = -after.by_id.iter().filter(|(_, p)| *p > 0.0).map(|(_, p)| p * p.ln()).sum::<f64>();
    let mut top: Vec<(TokenId, f32)> = after.by_id.iter().map(|&(id, p)| (id, p as f32)).collect();
    top.sort_by(|a, b| b.1.total_cmp(&a.1));
    top.truncate(N_TOP);
    StageReport {
        stage,
        n_in: before.by_id.len(),
        n_out: after.by_id.len(),
        kept_mass: kept_mass.min(1.0),
        entropy: entropy.max(0.0),
        kl: kl.max(0.0),
        top,
    }
}

/// A distribution between two stages: (token, probability), by token.
pub(super) struct Snapshot {
    by_id: Vec<(TokenId, f64)>,
}

impl Snapshot {
    /// Computes in f64, so that reported sums are exact to more digits than are shown.
    pub(super) fn of(candidates: &Candidates) -> Self {
        let max = candidates.max_logit();
        let mut by_id: Vec<(TokenId, f64)> =
            candidates.as_slice().iter().map(|c| (c.id, f64::from(c.logit - max).exp())).collect();
        let total: f64 = by_id.iter().map(|(_, p)| p).sum();
        by_id.iter_mut().for_each(|(_, p)| *p /= total);
        by_id.sort_unstable_by_key(|&(id, _)| id);
        Self { by_id }
    }

    fn probability(&self, id: TokenId) -> f64 {
        self.by_id.binary_search_by_key(&id, |&(id, _)| id).map_or(0.0, |i| self.by_id[i].1)
    }
}
