//! Metadata keys → [`Config`]: every number is read once, checked once, and named in the error if it is wrong.
//!
//! Look first at [`read`]. Every number has a range: far wider than the numbers of published models, and so narrow that
//! computing with it gives finite numbers. Where llama.cpp aborts the process or computes NaN, this is an error.
//!
//! Source: `llama_model_base::load_hparams` and `llama-context.cpp` (how RoPE scaling is resolved) of llama.cpp.

use super::ModelError;
use super::architectures::{AttentionShape, Family};
use super::config::{Config, Experts, LayerConfig, Norm};
use super::keys::{Keys, Zero};
use super::rope;
use crate::escape::Quoted;
use crate::gguf::Metadata;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Layers, as in llama.cpp (`LLAMA_MAX_LAYERS`).
const MAX_LAYERS: usize = 512;
/// Experts, as in llama.cpp (`LLAMA_MAX_EXPERTS`).
const MAX_EXPERTS: usize = 1024;
/// Widths and head counts: far beyond any model, and small enough that products of two of them cannot overflow.
const MAX_WIDTH: usize = 1 << 24;
/// Positions are `i32` in this format's world.
const MAX_CONTEXT: usize = i32::MAX as usize;
/// Epsilons of norms: published ones are 1e-12 to 1e-5.
const EPSILON: RangeInclusive<f32> = 0.0..=1.0;
/// Caps on logits: published ones are 20 to 50.
const SOFTCAP: RangeInclusive<f32> = 0.1..=1e6;
/// What the weights of the chosen experts must at least add up to: the smallest normal f16.
const MIN_EXPERT_WEIGHT_SUM: f32 = 6.103_515_6e-5;

/// Reads everything but RoPE's frequency factors, which are tensors. `n_ctx` is the context the caller asked for.
pub(super) fn read(family: &Family, metadata: &Metadata, n_ctx: Option<usize>) -> Result<Config, ModelError> {
    let keys = Keys::new(metadata, family.name);
    refuse_unsupported(&keys)?;

    let n_layer = keys.size("block_count", 1..=MAX_LAYERS)?;
    let n_embd = keys.size("embedding_length", 1..=MAX_WIDTH)?;
    let n_ctx_train = keys.size("context_length", 1..=MAX_CONTEXT)?;
    let n_ctx = context(family, n_ctx, n_ctx_train)?;

    let norm = match family.layer_norm {
        false => Norm::Rms { eps: keys.require_f32_within("attention.layer_norm_rms_epsilon", EPSILON)? },
        true => Norm::Layer { eps: keys.require_f32_within("attention.layer_norm_epsilon", EPSILON)? },
    };
    let layers = layers(family, &keys, n_layer, n_embd, n_ctx_train)?;

    Ok(Config {
        architecture: family.name.to_owned(),
        name: metadata.text("general.name")?.map(Cow::into_owned),
        n_vocab: n_vocab(&keys)?,
        n_ctx_train,
        n_ctx,
        n_embd,
        layers,
        norm,
        embedding_scale: family.scaled_embedding.then(|| (n_embd as f32).sqrt()),
        act_fn: family.act_fn,
        logit_softcap: match family.logit_softcap {
            true => keys.f32_within("final_logit_softcapping", SOFTCAP, Zero::MeansNone)?,
            false => None,
        },
    })
}

/// Every block's shape. A head count or width may be one number for all layers, or an array with one per layer.
fn layers(
    family: &Family,
    keys: &Keys<'_>,
    n_layer: usize,
    n_embd: usize,
    n_ctx_train: usize,
) -> Result<Vec<LayerConfig>, ModelError> {
    let n_head = keys.require_per_layer("attention.head_count", n_layer, 1..=MAX_WIDTH)?;
    let n_head_kv =
        keys.per_layer("attention.head_count_kv", n_layer, 1..=MAX_WIDTH)?.unwrap_or_else(|| n_head.clone());
    let n_ff = keys.require_per_layer("feed_forward_length", n_layer, 1..=MAX_WIDTH)?;
    for (&n_head, &n_head_kv) in n_head.iter().zip(&n_head_kv) {
        if n_head % n_head_kv != 0 {
            return Err(keys.invalid(
                "attention.head_count_kv",
                format!("a divisor of head_count {n_head}"),
                n_head_kv,
            ));
        }
    }

    let head_dim = head_dim(family, keys, n_embd, &n_head)?;
    let attn_scale = (family.attn_scale)(&AttentionShape { n_layer, n_embd, n_head: n_head[0], head_dim });
    let experts = experts(family, keys, n_layer)?;
    let windows = windows(family, keys, n_layer)?;
    let ropes = rope::Ropes::read(family, keys, head_dim, n_ctx_train)?;

    Ok((0..n_layer)
        .map(|il| LayerConfig {
            n_head: n_head[il],
            n_head_kv: n_head_kv[il],
            head_dim_k: head_dim,
            head_dim_v: head_dim,
            n_ff: n_ff[il],
            attn_scale,
            window: windows[il],
            rope: ropes.for_layer(windows[il].is_some()),
            experts: experts.as_ref().map(|experts| experts[il]),
        })
        .collect())
}

