//! [`svg`]: loss curves as a small picture, from the logs of trainings.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt::Write;

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Tokens seen and loss, in order.
    pub points: Vec<(f64, f64)>,
}

/// What the chart needs of a line of a log.
#[derive(Deserialize)]
struct Line {
    tokens: f64,
    loss: f64,
}

impl Curve {
    /// Reads a log, each point the mean of itself and up to `around` neighbours on either side.
    pub fn from_log(name: &str, log: &str, around: usize) -> Result<Self> {
        let lines: Result<Vec<Line>, _> = log.lines().map(serde_json::from_str).collect();
        let lines = lines.with_context(|| format!("the log of {name}"))?;
        let mean = |i: usize| {
            let near = &lines[i.saturating_sub(around)..(i + around + 1).min(lines.len())];
            near.iter().map(|line| line.loss).sum::<f64>() / near.len() as f64
        };
        let points = lines.iter().enumerate().map(|(i, line)| (line.tokens, mean(i))).collect();
        Ok(Self { name: name.to_owned(), points })
    }
}

const SIZE: (f64, f64) = (760.0, 400.0);
const LEFT: f64 = 60.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// Okabe and Ito's colours, which people tell apart who see few of them.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
/// Losses that get a line across the chart.
const LOSSES: [f64; 11] = [0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];

/// Loss against tokens, the loss on a logarithmic scale.
pub fn svg(curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let most = points().map(|point| point.0).fold(1.0, f64::max);
    let (low, high) = points().map(|p| p.1).fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(y), high.max(y)));
    let (low, high) = ((low * 0.95).ln(), (high * 1.05).ln());
    let x = |tokens: f64| LEFT + tokens / most * (SIZE.0 - LEFT - RIGHT);
    let y = |loss: f64| TOP + (high - loss.ln()) / (high - low) * (SIZE.1 - TOP - BOTTOM);
    let (right, bottom) = (SIZE.0 - RIGHT, SIZE.1 - BOTTOM);

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\" font-weight=\"bold\">Training loss (nats per token)</text>\n",
        SIZE.0, SIZE.1
    );
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").unwrap_or(());
    for loss in LOSSES.into_iter().filter(|loss| (low..=high).contains(&loss.ln())) {
        let y = y(loss);
        line(format_args!("<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/>"));
        line(format_args!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{loss}</text>", LEFT - 8.0, y + 4.0));
    }
    for million in 0..=(most / 1e6) as usize {
        let x = x(million as f64 * 1e6);
        line(format_args!("<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"#eee\"/>"));
        line(format_args!("<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{million} M</text>", bottom + 18.0));
    }
    let middle = (LEFT + right) / 2.0;
    line(format_args!("<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">tokens seen</text>", bottom + 38.0));
    for (i, (curve, colour)) in curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let points: Vec<String> = curve.points.iter().map(|&(t, l)| format!("{:.1},{:.1}", x(t), y(l))).collect();
        let points = points.join(" ");
        line(format_args!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>"));
        let (x, y) = (right + 14.0, TOP + 14.0 + 20.0 * i as f64);
        line(format_args!("<path d=\"M{x} {}h18\" stroke=\"{colour}\" stroke-width=\"3\"/>", y - 4.0));
        line(format_args!("<text x=\"{}\" y=\"{y}\">{}</text>", x + 24.0, curve.name));
    }
    out.push_str("</svg>\n");
    out
}
