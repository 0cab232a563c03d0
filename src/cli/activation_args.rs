//! The flag that says how finely activations are rounded.

use crate::optimized::Activations;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// What quantised matrices read.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct ActivationArgs {
    /// Bits to which the optimized path rounds what quantised matrices read: 16 is two hundred times as exact, and prompts
    /// take longer
    #[arg(long, value_name = "BITS", default_value = "8", value_parser = bits())]
    pub activations: Activations,
}

fn bits() -> impl TypedValueParser<Value = Activations> {
    PossibleValuesParser::new(["8", "16"]).map(|bits| match bits.as_str() {
        "16" => Activations::SixteenBits,
        _ => Activations::EightBits,
    })
}

/// Where it is not the usual, what to say of it.
pub(super) fn unusual(activations: Option<Activations>) -> &'static str {
    match activations {
        Some(Activations::SixteenBits) => ", 16-bit activations",
        Some(Activations::EightBits) | None => "",
    }
}