/// The length of a head's vectors: one for the whole model, and the same for keys and values, as every family's graph
/// in llama.cpp asserts.
fn head_dim(family: &Family, keys: &Keys<'_>, n_embd: usize, n_head: &[usize]) -> Result<usize, ModelError> {
    let head_dim = match keys.optional_size("attention.key_length", 1..=MAX_WIDTH)? {
        Some(head_dim) => head_dim,
        None if n_embd.is_multiple_of(n_head[0]) => n_embd / n_head[0],
        None => {
            let expected = format!("a divisor of embedding_length {n_embd}, or attention.key_length beside it");
            return Err(keys.invalid("attention.head_count", expected, n_head[0]));
        }
    };
    for suffix in ["attention.value_length", "attention.key_length_swa", "attention.value_length_swa"] {
        // An absent value_length is not key_length but, as an absent key_length, the width of the stream per head.
        let default = (suffix == "attention.value_length").then_some(n_embd / n_head[0]);
        match keys.optional_size(suffix, 1..=MAX_WIDTH)?.or(default) {
            Some(other) if other != head_dim => {
                let expected = format!("{head_dim}, as attention.key_length");
                return Err(keys.invalid(suffix, expected, other));
            }
            _ => {}
        }
    }
    if family.square_heads
        && let Some(&n_head) = n_head.iter().find(|&&n_head| n_head * head_dim != n_embd)
    {
        let expected = format!("embedding_length {n_embd} / {n_head} heads");
        return Err(keys.invalid("attention.key_length", expected, head_dim));
    }
    Ok(head_dim)
}

/// Mixture of experts, per layer, or `None` for dense feed-forward networks.
fn experts(family: &Family, keys: &Keys<'_>, n_layer: usize) -> Result<Option<Vec<Experts>>, ModelError> {
    let limit = if family.experts { MAX_EXPERTS } else { 0 };
    let n = keys.optional_size("expert_count", 0..=limit)?.unwrap_or(0);
    let n_used = keys.per_layer("expert_used_count", n_layer, 0..=n)?;
    if n == 0 {
        return Ok(None);
    }
    let n_used = n_used.unwrap_or_else(|| vec![0; n_layer]);
    if n_used.contains(&0) {
        return Err(keys.invalid("expert_used_count", format!("1 to {n}, the number of experts"), 0));
    }
    let expert = |n_used| Experts { n, n_used, renormalize: true, min_weight_sum: MIN_EXPERT_WEIGHT_SUM };
    Ok(Some(n_used.into_iter().map(expert).collect()))
}

/// The window of each layer. Of every `pattern` layers the last sees everything; or the file says it layer by layer.
fn windows(family: &Family, keys: &Keys<'_>, n_layer: usize) -> Result<Vec<Option<usize>>, ModelError> {
    /// Five layers with a window, then one without.
    const DEFAULT_PATTERN: usize = 6;
    const PATTERN: &str = "attention.sliding_window_pattern";
    let everything = vec![None; n_layer];
    if !family.sliding_window {
        return Ok(everything);
    }
    let window = match keys.optional_size("attention.sliding_window", 0..=u32::MAX as usize)? {
        None | Some(0) => return Ok(everything),
        Some(window) => window,
    };
    let has_window = match keys.flags(PATTERN, n_layer)? {
        Some(flags) => flags,
        None => match keys.optional_size(PATTERN, 0..=u32::MAX as usize)?.unwrap_or(DEFAULT_PATTERN) {
            0 => vec![true; n_layer],
            pattern => (0..n_layer).map(|il| il % pattern < pattern - 1).collect(),
        },
    };
    Ok(has_window.into_iter().map(|has| has.then_some(window)).collect())
}

/// Logits per position: as many as there are tokens. A file without a vocabulary may say the number instead.
fn n_vocab(keys: &Keys<'_>) -> Result<usize, ModelError> {
    const TOKENS: &str = "tokenizer.ggml.tokens";
    let Some(tokens) = keys.metadata.array(TOKENS)? else { return keys.size("vocab_size", 1..=MAX_CONTEXT) };
    if !(1..=MAX_CONTEXT).contains(&tokens.len()) {
        let found = Quoted::new(&format!("{} tokens", tokens.len()));
        let expected = format!("1 to {MAX_CONTEXT} tokens");
        return Err(ModelError::InvalidValue { key: TOKENS.into(), expected, found });
    }
    Ok(tokens.len())
}

/// The context to prepare for. A table of position vectors has as many rows as the training context.
fn context(family: &Family, asked: Option<usize>, n_ctx_train: usize) -> Result<usize, ModelError> {
    let limit = if family.position_embd { n_ctx_train } else { MAX_CONTEXT };
    match asked {
        None => Ok(n_ctx_train),
        Some(asked) if (1..=limit).contains(&asked) => Ok(asked),
        Some(asked) => Err(ModelError::Context { asked, limit }),
    }
}

/// Keys that change what the forward pass would have to compute, in ways that are not built here.
fn refuse_unsupported(keys: &Keys<'_>) -> Result<(), ModelError> {
    if keys.bool("attention.causal")? == Some(false) {
        return Err(keys.invalid("attention.causal", "true: each position sees only the ones before it", false));
    }
    keys.optional_size("nextn_predict_layers", 0..=0)?;
    keys.optional_size("expert_group_count", 0..=1)?;
    Ok(())
}
