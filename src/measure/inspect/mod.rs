//! What a GGUF file is: its model as features, its parameters by part, its bytes by format, its sections.
//!
//! Look first at [`Inspection`], then at [`inspect`]. A file that cannot be loaded as a model (an unknown family, a
//! vocabulary without weights) is still described as far as its tensors and metadata go, and [`Inspection::problem`]
//! says why there is no more.
//!
//! Numbers are raw: bytes, counts, plain ratios. How they are shown is the business of `cli/inspect`.
//!
//! What it deliberately does not do: read weights. Only the directory of the file is looked at, so that a report takes
//! milliseconds whatever the size of the model.

mod decode;
mod features;
mod file_map;
mod parts;
mod tokenizer;

use std::sync::Arc;

use serde::Serialize;

pub use decode::{Decode, kv_read_bytes};
pub use features::{Features, LayerGroup, RopeReport};
pub use file_map::{FileMap, Section};
pub use parts::{FormatShare, Part, PartShare, formats, parts};
pub use tokenizer::{SpecialToken, TokenizerReport};

use crate::gguf::{Gguf, Value};
use crate::model::{LoadOptions, Model};

/// Everything that is known about a file.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// `general.name`.
    pub name: Option<String>,
    /// `general.architecture`: the family.
    pub architecture: Option<String>,
    /// `general.file_type` in words: the recipe by which formats were chosen, such as Q4_K_M.
    pub file_type: Option<String>,
    /// The model as features, if the file can be loaded.
    pub features: Option<Features>,
    /// Why it cannot be loaded.
    pub problem: Option<String>,
    /// The keys of its architecture as they stand in the file, for a model that cannot be loaded.
    pub keys: Vec<MetadataReport>,
    /// The tokenizer, as the metadata describe it.
    pub tokenizer: Option<TokenizerReport>,
    /// Parameters in all: every element of every tensor.
    pub n_parameters: u64,
    /// Tensors in all.
    pub n_tensors: usize,
    /// Bytes of all tensors, without padding.
    pub tensor_bytes: u64,
    /// The same, by what the tensors are for.
    pub parts: Vec<PartShare>,
    /// The same, by how they are stored.
    pub formats: Vec<FormatShare>,
    /// What generating one token moves, if the file can be loaded.
    pub decode: Option<Decode>,
    /// The file from its first byte to its last.
    pub file: FileMap,
}

/// Describes a file.
pub fn inspect(gguf: &Arc<Gguf>) -> Inspection {
    let metadata = gguf.metadata();
    let text = |key: &str| metadata.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let architecture = text("general.architecture");
    let (model, problem) = match Model::load(Arc::clone(gguf), LoadOptions::default()) {
        Ok(model) => (Some(model), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let prefix = format!("{}.", architecture.as_deref().unwrap_or_default());
    let keys = if model.is_none() { metadata_reports(gguf, |key| key.starts_with(&prefix)) } else { Vec::new() };
    Inspection {
        name: text("general.name"),
        file_type: file_type(gguf),
        features: model.as_ref().map(Features::of),
        problem,
        keys,
        tokenizer: TokenizerReport::of(metadata),
        n_parameters: gguf.tensors().map(|info| info.n_elements() as u64).sum(),
        n_tensors: gguf.tensors().len(),
        tensor_bytes: gguf.tensors().map(|info| info.n_bytes() as u64).sum(),
        parts: parts(gguf),
        formats: formats(gguf),
        decode: model.as_ref().map(Decode::of),
        file: FileMap::of(gguf),
        architecture,
    }
}

/// One tensor, as listed.
#[derive(Debug, Clone, Serialize)]
pub struct TensorReport {
    /// Its name.
    pub name: String,
    /// Its format.
    pub format: String,
    /// Its dimensions, row length first, as in the file.
    pub shape: Vec<usize>,
    /// What it is for.
    pub part: Part,
    /// Its elements.
    pub n_parameters: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Where they begin in the file.
    pub offset: u64,
}

/// Every tensor, in the order of the file.
pub fn tensor_reports(gguf: &Gguf) -> Vec<TensorReport> {
    let report = |info: crate::gguf::TensorInfo<'_>| TensorReport {
        name: info.name.to_owned(),
        format: info.ty.name().to_owned(),
        shape: info.shape().to_vec(),
        part: Part::of(info.name),
        n_parameters: info.n_elements() as u64,
        bytes: info.n_bytes() as u64,
        offset: (gguf.data_offset() + info.offset) as u64,
    };
    gguf.tensors().map(report).collect()
}

/// One metadata entry, as listed.
#[derive(Debug, Clone, Serialize)]
pub struct MetadataReport {
    /// The key.
    pub key: String,
    /// The type, `arr[…]` for arrays.
    #[serde(rename = "type")]
    pub ty: String,
    /// The value as text; of a long array only the first elements, and how many there are.
    pub value: String,
}

/// The metadata entries whose key satisfies `keep`, in the order of the file.
pub fn metadata_reports(gguf: &Gguf, keep: impl Fn(&str) -> bool) -> Vec<MetadataReport> {
    let report = |(key, value): (&str, Value<'_>)| MetadataReport {
        key: key.to_owned(),
        ty: value.type_name(),
        value: value.to_string(),
    };
    gguf.metadata().iter().filter(|(key, _)| keep(key)).map(report).collect()
}

/// The recipe in `general.file_type`. Source: `enum llama_ftype` in `llama.h`.
fn file_type(gguf: &Gguf) -> Option<String> {
    let id = gguf.metadata().u32("general.file_type").ok().flatten()?;
    let name = match id {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        21 => "Q2_K_S",
        25 => "IQ4_NL",
        30 => "IQ4_XS",
        32 => "BF16",
        38 => "MXFP4_MOE",
        _ => return Some(format!("number {id}")),
    };
    Some(name.to_owned())
}
