//! [`Chart`]: what a chart shows, as data: axes, series, and the table of the same numbers. Tests compare charts, not pixels.
//!
//! What it deliberately does not do: say how anything looks ([`super::svg`] does), or compute ([`super::charts`]).

use serde::Serialize;

/// One chart.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Chart {
    /// Its title.
    pub title: String,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// What is drawn, the first at the bottom.
    pub series: Vec<Series>,
    /// What one mark is: `median of all decode steps`.
    pub statistic: String,
    /// From how many measurements or values.
    pub n: usize,
    /// The kinds of events that it is made of.
    pub source: String,
    /// What a reader must know: what was left out.
    pub notes: Vec<String>,
    /// Titles of the table's columns.
    pub columns: Vec<String>,
    /// Rows of the table.
    pub rows: Vec<Vec<String>>,
}

/// One axis.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Axis {
    /// Quantity and unit: `context, tokens`.
    pub label: String,
    /// How values become places.
    pub scale: Scale,
    /// The unit, if tick labels shall have SI prefixes: `B`, `s`, or nothing for bare numbers.
    pub unit: String,
    /// Names of the places 0, 1, 2, … instead of numbers.
    pub categories: Vec<String>,
    /// Lowest and highest value; otherwise those of the series.
    pub range: Option<(f64, f64)>,
}

/// How values become places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// In proportion.
    #[default]
    Linear,
    /// Equal ratios are equal distances. Values that are not positive cannot be shown.
    Log,
}

/// Marks that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// Its name in the legend; marks without a name have no entry.
    pub name: String,
    /// The shape of its marks.
    pub mark: Mark,
    /// Its marks.
    pub points: Vec<Point>,
}

/// Shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Points joined by a line.
    Line,
    /// A thin line in the colour of text: a limit, with its name beside its end.
    Limit,
    /// A symbol at each point, its area by `size`.
    Dot,
    /// A bar at place `x`, from `low` (0 without) to `y`.
    Bar,
    /// A rectangle from `x` to `high` in row `y`.
    Span,
    /// A cell of a heat map at (`x`, `y`), its darkness by `size`, 0 to 1.
    Cell,
}

/// One mark.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Point {
    /// Place from left to right.
    pub x: f64,
    /// Place from bottom to top.
    pub y: f64,
    /// Lower end of its interval, or the base of a bar.
    pub low: Option<f64>,
    /// Upper end of its interval, or the end of a span.
    pub high: Option<f64>,
    /// Area of a dot, darkness of a cell: 0 to 1.
    pub size: f64,
    /// What a reader sees where the pointer is.
    pub text: String,
}

impl Point {
    /// A mark at a place.
    pub fn at(x: f64, y: f64) -> Self {
        Self { x, y, size: 0.2, ..Self::default() }
    }

    /// The same with a text.
    pub fn saying(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }
}

impl Series {
    /// Marks of one shape.
    pub fn new(name: impl Into<String>, mark: Mark, points: Vec<Point>) -> Self {
        Self { name: name.into(), mark, points }
    }

    /// Points joined by a line.
    pub fn line(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::new(name, Mark::Line, points.into_iter().map(|(x, y)| Point::at(x, y)).collect())
    }
}

impl Axis {
    /// In proportion.
    pub fn linear(label: &str, unit: &str) -> Self {
        Self { label: label.to_owned(), unit: unit.to_owned(), ..Self::default() }
    }

    /// By ratios.
    pub fn log(label: &str, unit: &str) -> Self {
        Self { scale: Scale::Log, ..Self::linear(label, unit) }
    }

    /// Named places.
    pub fn named(label: &str, categories: Vec<String>) -> Self {
        Self { label: label.to_owned(), categories, ..Self::default() }
    }

    /// From zero, or wherever, to the highest value.
    pub fn from(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }

    /// Whether a value has a place on it.
    pub fn has(&self, value: f64) -> bool {
        value.is_finite() && (self.scale == Scale::Linear || value > 0.0)
    }
}

impl Chart {
    /// Removes marks that have no place on the axes and says how many.
    pub fn without_impossible(mut self) -> Self {
        let mut removed = 0;
        for series in &mut self.series {
            let before = series.points.len();
            series.points.retain(|p| self.x.has(p.x) && self.y.has(p.y));
            removed += before - series.points.len();
        }
        self.series.retain(|series| !series.points.is_empty());
        if removed > 0 {
            let marks = if removed == 1 { "value is" } else { "values are" };
            self.notes.push(format!("{removed} {marks} left out: zero, or not a number."));
        }
        self
    }
}
