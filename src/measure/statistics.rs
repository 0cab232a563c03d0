//! From samples to numbers: median, quantiles, and how sure one can be of a ratio.
//!
//! Times on a shared machine are not spread like a bell: they have a floor (the work itself) and a long tail (whatever else
//! ran). So the middle is a *median*, which a few bad samples do not move, and how far it can be trusted is found by the
//! *bootstrap*: draw as many samples from the samples, with replacement, take the median of those, do it often, and see
//! where 95 % of these medians lie. Nothing is assumed about the shape.
//!
//! Two programs are compared in *pairs*, measured one right after the other: whatever slows the machine down for a minute
//! slows both, and cancels in the ratio. Within the pairs the order alternates ([`abba`]), so that neither always has the
//! cache that the other left behind.
//!
//! Look first at [`Samples`], then at [`ratio`]. What is deliberately not here: means and standard deviations, outlier
//! removal (every sample is kept and shown), and clocks.
//!
//! Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7(1), 1979; the percentile
//! interval.

use crate::sampling::Mt19937;
use serde::Serialize;

/// Times that the bootstrap draws.
const DRAWS: usize = 2000;
/// What the bootstrap's random numbers begin with: the same samples give the same interval.
const SEED: u32 = 20_791;

/// What was measured, in the order of measuring, and its middle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Samples {
    /// The middle sample, or the mean of the middle two.
    pub median: f64,
    /// Every sample.
    pub samples: Vec<f64>,
}

impl Samples {
    /// Samples of anything. The median of none is not a number.
    pub fn new(samples: Vec<f64>) -> Self {
        Self { median: median(&samples), samples }
    }

    /// The smallest.
    pub fn min(&self) -> f64 {
        self.samples.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The largest.
    pub fn max(&self) -> f64 {
        self.samples.iter().copied().fold(f64::NAN, f64::max)
    }

    /// The median absolute deviation from the median, as a share of it: how far apart typical samples are.
    pub fn spread(&self) -> f64 {
        let deviations: Vec<f64> = self.samples.iter().map(|x| (x - self.median).abs()).collect();
        median(&deviations) / self.median.abs()
    }
}

/// The middle number, or the mean of the middle two.
pub fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The number below which a share `q` of the samples lies, `q` in 0 ..= 1, by linear interpolation between the two nearest
/// (as `numpy.quantile` has it). Of no samples: not a number.
pub fn quantile(samples: &[f64], q: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => low + (high - low) * at.fract(),
        _ => f64::NAN,
    }
}

/// How many times faster one is than the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ratio {
    /// The median of the pairs' ratios.
    pub median: f64,
    /// The bootstrap's 95 % interval of that median.
    pub interval_95: [f64; 2],
    /// The ratio of each pair, in the order of measuring.
    pub pairs: Vec<f64>,
}

/// The median of `ours[i] / theirs[i]`, with its 95 % bootstrap interval. Samples without a partner are left out.
pub fn ratio(ours: &[f64], theirs: &[f64]) -> Ratio {
    let pairs: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    Ratio { median: median(&pairs), interval_95: bootstrap_95(&pairs), pairs }
}

/// Where 95 % of the medians of re-drawn samples lie.
pub fn bootstrap_95(samples: &[f64]) -> [f64; 2] {
    let mut rng = Mt19937::new(SEED);
    let mut draw = || samples.get((rng.next_f64() * samples.len() as f64) as usize).copied();
    let medians: Vec<f64> = (0..DRAWS)
        .map(|_| median(&samples.iter().filter_map(|_| draw()).collect::<Vec<_>>()))
        .filter(|median| !median.is_nan())
        .collect();
    [quantile(&medians, 0.025), quantile(&medians, 0.975)]
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This program.
    Ours,
    /// The one it is compared with.
    Theirs,
}

/// The order of measuring `n` pairs: ours, theirs, theirs, ours, ours, theirs, … Two that follow each other from the start
/// are a pair.
pub fn abba(n: usize) -> impl Iterator<Item = Side> {
    (0..n).flat_map(|pair| match pair % 2 {
        0 => [Side::Ours, Side::Theirs],
        _ => [Side::Theirs, Side::Ours],
    })
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
