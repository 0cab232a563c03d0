//! What generating one token moves: weights once, and the cache of every position so far.

use serde::Serialize;

use super::parts::Part;
use crate::kv_cache::{KvFormat, KvFormats, KvLayout};
use crate::model::{Config, Model};

/// Memory traffic and cache size of decoding. Decoding is bound by these bytes, not by arithmetic.
#[derive(Debug, Clone, Serialize)]
pub struct Decode {
    /// Bytes of weights that one token reads: all matrices, of mixtures of experts the chosen ones, of embeddings one row.
    pub weight_bytes_per_token: u64,
    /// Bytes that one position takes in a cache of f32.
    pub kv_bytes_per_position_f32: u64,
    /// Bytes that one position takes in a cache of f16.
    pub kv_bytes_per_position_f16: u64,
    /// Bytes that one position takes in a cache of Q8_0 blocks.
    pub kv_bytes_per_position_q8_0: u64,
    /// Bytes that one position takes in a cache of Q4_0 blocks.
    pub kv_bytes_per_position_q4_0: u64,
    /// Bytes of an f16 cache as long as the training context, every layer keeping every position.
    pub kv_bytes_full_context_f16: u64,
    /// The same where layers with a window keep only what they can still see.
    pub kv_bytes_full_context_f16_windowed: u64,
}

impl Decode {
    /// Of a model.
    pub fn of(model: &Model) -> Self {
        let config = &model.config;
        let layout = |format| KvLayout::new(config, format, format, 1);
        let f16 = layout(KvFormat::F16);
        Self {
            weight_bytes_per_token: weight_bytes_per_token(model),
            kv_bytes_per_position_f32: layout(KvFormat::F32).position_bytes() as u64,
            kv_bytes_per_position_f16: f16.position_bytes() as u64,
            kv_bytes_per_position_q8_0: layout(KvFormat::Q8_0).position_bytes() as u64,
            kv_bytes_per_position_q4_0: layout(KvFormat::Q4_0).position_bytes() as u64,
            kv_bytes_full_context_f16: (f16.position_bytes() * config.n_ctx_train) as u64,
            kv_bytes_full_context_f16_windowed: kv_read_bytes(config, KvFormat::F16, config.n_ctx_train),
        }
    }
}

/// Bytes of keys and values that a token reads when it and those before it are `n_positions`: in layers with a window
/// only what can be seen.
pub fn kv_read_bytes(config: &Config, formats: impl Into<KvFormats>, n_positions: usize) -> u64 {
    let formats = formats.into();
    let layout = KvLayout::new(config, formats.k, formats.v, 1);
    let seen = |layer: usize| config.layers[layer].window.unwrap_or(n_positions).min(n_positions);
    (0..config.n_layer()).map(|layer| (layout.layer_position_bytes(layer) * seen(layer)) as u64).sum()
}

/// Each tensor's bytes, or of some only the share that one token needs.
fn weight_bytes_per_token(model: &Model) -> u64 {
    let gguf = model.gguf();
    let experts = model.config.layers.iter().find_map(|layer| layer.experts);
    let tied = model.weights.output.is_none();
    let share = |info: crate::gguf::TensorInfo<'_>| {
        let bytes = info.n_bytes() as u64;
        match Part::of(info.name) {
            // Tied to the output, the whole table is read to make logits.
            Part::Embedding if tied && info.name == "token_embd.weight" => bytes,
            Part::Embedding => bytes / info.ne[1].max(1) as u64,
            Part::Other => 0, // RoPE factors are read once, when the model is loaded
            _ if info.name.contains("_exps.") => {
                experts.map_or(bytes, |experts| bytes * experts.n_used as u64 / experts.n as u64)
            }
            _ => bytes,
        }
    };
    gguf.tensors().map(share).sum()
}
