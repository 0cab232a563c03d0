//! Ticks: round numbers along an axis, and their labels with SI prefixes.

use crate::report::chart::{Axis, Scale};

/// An axis with its limits.
pub(super) struct Ruler<'a> {
    axis: &'a Axis,
    low: f64,
    high: f64,
}

impl<'a> Ruler<'a> {
    /// From the values that are to be shown on it. Bars begin at zero.
    pub(super) fn new(axis: &'a Axis, values: impl Iterator<Item = f64>, from_zero: bool) -> Self {
        if !axis.categories.is_empty() {
            return Self { axis, low: -0.6, high: axis.categories.len() as f64 - 0.4 };
        }
        let (mut low, mut high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if let Some((l, h)) = axis.range {
            (low, high) = (l, h);
        }
        if !(low.is_finite() && high.is_finite()) {
            (low, high) = (if axis.scale == Scale::Log { 1.0 } else { 0.0 }, 10.0);
        }
        if axis.scale == Scale::Log {
            let (low, high) = (low.log10(), high.log10());
            let margin = if axis.range.is_some() { 0.0 } else { (0.06 * (high - low)).max(0.04) };
            return Self { axis, low: low - margin, high: high + margin };
        }
        if from_zero {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if high <= low {
            (low, high) = (low - 0.5 * low.abs().max(1e-12), high + 0.5 * high.abs().max(1e-12));
        }
        let margin = if axis.range.is_some() { 0.0 } else { 0.04 * (high - low) };
        Self { axis, low: if from_zero && low == 0.0 { 0.0 } else { low - margin }, high: high + margin }
    }

    /// Where a value is: 0 at the beginning of the axis, 1 at its end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.axis.scale == Scale::Log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// At most about `n` ticks: place and label.
    pub(super) fn ticks(&self, n: usize) -> Vec<(f64, String)> {
        let n = n.max(2);
        if !self.axis.categories.is_empty() {
            let step = self.axis.categories.len().div_ceil(n.max(1)).max(1);
            let named = self.axis.categories.iter().enumerate().step_by(step);
            return named.map(|(i, name)| (self.place(i as f64), crate::escape::Escaped(name).to_string())).collect();
        }
        let values = match self.axis.scale {
            Scale::Linear => self.linear(n),
            Scale::Log => self.powers(n),
        };
        values.into_iter().map(|value| (self.place(value), si(value, &self.axis.unit))).collect()
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn linear(&self, n: usize) -> Vec<f64> {
        multiples(self.low, self.high, n)
    }

    /// The same on a logarithmic axis of less than a power of ten.
    fn steps_of_values(&self, n: usize) -> Vec<f64> {
        multiples(10_f64.powf(self.low), 10_f64.powf(self.high), n)
    }

    /// Powers of ten; if there are few, multiples of them too.
    fn powers(&self, n: usize) -> Vec<f64> {
        let (first, last) = (self.low.floor() as i32 - 1, self.high.ceil() as i32 + 1);
        let within = |value: &f64| (self.low - 1e-9..=self.high + 1e-9).contains(&value.log10());
        let all_nine = &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0][..];
        for multiples in [all_nine, &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]] {
            let all = (first..=last).flat_map(|p| multiples.iter().map(move |m| m * 10_f64.powi(p)));
            let found: Vec<f64> = all.filter(within).collect();
            if found.len() <= n {
                // A narrow range may have no such multiple inside, or one: then plain steps say more.
                let steps =
                    if found.len() < 3 && self.high - self.low < 1.0 { self.steps_of_values(n) } else { found.clone() };
                return if steps.len() > found.len() { steps } else { found };
            }
        }
        let powers: Vec<f64> = (first..=last).map(|p| 10_f64.powi(p)).filter(within).collect();
        let step = powers.len().div_ceil(n);
        powers.into_iter().step_by(step).collect()
    }
}

/// About `n` multiples of 1, 2 or 5 times a power of ten.
fn multiples(low: f64, high: f64, n: usize) -> Vec<f64> {
    let rough = (high - low) / n as f64;
    if !rough.is_normal() {
        return Vec::new(); // numbers at the end of what a float can hold
    }
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|&step| step >= rough).unwrap_or(rough);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first + 40)).map(|i| i as f64 * step).collect()
}

/// A round number with an SI prefix: `20 k`, `5 µs`. Bare numbers below a thousandth have an exponent.
pub(super) fn si(value: f64, unit: &str) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")];
    let bare = unit.is_empty();
    let found = prefixes.into_iter().find(|(size, _)| value.abs() >= size * 0.9995);
    let (size, prefix) = match found {
        Some((size, prefix)) if !bare || size >= 1.0 => (size, prefix),
        _ if bare && value.abs() >= 1e-3 => (1.0, ""),
        _ if bare => {
            let short = format!("{value:.1e}");
            return short.replace(".0e", "e");
        }
        _ => (1e-9, "n"),
    };
    let number = format!("{:.3}", value / size);
    let number = number.trim_end_matches('0').trim_end_matches('.');
    let space = if prefix.is_empty() && bare { "" } else { " " };
    format!("{number}{space}{prefix}{unit}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_prefixes() {
        let cases =
            [(0.0, "B", "0"), (20_000.0, "", "20 k"), (5e-6, "s", "5 µs"), (1.5e9, "B", "1.5 GB"), (0.25, "", "0.25")];
        for (value, unit, expected) in cases {
            assert_eq!(si(value, unit), expected);
        }
        assert_eq!(si(1e-5, ""), "1e-5");
    }

    #[test]
    fn ticks_are_round_and_few() {
        for (low, high) in [(0.0, 1.0), (3.0, 4321.0), (1e-6, 2e-6), (-5.0, 5.0)] {
            let axis = Axis::linear("x", "");
            let ticks = Ruler::new(&axis, [low, high].into_iter(), false).ticks(6);
            assert!((2..=8).contains(&ticks.len()), "{ticks:?}");
            assert!(ticks.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1), "{ticks:?}");
        }
        for (low, high) in [(1.0, 1e9), (2.0, 5.0), (1e-7, 1e-2), (5.2, 8.9), (0.91, 0.93), (7.0, 7.0)] {
            let axis = Axis::log("x", "");
            let ticks = Ruler::new(&axis, [low, high].into_iter(), false).ticks(6);
            assert!((2..=8).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
            assert!(ticks.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1), "{ticks:?}");
        }
    }
}
