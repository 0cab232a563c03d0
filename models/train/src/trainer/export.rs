//! Weights → a GGUF file like any other model's, through `cutaway`'s own writer and quantisers, and back.
//!
//! Matrices are written in the format asked for; norms, and the router of a mixture, stay F32, as in the files that
//! llama.cpp's converters make. An F32 file holds the weights exactly, and is what a training leaves behind.

use super::config::{Architecture, ModelConfig};
use super::model::Model;
use super::parameters::Kind;
use crate::vocabulary::Vocabulary;
use anyhow::{Context, Result, bail, ensure};
use cutaway::gguf::{Encode, Gguf, GgufError, Metadata, Writer};
use cutaway::quant::{GgmlType, dequantize, quantize};
use std::path::Path;

/// The whole file.
pub fn to_gguf(model: &Model, params: &[f32], ty: GgmlType) -> Result<Vec<u8>> {
    let mut writer = Writer::new(metadata(&model.config, ty)?);
    for tensor in &model.layout.tensors {
        let ty = match tensor.kind {
            Kind::Norm | Kind::Router => GgmlType::F32,
            Kind::Matrix | Kind::Branch | Kind::Embedding => ty,
        };
        let weights = &params[tensor.range.clone()];
        let bytes = ty.row_bytes(weights.len()).with_context(|| format!("{}: no whole blocks", tensor.name))?;
        let mut data = vec![0; bytes];
        quantize(ty, weights, &mut data).with_context(|| tensor.name.clone())?;
        writer.tensor(&tensor.name, ty, &tensor.ne, data)?;
    }
    Ok(writer.to_bytes()?)
}

/// A model and its weights, decoded to f32, from a file of [`to_gguf`].
pub fn from_gguf(path: &Path) -> Result<(Model, Vec<f32>)> {
    let gguf = Gguf::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = gguf.metadata().require_str("general.basename")?;
    let Some(config) = ModelConfig::named(name) else { bail!("{}: no member is called {name}", path.display()) };
    let model = Model::new(config);
    let mut params = vec![0.0; model.layout.len()];
    for tensor in &model.layout.tensors {
        let info = gguf.tensor(&tensor.name).with_context(|| format!("{} lacks {}", path.display(), tensor.name))?;
        ensure!(info.n_elements() == tensor.range.len(), "{}: {} has another size", path.display(), tensor.name);
        dequantize(info.ty, gguf.data(&info), &mut params[tensor.range.clone()])?;
    }
    Ok((model, params))
}

/// Everything the file says beside its weights.
fn metadata(config: &ModelConfig, ty: GgmlType) -> Result<Metadata, GgufError> {
    let architecture = match config.architecture {
        Architecture::Llama => "llama",
        Architecture::Gemma3 => "gemma3",
    };
    let mut metadata = Metadata::new();
    Vocabulary::describe(&title(&config.name), description(&config.name), &mut metadata)?;
    metadata.insert("general.architecture", architecture)?;
    metadata.insert("general.basename", config.name.as_str())?;
    metadata.insert("general.quantization_version", 2_u32)?;
    if let Some(file_type) = file_type(ty) {
        metadata.insert("general.file_type", file_type)?;
    }
    let mut keys = Keys { architecture, metadata: &mut metadata };
    keys.size("vocab_size", config.n_vocab)?;
    keys.size("context_length", config.n_ctx)?;
    keys.size("embedding_length", config.n_embd)?;
    keys.size("block_count", config.n_layer)?;
    keys.size("feed_forward_length", config.n_ff)?;
    keys.size("attention.head_count", config.n_head)?;
    keys.size("attention.head_count_kv", config.n_head_kv)?;
    keys.put("attention.layer_norm_rms_epsilon", config.norm_eps)?;
    keys.put("rope.freq_base", config.rope_base)?;
    match config.architecture {
        Architecture::Llama => keys.size("rope.dimension_count", config.head_dim)?,
        Architecture::Gemma3 => {
            keys.size("attention.key_length", config.head_dim)?;
            keys.size("attention.value_length", config.head_dim)?;
        }
    }
    if let Some(experts) = config.experts {
        keys.size("expert_count", experts.n)?;
        keys.size("expert_used_count", experts.n_used)?;
    }
    if let Some(window) = config.window {
        keys.size("attention.sliding_window", window.size)?;
        keys.size("attention.sliding_window_pattern", window.pattern)?;
        keys.put("rope.freq_base_swa", config.rope_base)?;
    }
    Vocabulary::committed().metadata(&mut metadata)?;
    Ok(metadata)
}

/// Keys that begin with the architecture's name.
struct Keys<'a> {
    architecture: &'a str,
    metadata: &'a mut Metadata,
}

impl Keys<'_> {
    fn size(&mut self, suffix: &str, value: usize) -> Result<(), GgufError> {
        self.put(suffix, value as u32)
    }

    fn put(&mut self, suffix: &str, value: impl Encode) -> Result<(), GgufError> {
        self.metadata.insert(&format!("{}.{suffix}", self.architecture), value)
    }
}

/// `tiny-mqa` → `Cutaway Tiny MQA`.
fn title(name: &str) -> String {
    match name.split_once('-') {
        Some((_, variant)) => format!("Cutaway Tiny {}", variant.to_uppercase()),
        None => "Cutaway Tiny".to_owned(),
    }
}

fn description(name: &str) -> &'static str {
    match name {
        "tiny-mqa" => "All query heads share one key/value head",
        "tiny-mha" => "Every query head has its own key/value head",
        "tiny-moe" => "Four experts in each feed-forward network, two of them used for a token",
        "tiny-swa" => "Four layers of six see only 64 positions",
        "tiny-gemma" => "tiny-swa without its windows",
        _ => "Writes little stories, answers questions about them, fills JSON records",
    }
}

/// llama.cpp's number for a file whose matrices have this format.
fn file_type(ty: GgmlType) -> Option<u32> {
    match ty {
        GgmlType::F32 => Some(0),
        GgmlType::F16 => Some(1),
        GgmlType::Q4_0 => Some(2),
        GgmlType::Q4_1 => Some(3),
        GgmlType::Q8_0 => Some(7),
        GgmlType::Q5_0 => Some(8),
        GgmlType::Q5_1 => Some(9),
        _ => None,
    }
}
