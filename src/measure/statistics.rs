//! From samples to numbers: median, quantiles, and the confidence interval of a ratio.
//!
//! Times on a shared machine are not normally distributed: they have a minimum (the work itself) and a long tail (other
//! programs that ran). So the middle is given as the *median*, which a few bad samples do not change. Its confidence interval
//! is found by the *bootstrap*: draw n samples from the n samples, with replacement, take their median, repeat this many
//! times, and find the interval that holds 95 % of these medians. This assumes nothing about the distribution.
//!
//! Two programs are compared in *pairs* of runs, one right after the other: if something slows the machine down for a
//! minute, it slows both runs, and the ratio stays the same. The order within the pairs alternates ([`abba`]), so that the
//! same program is not always the first.
//!
//! Look first at [`Samples`], then at [`ratio`]. What is deliberately not here: means and standard deviations, outlier
//! removal (every sample is kept and shown), and clocks.
//!
//! Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7(1), 1979; the percentile
//! interval.

use crate::sampling::Mt19937;
use serde::Serialize;

/// How many times the bootstrap draws.
const DRAWS: usize = 2000;
/// Seed of the bootstrap's random numbers. It is fixed, so that the same samples give the same interval.
const SEED: u32 = 20_791;

/// The measured values in their order, and their median.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Samples {
    /// The middle sample, or the mean of the middle two.
    pub median: f64,
    /// Every sample.
    pub samples: Vec<f64>,
}

impl Samples {
    /// The samples, with their median. Without samples the median is NaN.
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
/// (as `numpy.quantile` does). Without samples: NaN.
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

/// How many times as fast one program is as the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ratio {
    /// The median of the pairs' ratios.
    pub median: f64,
    /// The bootstrap's 95 % interval of that median.
    pub interval_95: [f64; 2],
    /// The ratio of each pair, in the order of measuring.
    pub pairs: Vec<f64>,
}

/// The median of `ours[i] / theirs[i]`, with its 95 % bootstrap interval. Samples that are not in a pair are ignored.
pub fn ratio(ours: &[f64], theirs: &[f64]) -> Ratio {
    let pairs: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    Ratio { median: median(&pairs), interval_95: bootstrap_95(&pairs), pairs }
}

/// The interval that holds 95 % of the medians of re-drawn samples.
pub fn bootstrap_95(samples: &[f64]) -> [f64; 2] {
    let mut rng = Mt19937::new(SEED);
    let mut draw = || samples.get((rng.next_f64() * samples.len() as f64) as usize).copied();
    let medians: Vec<f64> = (0..DRAWS)
        .map(|_| median(&samples.iter().filter_map(|_| draw()).collect::<Vec<_>>()))
        .filter(|median| !median.is_nan())
        .collect();
    [quantile(&medians, 0.025), quantile(&medians, 0.975)]
}

/// The ratio of the medians of two series that were not measured in pairs, and its 95 % bootstrap interval: both series are
/// drawn again, each from itself.
pub fn ratio_unpaired(ours: &[f64], theirs: &[f64]) -> (f64, [f64; 2]) {
    let mut rng = Mt19937::new(SEED);
    let mut drawn_median = |samples: &[f64]| {
        let mut draw = || samples.get((rng.next_f64() * samples.len() as f64) as usize).copied();
        median(&samples.iter().filter_map(|_| draw()).collect::<Vec<_>>())
    };
    let ratios: Vec<f64> =
        (0..DRAWS).map(|_| drawn_median(ours) / drawn_median(theirs)).filter(|ratio| !ratio.is_nan()).collect();
    (median(ours) / median(theirs), [quantile(&ratios, 0.025), quantile(&ratios, 0.975)])
}

/// The program that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairSide {
    /// This program.
    Ours,
    /// The program that it is compared with.
    Theirs,
}

/// The order in which `n` pairs are measured: ours, theirs, theirs, ours, ours, theirs, … Runs 1 and 2 are a pair, 3 and 4,
/// and so on.
pub fn abba(n: usize) -> impl Iterator<Item = PairSide> {
    (0..n).flat_map(|pair| match pair % 2 {
        0 => [PairSide::Ours, PairSide::Theirs],
        _ => [PairSide::Theirs, PairSide::Ours],
    })
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
