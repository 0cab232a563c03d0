//! [`Factor`]: how many times as fast, with an interval, and the verdict.

use crate::measure::statistics::{Ratio, Samples, ratio, ratio_unpaired};
use serde::Serialize;

/// Fewer samples say nothing about how far samples differ.
const LEAST_SAMPLES: usize = 3;

/// What a factor means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// B is faster.
    Faster,
    /// B is slower.
    Slower,
    /// The interval contains 1, or the difference is within the noise floor.
    NoDifference,
    /// Too few samples for an interval.
    TooFewSamples,
}

impl Verdict {
    /// For people.
    pub const fn text(self) -> &'static str {
        match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::NoDifference => "no detectable difference",
            Verdict::TooFewSamples => "too few samples",
        }
    }
}

/// B's speed over A's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Factor {
    /// Speeds of run A.
    pub a: Samples,
    /// Speeds of run B.
    pub b: Samples,
    /// B over A.
    pub factor: f64,
    /// Its 95 % bootstrap interval.
    pub interval_95: [f64; 2],
    /// Whether samples were compared in pairs.
    pub paired: bool,
    /// What it means.
    pub verdict: Verdict,
}

impl Factor {
    /// Of samples of speed.
    pub fn of(a: Vec<f64>, b: Vec<f64>, noise_floor: Option<f64>) -> Self {
        let paired = a.len() == b.len();
        let (factor, interval_95) = if paired {
            let Ratio { median, interval_95, .. } = ratio(&b, &a);
            (median, interval_95)
        } else {
            ratio_unpaired(&b, &a)
        };
        let enough = a.len().min(b.len()) >= LEAST_SAMPLES;
        let verdict =
            if enough { verdict(factor, interval_95, noise_floor.unwrap_or(0.0)) } else { Verdict::TooFewSamples };
        Self { a: Samples::new(a), b: Samples::new(b), factor, interval_95, paired, verdict }
    }
}

fn verdict(factor: f64, [low, high]: [f64; 2], noise_floor: f64) -> Verdict {
    let beyond_noise = (factor - 1.0).abs() > noise_floor;
    match () {
        () if low > 1.0 && beyond_noise => Verdict::Faster,
        () if high < 1.0 && beyond_noise => Verdict::Slower,
        () => Verdict::NoDifference,
    }
}
