//! Which hooks a model has: the list against which filters are resolved.
//!
//! The order is that of the forward pass. A test runs every family and demands that exactly these are shown, once each.

use super::Transformer;
use super::weights::{FeedForward, Layer};
use crate::observe::{Hook, HookAt};

impl<R, O> Transformer<R, O> {
    /// Every activation that a forward pass of this model shows, in order.
    pub fn hooks(&self) -> Vec<HookAt> {
        let (w, config) = (self.weights(), self.config());
        let mut hooks = Vec::new();
        let mut add = |layer: Option<usize>, names: &[Hook]| {
            hooks.extend(names.iter().map(|&hook| HookAt { hook, layer }));
        };
        add(None, &[Hook::Embed]);
        add(None, when(w.position_embd.is_some(), &[Hook::PosEmbed]));
        for (i, layer) in w.layers.iter().enumerate() {
            block(layer, |names| add(Some(i), names));
        }
        add(None, &[Hook::LnFinalScale, Hook::LnFinalNormalized, Hook::LnFinalOut, Hook::Unembed]);
        add(None, when(config.logit_softcap.is_some(), &[Hook::Logits]));
        hooks
    }
}

/// The hooks of one block.
fn block<R>(layer: &Layer<R>, mut add: impl FnMut(&[Hook])) {
    use Hook::*;
    add(&[ResidPre, Ln1Scale, Ln1Normalized, Ln1Out, Q, K, V]);
    add(when(layer.attn_q_norm.is_some(), &[QNormOut]));
    add(when(layer.attn_k_norm.is_some(), &[KNormOut]));
    add(when(layer.rope.is_some(), &[RotQ, RotK]));
    add(&[AttnScores, Pattern, Z, AttnProjected]);
    add(when(layer.post_attn_norm.is_some(), &[Ln1PostScale, Ln1PostNormalized, Ln1PostOut]));
    add(&[AttnOut, ResidMid, Ln2Scale, Ln2Normalized, Ln2Out]);
    match &layer.ffn {
        FeedForward::Dense { gate, .. } => {
            add(&[MlpPre]);
            add(when(gate.is_some(), &[MlpPreLinear]));
            add(&[MlpPost, MlpProjected]);
        }
        FeedForward::Experts { .. } => {
            add(&[ExpertScores, ExpertIndices, ExpertWeights]);
            add(&[MlpPre, MlpPreLinear, MlpPost, MlpProjected, ExpertsOut]);
        }
    }
    add(when(layer.post_ffn_norm.is_some(), &[Ln2PostScale, Ln2PostNormalized, Ln2PostOut]));
    add(&[MlpOut, ResidPost]);
}

/// `hooks` if the feature is there.
fn when(feature: bool, hooks: &[Hook]) -> &[Hook] {
    if feature { hooks } else { &[] }
}
