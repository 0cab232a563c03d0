//! [`Hook`]: the registry of activations, named as TransformerLens names them.
//!
//! TransformerLens is a Python library for looking inside transformers. A name that exists there means the same here. Where it
//! has no name (`hook_out` of norms, QK-norm, scores of experts), ours follows its style.
//!
//! Look first at [`Hook`]. What it deliberately does not do: know which hooks a model has; that is
//! [`crate::model::trace_points`].

macro_rules! hooks {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)*) => {
        /// Every activation of the forward pass that can be seen, in the order in which it is computed.
        ///
        /// Each variant says its meaning, its shape (outermost dimension first) and its name, in which `{}` stands for the
        /// index of the block.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Hook {
            $(
                $(#[$doc])*
                #[doc = concat!("\n\nName: `", $name, "`.")]
                $variant,
            )*
        }

        impl Hook {
            /// Every hook, in order.
            pub const ALL: &'static [Hook] = &[$(Hook::$variant,)*];

            /// The name, with `{}` for the index of the block.
            pub const fn template(self) -> &'static str {
                match self { $(Hook::$variant => $name,)* }
            }
        }
    };
}

hooks! {
    /// The embedded tokens, `[n_tokens, n_embd]`.
    Embed "hook_embed";
    /// The learned position embeddings, `[n_tokens, n_embd]`.
    PosEmbed "hook_pos_embed";
    /// The residual stream as it enters the block, `[n_tokens, n_embd]`.
    ResidPre "blocks.{}.hook_resid_pre";
    /// What the norm before attention divides by, `[n_tokens, 1]`.
    Ln1Scale "blocks.{}.ln1.hook_scale";
    /// The stream normalised, before the weight, `[n_tokens, n_embd]`.
    Ln1Normalized "blocks.{}.ln1.hook_normalized";
    /// The stream normalised, after the weight: what attention reads, `[n_tokens, n_embd]`.
    Ln1Out "blocks.{}.ln1.hook_out";
    /// Queries, before any norm or rotation, `[n_tokens, n_head, head_dim_k]`.
    Q "blocks.{}.attn.hook_q";
    /// Keys, before any norm or rotation, `[n_tokens, n_head_kv, head_dim_k]`.
    K "blocks.{}.attn.hook_k";
    /// Values, `[n_tokens, n_head_kv, head_dim_v]`.
    V "blocks.{}.attn.hook_v";
    /// Queries after QK-norm, `[n_tokens, n_head, head_dim_k]`.
    QNormOut "blocks.{}.attn.q_norm.hook_out";
    /// Keys after QK-norm, `[n_tokens, n_head_kv, head_dim_k]`.
    KNormOut "blocks.{}.attn.k_norm.hook_out";
    /// Queries after RoPE, `[n_tokens, n_head, head_dim_k]`.
    RotQ "blocks.{}.attn.hook_rot_q";
    /// Keys after RoPE: what the cache stores, `[n_tokens, n_head_kv, head_dim_k]`.
    RotK "blocks.{}.attn.hook_rot_k";
    /// q · kᵀ · scale, −∞ where a position is not visible, `[n_head, n_tokens, n_kv]`.
    AttnScores "blocks.{}.attn.hook_attn_scores";
    /// The attention pattern: rows sum to 1, `[n_head, n_tokens, n_kv]`.
    Pattern "blocks.{}.attn.hook_pattern";
    /// The result of each head: the values, weighted by the pattern and added, `[n_tokens, n_head, head_dim_v]`.
    Z "blocks.{}.attn.hook_z";
    /// The output projection, `[n_tokens, n_embd]`.
    AttnProjected "blocks.{}.attn.hook_out";
    /// What the norm after attention divides by, `[n_tokens, 1]`.
    Ln1PostScale "blocks.{}.ln1_post.hook_scale";
    /// The attention branch normalised, before the weight, `[n_tokens, n_embd]`.
    Ln1PostNormalized "blocks.{}.ln1_post.hook_normalized";
    /// The attention branch normalised, after the weight, `[n_tokens, n_embd]`.
    Ln1PostOut "blocks.{}.ln1_post.hook_out";
    /// What attention adds to the residual stream, `[n_tokens, n_embd]`.
    AttnOut "blocks.{}.hook_attn_out";
    /// The residual stream between attention and feed-forward, `[n_tokens, n_embd]`.
    ResidMid "blocks.{}.hook_resid_mid";
    /// What the norm before the feed-forward divides by, `[n_tokens, 1]`.
    Ln2Scale "blocks.{}.ln2.hook_scale";
    /// The stream normalised, before the weight, `[n_tokens, n_embd]`.
    Ln2Normalized "blocks.{}.ln2.hook_normalized";
    /// The stream normalised, after the weight: what the feed-forward reads, `[n_tokens, n_embd]`.
    Ln2Out "blocks.{}.ln2.hook_out";
    /// The router's score of every expert, `[n_tokens, n_expert]`.
    ExpertScores "blocks.{}.mlp.hook_expert_scores";
    /// The indices of each token's experts, best first, `[n_tokens, n_expert_used]`.
    ExpertIndices "blocks.{}.mlp.hook_expert_indices";
    /// The weights of each token's experts, `[n_tokens, n_expert_used]`.
    ExpertWeights "blocks.{}.mlp.hook_expert_weights";
    /// Input of the activation function (the gate if there is one), `[n_tokens, n_ff]`; with experts `[n_tokens · n_expert_used, n_ff]`.
    MlpPre "blocks.{}.mlp.hook_pre";
    /// The up projection, which is multiplied by act(gate), same shape; absent where there is no gate.
    MlpPreLinear "blocks.{}.mlp.hook_pre_linear";
    /// The hidden layer: act(gate) · up, or act(up) where there is no gate, same shape.
    MlpPost "blocks.{}.mlp.hook_post";
    /// The down projection, `[n_tokens, n_embd]`; with experts `[n_tokens · n_expert_used, n_embd]`.
    MlpProjected "blocks.{}.mlp.hook_out";
    /// The experts' weighted sum, `[n_tokens, n_embd]`.
    ExpertsOut "blocks.{}.mlp.hook_experts_out";
    /// What the norm after the feed-forward divides by, `[n_tokens, 1]`.
    Ln2PostScale "blocks.{}.ln2_post.hook_scale";
    /// The feed-forward branch normalised, before the weight, `[n_tokens, n_embd]`.
    Ln2PostNormalized "blocks.{}.ln2_post.hook_normalized";
    /// The feed-forward branch normalised, after the weight, `[n_tokens, n_embd]`.
    Ln2PostOut "blocks.{}.ln2_post.hook_out";
    /// What the feed-forward adds to the residual stream, `[n_tokens, n_embd]`.
    MlpOut "blocks.{}.hook_mlp_out";
    /// The residual stream as it leaves the block, `[n_tokens, n_embd]`.
    ResidPost "blocks.{}.hook_resid_post";
    /// What the final norm divides by, `[n_logits, 1]`.
    LnFinalScale "ln_final.hook_scale";
    /// The stream normalised, before the weight, `[n_logits, n_embd]`.
    LnFinalNormalized "ln_final.hook_normalized";
    /// The stream normalised, after the weight, `[n_logits, n_embd]`.
    LnFinalOut "ln_final.hook_out";
    /// One logit per token of the vocabulary, `[n_logits, n_vocab]`.
    Unembed "unembed.hook_out";
    /// The logits after the soft cap, `[n_logits, n_vocab]`.
    Logits "unembed.hook_logits";
}

impl Hook {
    /// Whether the hook exists once per block.
    pub fn is_per_layer(self) -> bool {
        self.template().contains("{}")
    }
}

/// An activation of a model: its hook, and its block (`None` outside the blocks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HookAt {
    /// The hook.
    pub hook: Hook,
    /// Index of the block, 0-based.
    pub layer: Option<usize>,
}

impl std::fmt::Display for HookAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let template = self.hook.template();
        match (template.split_once("{}"), self.layer) {
            (Some((before, after)), Some(layer)) => write!(f, "{before}{layer}{after}"),
            _ => f.write_str(template),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_contain_their_block() {
        let mut names: Vec<_> = Hook::ALL.iter().map(|h| h.template()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Hook::ALL.len());
        assert_eq!(HookAt { hook: Hook::Q, layer: Some(3) }.to_string(), "blocks.3.attn.hook_q");
        assert_eq!(HookAt { hook: Hook::LnFinalOut, layer: None }.to_string(), "ln_final.hook_out");
    }
}
