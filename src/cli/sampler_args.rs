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
    #[arg(long, value_name = "P", default_value_t = SamplingParams::default().top_p)]
    pub top_p: f32,

    /// Keep tokens at least P times as likely as the likeliest; 0 keeps all
    #[arg(long, value_name = "P", default_value_t = SamplingParams::default().min_p)]
    pub min_p: f32,

    /// Seed of the random choices; the same seed gives the same text. Random if absent
    #[arg(short, long, value_name = "N")]
    pub seed: Option<u32>,
}

impl SamplerArgs {
    /// The chain that these flags describe.
    pub(super) fn chain(&self) -> Result<Chain> {
        let (temperature, top_k, top_p, min_p, seed) = (self.temp, self.top_k, self.top_p, self.min_p, self.seed);
        let params = SamplingParams { temperature, top_k, top_p, min_p, seed, ..SamplingParams::default() };
        Ok(Chain::from_params(&params)?)
    }
}
