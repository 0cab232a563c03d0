//! The flag that says how finely activations are rounded.

use crate::optimized::ActPrecision;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// What quantised matrices read.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct ActivationArgs {
    /// Bits to which the optimized path rounds what quantised matrices read: 16 is 256 times as fine, and prompts take longer.
    /// With 8, attention's first and the last matrix read 16 all the same; the naive path rounds nothing
    #[arg(long, value_name = "BITS", default_value = "8", value_parser = bits())]
    pub activations: ActPrecision,
}

fn bits() -> impl TypedValueParser<Value = ActPrecision> {
    PossibleValuesParser::new(["8", "16"]).map(|bits| match bits.as_str() {
        "16" => ActPrecision::A16,
        _ => ActPrecision::A8,
    })
}

/// Where it is not the usual, what to say of it.
pub(super) fn unusual(activations: Option<ActPrecision>) -> &'static str {
    match activations {
        Some(ActPrecision::A16) => ", 16-bit activations",
        Some(ActPrecision::A8) | None => "",
    }
}
