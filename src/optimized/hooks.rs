//! Which hooks the optimized path shows: those of the naive path, but for what a fused operation never holds.
//!
//! Attention keeps 256 scores of a query at a time and forgets them, so there is no `hook_attn_scores` and no
//! `hook_pattern`: see [`Transformer::UNAVAILABLE`].

use super::Transformer;
use super::pack::{FeedForward, Layer};
use crate::observe::{Hook, HookAt};

impl Transformer {
    /// What the naive path shows and this one cannot.
    pub const UNAVAILABLE: &'static [Hook] = &[Hook::AttnScores, Hook::Pattern];

    /// Every activation that a forward pass of this model shows, in order.
    pub fn hooks(&self) -> Vec<HookAt> {
        use Hook::*;
        let network = self.network();
        let at = |layer: Option<usize>| move |hook: Hook| HookAt { hook, layer };
        let mut hooks: Vec<HookAt> = vec![at(None)(Embed)];
        hooks.extend(network.weights.position_embd.iter().map(|_| at(None)(PosEmbed)));
        for (i, layer) in network.weights.layers.iter().enumerate() {
            hooks.extend(block(layer).into_iter().map(at(Some(i))));
        }
        hooks.extend([LnFinalScale, LnFinalNormalized, LnFinalOut, Unembed].map(at(None)));
        hooks.extend(network.config.logit_softcap.iter().map(|_| at(None)(Logits)));
        hooks
    }
}

/// The hooks of one block, in order.
fn block(layer: &Layer) -> Vec<Hook> {
    use Hook::*;
    let feed_forward = match &layer.ffn {
        FeedForward::Dense { gate: Some(_), .. } => vec![MlpPre, MlpPreLinear, MlpPost, MlpProjected],
        FeedForward::Dense { gate: None, .. } => vec![MlpPre, MlpPost, MlpProjected],
        FeedForward::Experts { .. } => {
            let routing = [ExpertScores, ExpertIndices, ExpertWeights];
            [routing.as_slice(), &[MlpPre, MlpPreLinear, MlpPost, MlpProjected, ExpertsOut]].concat()
        }
    };
    let stages: [(bool, &[Hook]); 9] = [
        (true, &[ResidPre, Ln1Scale, Ln1Normalized, Ln1Out, Q, K, V]),
        (layer.attn_q_norm.is_some(), &[QNormOut]),
        (layer.attn_k_norm.is_some(), &[KNormOut]),
        (layer.rope.is_some(), &[RotQ, RotK]),
        (true, &[Z, AttnProjected]),
        (layer.post_attn_norm.is_some(), &[Ln1PostScale, Ln1PostNormalized, Ln1PostOut]),
        (true, &[AttnOut, ResidMid, Ln2Scale, Ln2Normalized, Ln2Out]),
        (true, &feed_forward),
        (layer.post_ffn_norm.is_some(), &[Ln2PostScale, Ln2PostNormalized, Ln2PostOut]),
    ];
    let shown = stages.into_iter().filter(|(there, _)| *there).flat_map(|(_, hooks)| hooks.iter().copied());
    shown.chain([MlpOut, ResidPost]).collect()
}
