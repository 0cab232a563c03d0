//! The sampler's flags, with llama.cpp's names and defaults.

use crate::sampling::{Chain, SamplingParams};
use anyhow::Result;
use clap::Args;

/// How the next token is chosen.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sampling")]
pub(super) struct SamplerArgs {
    /// Divides the logits: below 1 safer, above 1 wilder, 0 always the likeliest token
    #[arg(long, value_name = "T", default_value_t = SamplingParams::default().temperature, allow_negative_numbers = true)]
    pub temp: f32,

    /// Keep the K likeliest tokens; 0 keeps all
    #[arg(long, value_name = "K", default_value_t = SamplingParams::default().top_k, allow_negative_numbers = true)]
    pub top_k: i32,

    /// Keep the likeliest tokens that together have probability P; 1 keeps all
    #[arg(long, value_name = "P", default_value_t = SamplingParams::default().top_p, allow_negative_numbers = true)]
    pub top_p: f32,

    /// Keep tokens at least P times as likely as the likeliest; 0 keeps all
    #[arg(long, value_name = "P", default_value_t = SamplingParams::default().min_p, allow_negative_numbers = true)]
    pub min_p: f32,

    /// Seed of the random choices; the same seed gives the same text, -1 another text each time
    #[arg(short, long, value_name = "N", default_value = "-1", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Seed,
}

/// What `--seed` says: a number, or none, for one that nobody knows in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seed(Option<u32>);

fn seed(text: &str) -> Result<Seed, String> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(Seed(None)),
        Ok(n) => u32::try_from(n).map(|n| Seed(Some(n))).map_err(|_| EXPECTED_SEED.to_owned()),
        Err(_) => Err(EXPECTED_SEED.to_owned()),
    }
}

const EXPECTED_SEED: &str = "expected a number from 0 to 4294967295, or -1 for a random one";

impl SamplerArgs {
    /// The chain that these flags describe.
    pub(super) fn chain(&self) -> Result<Chain> {
        let (temperature, top_k, top_p, min_p, seed) = (self.temp, self.top_k, self.top_p, self.min_p, self.seed.0);
        let params = SamplingParams { temperature, top_k, top_p, min_p, seed, ..SamplingParams::default() };
        Ok(Chain::from_params(&params)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers_or_random() {
        assert_eq!([seed("-1"), seed("0")], [Ok(Seed(None)), Ok(Seed(Some(0)))]);
        assert_eq!(seed("4294967295"), Ok(Seed(Some(u32::MAX))));
        for wrong in ["-2", "4294967296", "", "x", "1.5", "99999999999999999999"] {
            assert!(seed(wrong).unwrap_err().contains("-1 for a random one"), "{wrong}");
        }
    }
}
