//! The flags that say how the optimized path computes, and the names of kernel tables.
//!
//! [`table`] is the only place that looks up a name.

use crate::kernels::Kernels;
use crate::optimized::{self, ActPrecision};
use anyhow::{Context, Result};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// How the optimized path computes. The naive path has neither kernels nor rounding.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct OptimizedArgs {
    /// Kernels (inner loops) of the optimized path: scalar, or an instruction set such as avx2 [default: the fastest that runs
    /// here]. Results do not depend on it
    #[arg(long, value_name = "NAME")]
    pub kernels: Option<String>,

    /// Bits of the activations that quantised matrices read, on the optimized path. 16 rounds 256 times more finely than 8,
    /// and prompts take longer. With 8, the matrices of queries, keys and values and the output matrix still read 16. The
    /// naive path rounds nothing
    #[arg(long, value_name = "BITS", default_value = "8", value_parser = bits())]
    pub activations: ActPrecision,
}

impl OptimizedArgs {
    /// The options that these flags describe.
    ///
    /// # Errors
    /// If no such kernels run here.
    pub(super) fn options(&self, n_threads: usize) -> Result<optimized::Options> {
        let kernels = self.kernels.as_deref().map_or_else(|| Ok(Kernels::detect()), table)?;
        Ok(optimized::Options { n_threads, kernels, activations: self.activations })
    }
}

/// Which tables of kernels a command is about that compares them.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct TablesArg {
    /// Kernels to look at: scalar, or instruction sets such as avx2 [default: all that run here]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    kernels: Vec<String>,
}

impl TablesArg {
    /// The tables, in the order in which the library lists them.
    ///
    /// # Errors
    /// If a name is none.
    pub(super) fn tables(&self) -> Result<Vec<Kernels>> {
        let asked = self.kernels.iter().map(|name| table(name)).collect::<Result<Vec<_>>>()?;
        let is_asked = |kernels: &Kernels| asked.is_empty() || asked.iter().any(|table| table.name == kernels.name);
        Ok(Kernels::available().into_iter().filter(is_asked).collect())
    }
}

/// The table with this name.
fn table(name: &str) -> Result<Kernels> {
    Kernels::by_name(name).with_context(|| {
        let available = Kernels::available().iter().map(|kernels| kernels.name).collect::<Vec<_>>().join(", ");
        format!("no kernels '{name}' run on this machine; expected one of: {available}")
    })
}

fn bits() -> impl TypedValueParser<Value = ActPrecision> {
    PossibleValuesParser::new(["8", "16"]).map(|bits| match bits.as_str() {
        "16" => ActPrecision::A16,
        _ => ActPrecision::A8,
    })
}

/// What to say of activations where they are not the usual ones.
pub(super) fn unusual(activations: Option<ActPrecision>) -> &'static str {
    match activations {
        Some(ActPrecision::A16) => ", 16-bit activations",
        Some(ActPrecision::A8) | None => "",
    }
}
