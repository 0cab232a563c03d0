//! The KV cache's flags, with llama.cpp's names and values.

use crate::kv_cache::{KvFormat, KvFormats};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// How the past is remembered.
#[derive(Debug, Clone, Args)]
pub(super) struct CacheArgs {
    /// How keys are stored (also -ctk): f32 is exact, f16 takes 1/2 of its memory, q8_0 about 1/4, q4_0 1/7
    #[arg(long, help_heading = "KV cache", value_name = "FORMAT", default_value = KvFormat::F32.name(), value_parser = formats())]
    pub cache_type_k: KvFormat,

    /// How values are stored (also -ctv)
    #[arg(long, help_heading = "KV cache", value_name = "FORMAT", default_value = KvFormat::F32.name(), value_parser = formats())]
    pub cache_type_v: KvFormat,
}

impl CacheArgs {
    /// The formats that these flags describe.
    pub(super) fn formats(&self) -> KvFormats {
        KvFormats { k: self.cache_type_k, v: self.cache_type_v }
    }
}

/// Names of formats, and what they name.
fn formats() -> impl TypedValueParser<Value = KvFormat> {
    PossibleValuesParser::new(KvFormat::ALL.map(KvFormat::name))
        .try_map(|name| KvFormat::from_name(&name).ok_or("no format of the KV cache"))
}
