//! The KV cache's flags, with llama.cpp's names and values.

use super::path::Path;
use crate::kv_cache::{KvFormat, KvFormats};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// How keys and values are stored.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct CacheArgs {
    /// How keys are stored (also -ctk): f32 is exact, f16 takes 1/2 of its memory, q8_0 about 1/4, q4_0 1/7; f16 if not
    /// given, on the naive path and in `verify` f32
    #[arg(long, help_heading = "KV cache", value_name = "FORMAT", value_parser = formats())]
    cache_type_k: Option<KvFormat>,

    /// How values are stored (also -ctv)
    #[arg(long, help_heading = "KV cache", value_name = "FORMAT", value_parser = formats())]
    cache_type_v: Option<KvFormat>,
}

impl CacheArgs {
    /// The formats that these flags describe: of a path that shows what is exact, or of one that is fast.
    pub(super) fn formats(&self, path: Path) -> KvFormats {
        let default = match path {
            Path::Naive => KvFormat::F32,
            Path::Optimized => KvFormat::F16,
        };
        KvFormats { k: self.cache_type_k.unwrap_or(default), v: self.cache_type_v.unwrap_or(default) }
    }
}

/// Names of formats, and what they name.
fn formats() -> impl TypedValueParser<Value = KvFormat> {
    PossibleValuesParser::new(KvFormat::ALL.map(KvFormat::name))
        .try_map(|name| KvFormat::from_name(&name).ok_or("no format of the KV cache"))
}
