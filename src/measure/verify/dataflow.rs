//! [`DataFlow`]: which operation computes the value of a hook, and from the values of which other hooks.
//!
//! Look first at [`DataFlow::origin`], the forward pass as a table. With it, "this value is wrong" becomes "this operation is
//! wrong": the operation whose result is wrong while its inputs are right.
//!
//! What it deliberately does not do: know a model. The path says which hooks there are. If a model lacks a value, the table
//! names the one that takes its place: without a norm of queries, RoPE reads the queries themselves.

use crate::observe::{Hook, HookAt, Op};

/// The hooks of one model, in the order in which they are computed.
#[derive(Debug, Clone)]
pub(super) struct DataFlow {
    hooks: Vec<HookAt>,
}

impl DataFlow {
    pub(super) fn new(hooks: Vec<HookAt>) -> Self {
        Self { hooks }
    }

    pub(super) fn hooks(&self) -> &[HookAt] {
        &self.hooks
    }

    /// The operation that computes a value.
    pub(super) fn op(&self, at: HookAt) -> Op {
        self.origin(at).0
    }

    /// The values that it is computed from, as hooks. Attention also reads the keys and values of earlier passes, which have
    /// the same hooks.
    pub(super) fn inputs(&self, at: HookAt) -> Vec<HookAt> {
        let last_layer = self.hooks.iter().filter_map(|at| at.layer).max();
        let place = |hook: Hook| match (hook.is_per_layer(), at.layer) {
            (false, _) => HookAt { hook, layer: None },
            (true, None) => HookAt { hook, layer: last_layer },
            (true, Some(layer)) if hook == Hook::ResidPost => HookAt { hook, layer: layer.checked_sub(1) },
            (true, layer) => HookAt { hook, layer },
        };
        let (_, reads) = self.origin(at);
        let nearest = |kinds: &&[Hook]| kinds.iter().map(|&hook| place(hook)).find(|at| self.hooks.contains(at));
        reads.iter().filter_map(nearest).collect()
    }

    /// The operation, and what it reads. Each input is a list of alternatives: the first that the model has is the one.
    fn origin(&self, at: HookAt) -> (Op, &'static [&'static [Hook]]) {
        use Hook::*;
        let has = |hook: Hook| self.hooks.contains(&HookAt { hook, layer: at.layer.filter(|_| hook.is_per_layer()) });
        const ATTENDED: &[&[Hook]] = &[&[Ln1PostOut, AttnProjected]];
        const FED_FORWARD: &[&[Hook]] = &[&[Ln2PostOut, ExpertsOut, MlpProjected]];
        match at.hook {
            Embed => (Op::TokenEmbd, &[]),
            PosEmbed => (Op::PositionEmbd, &[]),
            ResidPre if at.layer != Some(0) => (Op::FfnResidual, &[&[ResidPost]]),
            ResidPre if has(PosEmbed) => (Op::PositionEmbd, &[&[Embed], &[PosEmbed]]),
            ResidPre => (Op::TokenEmbd, &[&[Embed]]),
            Ln1Scale | Ln1Normalized | Ln1Out => (Op::AttnNorm, &[&[ResidPre]]),
            Q => (Op::AttnQ, &[&[Ln1Out]]),
            K => (Op::AttnK, &[&[Ln1Out]]),
            V => (Op::AttnV, &[&[Ln1Out]]),
            QNormOut => (Op::AttnQNorm, &[&[Q]]),
            KNormOut => (Op::AttnKNorm, &[&[K]]),
            RotQ => (Op::RopeQ, &[&[QNormOut, Q]]),
            RotK => (Op::RopeK, &[&[KNormOut, K]]),
            AttnScores | Pattern | Z => (Op::Attention, &[&[RotQ, QNormOut, Q], &[RotK, KNormOut, K], &[V]]),
            AttnProjected => (Op::AttnOutput, &[&[Z]]),
            Ln1PostScale | Ln1PostNormalized | Ln1PostOut => (Op::PostAttentionNorm, &[&[AttnProjected]]),
            AttnOut if has(Ln1PostOut) => (Op::PostAttentionNorm, ATTENDED),
            AttnOut => (Op::AttnOutput, ATTENDED),
            ResidMid => (Op::AttnResidual, &[&[ResidPre], &[AttnOut]]),
            Ln2Scale | Ln2Normalized | Ln2Out => (Op::FfnNorm, &[&[ResidMid]]),
            ExpertScores => (Op::FfnGateInp, &[&[Ln2Out]]),
            ExpertIndices | ExpertWeights => (Op::FfnRoute, &[&[ExpertScores]]),
            MlpPre if has(MlpPreLinear) => (Op::FfnGate, &[&[Ln2Out], &[ExpertIndices]]),
            MlpPre | MlpPreLinear => (Op::FfnUp, &[&[Ln2Out], &[ExpertIndices]]),
            MlpPost => (Op::FfnAct, &[&[MlpPre], &[MlpPreLinear]]),
            MlpProjected => (Op::FfnDown, &[&[MlpPost], &[ExpertIndices]]),
            ExpertsOut => (Op::FfnCombine, &[&[MlpProjected], &[ExpertWeights]]),
            Ln2PostScale | Ln2PostNormalized | Ln2PostOut => (Op::PostFfwNorm, &[&[ExpertsOut, MlpProjected]]),
            MlpOut if has(Ln2PostOut) => (Op::PostFfwNorm, FED_FORWARD),
            MlpOut if has(ExpertsOut) => (Op::FfnCombine, FED_FORWARD),
            MlpOut => (Op::FfnDown, FED_FORWARD),
            ResidPost => (Op::FfnResidual, &[&[ResidMid], &[MlpOut]]),
            LnFinalScale | LnFinalNormalized | LnFinalOut => (Op::OutputNorm, &[&[ResidPost]]),
            Unembed => (Op::Output, &[&[LnFinalOut]]),
            Logits => (Op::LogitSoftcap, &[&[Unembed]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> DataFlow {
        use Hook::*;
        let outside = |hook| HookAt { hook, layer: None };
        let block =
            |layer| [ResidPre, Q, K, V, RotQ, RotK, Z, ResidPost].map(|hook| HookAt { hook, layer: Some(layer) });
        let hooks = [Embed].map(outside).into_iter().chain(block(0)).chain(block(1));
        DataFlow::new(hooks.chain([LnFinalOut, Unembed].map(outside)).collect())
    }

    fn inputs(hook: Hook, layer: Option<usize>) -> Vec<String> {
        flow().inputs(HookAt { hook, layer }).iter().map(HookAt::to_string).collect()
    }

    #[test]
    fn an_input_that_the_model_lacks_is_replaced_by_the_one_before_it() {
        assert_eq!(inputs(Hook::RotQ, Some(1)), ["blocks.1.attn.hook_q"], "no norm of queries here");
        let attention = ["blocks.0.attn.hook_rot_q", "blocks.0.attn.hook_rot_k", "blocks.0.attn.hook_v"];
        assert_eq!(inputs(Hook::Z, Some(0)), attention);
    }

    #[test]
    fn the_residual_stream_goes_from_block_to_block() {
        assert_eq!(inputs(Hook::ResidPre, Some(0)), ["hook_embed"]);
        assert_eq!(inputs(Hook::ResidPre, Some(1)), ["blocks.0.hook_resid_post"]);
        assert_eq!(inputs(Hook::LnFinalOut, None), ["blocks.1.hook_resid_post"]);
        assert_eq!(inputs(Hook::Unembed, None), ["ln_final.hook_out"]);
    }
}
