//! RoPE's many keys → one [`Rope`] per kind of layer, with every default and scaling already resolved.
//!
//! Look first at [`Ropes::read`]: it follows `llama-context.cpp` line by line, since what YaRN finally multiplies
//! is decided there and not in the file. Only a few families of llama.cpp read `rope.scaling.yarn_*` keys, none
//! of them known here: the betas are constants.

use super::ModelError;
use super::architectures::{Family, FreqFactors};
use super::config::{Rope, RopePairing};
use super::keys::{Keys, Zero};
use std::ops::RangeInclusive;

const DEFAULT_BASE: f32 = 10_000.0;
/// Published bases are 500 to 1e11. Not 1, since YaRN divides by the base's logarithm.
const BASE: RangeInclusive<f32> = 1.01..=1e15;
/// Published stretches are 1 to 512.
const STRETCH: RangeInclusive<f32> = 1e-3..=1e6;
/// Published factors are 0.7 to 1.5. Scores have its square.
const ATTN_FACTOR: RangeInclusive<f32> = 0.01..=100.0;
/// Divisors of frequencies: published ones are 0.9 to 64, and 1e30 for pairs that shall not turn.
pub(super) const FREQ_FACTOR: RangeInclusive<f32> = 1e-3..=1e32;
const YARN_BETA_FAST: f32 = 32.0;
const YARN_BETA_SLOW: f32 = 1.0;

/// What `rope.scaling.type` may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scaling {
    None,
    Linear,
    Yarn,
    LongRope,
}

impl Scaling {
    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, ModelError> {
        match keys.str("rope.scaling.type")? {
            None | Some("linear") => Ok(Scaling::Linear),
            Some("none") => Ok(Scaling::None),
            Some("yarn") => Ok(Scaling::Yarn),
            Some("longrope") => Ok(Scaling::LongRope),
            Some(other) => Err(keys.invalid("rope.scaling.type", "none, linear, yarn or longrope", other)),
        }
    }
}

/// The RoPE of layers that see everything, and of layers with a window. Both `None` in a family without RoPE.
pub(super) struct Ropes {
    full: Option<Rope>,
    windowed: Option<Rope>,
}

impl Ropes {
    pub(super) fn read(
        family: &Family,
        keys: &Keys<'_>,
        head_dim: usize,
        n_ctx_train: usize,
    ) -> Result<Self, ModelError> {
        let Some(pairing) = family.rope else { return Ok(Ropes { full: None, windowed: None }) };
        let full = read_full(family, keys, pairing, head_dim, n_ctx_train)?;
        // Layers with a window never need to look far: they keep their own base and unscaled positions.
        let windowed = match family.sliding_window {
            true => Some(Rope { base: read_base(keys, "rope.freq_base_swa")?, freq_scale: 1.0, ..full.clone() }),
            false => None,
        };
        Ok(Ropes { full: Some(full), windowed })
    }

    pub(super) fn for_layer(&self, has_window: bool) -> Option<Rope> {
        if has_window { self.windowed.clone() } else { self.full.clone() }
    }
}

fn read_full(
    family: &Family,
    keys: &Keys<'_>,
    pairing: RopePairing,
    head_dim: usize,
    n_ctx_train: usize,
) -> Result<Rope, ModelError> {
    let scaling = Scaling::read(keys)?;
    let ext_factor = if scaling == Scaling::Yarn { 1.0 } else { 0.0 };
    let freq_scale = if scaling == Scaling::None { 1.0 } else { read_freq_scale(keys)? };
    let attn_factor = keys.f32_within("rope.scaling.attn_factor", ATTN_FACTOR, Zero::IsANumber)?.unwrap_or(1.0);
    let n_ctx_orig = keys.optional_size("rope.scaling.original_context_length", 0..=i32::MAX as usize)?;

    Ok(Rope {
        n_rot: read_n_rot(family, keys, head_dim)?,
        pairing,
        base: read_base(keys, "rope.freq_base")?,
        freq_scale,
        ext_factor,
        attn_factor: attn_factor * if ext_factor != 0.0 { yarn_magnitude(freq_scale) } else { 1.0 },
        beta_fast: YARN_BETA_FAST,
        beta_slow: YARN_BETA_SLOW,
        n_ctx_orig: n_ctx_orig.filter(|&n| n > 0).unwrap_or(n_ctx_train),
        freq_factors: None,
    })
}

/// How many components turn: an even number, all of the head unless the family allows part of it.
fn read_n_rot(family: &Family, keys: &Keys<'_>, head_dim: usize) -> Result<usize, ModelError> {
    let n_rot = match keys.optional_size("rope.dimension_count", 1..=head_dim)? {
        Some(n_rot) if !family.partial_rotary && n_rot != head_dim => {
            return Err(keys.invalid("rope.dimension_count", format!("{head_dim}, the whole head"), n_rot));
        }
        Some(n_rot) => n_rot,
        None => head_dim,
    };
    if !n_rot.is_multiple_of(2) {
        return Err(keys.invalid("rope.dimension_count", "an even number, since components turn in pairs", n_rot));
    }
    if family.sliding_window
        && let Some(other) = keys.optional_size("rope.dimension_count_swa", 0..=usize::MAX)?
        && other != n_rot
    {
        return Err(keys.invalid("rope.dimension_count_swa", format!("{n_rot}, as in the other layers"), other));
    }
    Ok(n_rot)
}

/// 1 / the stretch of the context. The second key is an old name.
fn read_freq_scale(keys: &Keys<'_>) -> Result<f32, ModelError> {
    for suffix in ["rope.scaling.factor", "rope.scale_linear"] {
        let stretch = keys.f32_within(suffix, STRETCH, Zero::MeansNone)?;
        if keys.f32(suffix)?.is_some() {
            return Ok(1.0 / stretch.unwrap_or(1.0));
        }
    }
    Ok(1.0)
}

fn read_base(keys: &Keys<'_>, suffix: &str) -> Result<f32, ModelError> {
    Ok(keys.f32_within(suffix, BASE, Zero::IsANumber)?.unwrap_or(DEFAULT_BASE))
}

/// YaRN lengthens queries and keys by `m = 1 + 0.1·ln(stretch)`. ggml's kernel multiplies by that itself, so the
/// context divides it out again here: the factors leave `m`, or 1 where nothing is stretched. ([`STRETCH`] keeps the
/// divisor positive.)
fn yarn_magnitude(freq_scale: f32) -> f32 {
    let stretch = 1.0 / freq_scale;
    let magnitude = if stretch <= 1.0 { 1.0 } else { 0.1 * stretch.ln() + 1.0 };
    magnitude * (1.0 / (1.0 + 0.1 * stretch.ln()))
}

/// The names of the tensors that may hold a divisor per frequency; the first of the two is used when the context asked
/// for is longer than the original one, the second otherwise.
pub(super) fn freq_factor_tensors(family: &Family, keys: &Keys<'_>) -> Result<Option<[&'static str; 2]>, ModelError> {
    const LLAMA3: [&str; 2] = ["rope_freqs.weight"; 2];
    const LONGROPE: [&str; 2] = ["rope_factors_long.weight", "rope_factors_short.weight"];
    Ok(match (family.freq_factors, Scaling::read(keys)?) {
        (FreqFactors::Never, _) => None,
        (FreqFactors::LongRope, _) | (FreqFactors::ByScalingType, Scaling::LongRope) => Some(LONGROPE),
        (FreqFactors::ByScalingType, _) => Some(LLAMA3),
    })
}
