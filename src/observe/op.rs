//! [`Op`]: the registry of operations, named as GGUF names the tensors that they use.
//!
//! What it deliberately does not do: know which operations a model runs; that is [`crate::model::trace_points`].

use super::Hook;

/// An operation of a model: which one, and its block (`None` outside the blocks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpAt {
    /// The operation.
    pub op: Op,
    /// Index of the block, 0-based.
    pub layer: Option<usize>,
}

impl std::fmt::Display for OpAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.layer {
            Some(layer) => write!(f, "blk.{layer}.{}", self.op.name()),
            None => f.write_str(self.op.name()),
        }
    }
}

macro_rules! ops {
    ($($(#[$doc:meta])* $variant:ident $name:literal [$($hook:ident),*];)*) => {
        /// Everything a forward pass computes, in the order in which it is computed.
        ///
        /// A model runs those that its features need: no `RopeQ` without rotary embeddings, no `FfnRoute` without experts
        /// ([`crate::model::trace_points`]). The naive path reports each by itself. The optimized path does so for an observer of
        /// activations; else it reports operations that run as one once, under the first of them ([`super::OpWork::covers`]).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Op {
            $($(#[$doc])* $variant,)*
        }

        impl Op {
            /// Every operation, in order.
            pub const ALL: &'static [Op] = &[$(Op::$variant,)*];

            /// The name in events, charts and tables: the tensor's name in the file where there is one.
            pub const fn name(self) -> &'static str {
                match self { $(Op::$variant => $name,)* }
            }

            /// This operation, as a list.
            pub const fn alone(self) -> &'static [Op] {
                match self { $(Op::$variant => &[Op::$variant],)* }
            }

            /// The hooks of the operation's values, in the order in which they are shown. The last one is its result; before
            /// it come intermediate values (the scale of a norm, the scores of attention).
            pub const fn hooks(self) -> &'static [Hook] {
                match self { $(Op::$variant => &[$(Hook::$hook),*],)* }
            }

            /// The hook of the operation's result.
            pub const fn hook(self) -> Option<Hook> {
                self.hooks().last().copied()
            }
        }
    };
}

ops! {
    /// Token ids → rows of the embedding matrix (scaled where the model asks for it).
    TokenEmbd "token_embd" [Embed];
    /// Learned position embeddings are added. The summand has the hook [`Hook::PosEmbed`], the sum is the first block's
    /// [`Hook::ResidPre`].
    PositionEmbd "position_embd" [];
    /// Norm before attention.
    AttnNorm "attn_norm" [Ln1Scale, Ln1Normalized, Ln1Out];
    /// Query projection.
    AttnQ "attn_q" [Q];
    /// Key projection.
    AttnK "attn_k" [K];
    /// Value projection.
    AttnV "attn_v" [V];
    /// Norm of each query head.
    AttnQNorm "attn_q_norm" [QNormOut];
    /// Norm of each key head.
    AttnKNorm "attn_k_norm" [KNormOut];
    /// Rotary position embedding of the queries.
    RopeQ "rope_q" [RotQ];
    /// Rotary position embedding of the keys.
    RopeK "rope_k" [RotK];
    /// Keys and values of the batch are written to the cache.
    KvWrite "kv_write" [];
    /// Keys and values of all positions so far are read from the cache.
    KvRead "kv_read" [];
    /// softmax(q · kᵀ · scale) · v over the visible positions.
    Attention "attention" [AttnScores, Pattern, Z];
    /// Output projection of attention.
    AttnOutput "attn_output" [AttnProjected];
    /// Norm of the attention branch before it is added to the residual stream.
    PostAttentionNorm "post_attention_norm" [Ln1PostScale, Ln1PostNormalized, Ln1PostOut];
    /// Residual stream += attention.
    AttnResidual "attn_residual" [ResidMid];
    /// Norm before the feed-forward network.
    FfnNorm "ffn_norm" [Ln2Scale, Ln2Normalized, Ln2Out];
    /// Router: one score per expert.
    FfnGateInp "ffn_gate_inp" [ExpertScores];
    /// The chosen experts and their weights.
    FfnRoute "ffn_route" [ExpertIndices, ExpertWeights];
    /// Gate projection.
    FfnGate "ffn_gate" [MlpPre];
    /// Up projection. Its hook is [`Hook::MlpPreLinear`], or [`Hook::MlpPre`] where there is no gate.
    FfnUp "ffn_up" [];
    /// The activation function: act(gate) · up, or act(up) where there is no gate.
    FfnAct "ffn_act" [MlpPost];
    /// Down projection.
    FfnDown "ffn_down" [MlpProjected];
    /// The weighted sum of the experts' results.
    FfnCombine "ffn_combine" [ExpertsOut];
    /// Norm of the feed-forward branch before it is added to the residual stream.
    PostFfwNorm "post_ffw_norm" [Ln2PostScale, Ln2PostNormalized, Ln2PostOut];
    /// Residual stream += feed-forward.
    FfnResidual "ffn_residual" [ResidPost];
    /// Final norm.
    OutputNorm "output_norm" [LnFinalScale, LnFinalNormalized, LnFinalOut];
    /// Unembedding: one logit per token of the vocabulary.
    Output "output" [Unembed];
    /// Soft cap of the logits.
    LogitSoftcap "logit_softcap" [Logits];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_hooks_are_unique() {
        let names: HashSet<_> = Op::ALL.iter().map(|op| op.name()).collect();
        assert_eq!(names.len(), Op::ALL.len());
        let hooks: Vec<_> = Op::ALL.iter().flat_map(|op| op.hooks()).collect();
        assert_eq!(hooks.iter().collect::<HashSet<_>>().len(), hooks.len());
    }

    #[test]
    fn the_name_of_an_op_contains_its_block() {
        assert_eq!(OpAt { op: Op::AttnQ, layer: Some(3) }.to_string(), "blk.3.attn_q");
        assert_eq!(OpAt { op: Op::Output, layer: None }.to_string(), "output");
    }
}
