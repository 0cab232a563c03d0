//! Charts as pictures: [`svg`] draws a [`Chart`] with plotters and makes the colours the page's.
//!
//! One picture serves wide and narrow screens: it is 560 units wide and its letters are 15 high, so that they are nine pixels on
//! a telephone. It is drawn at twice that size, because plotters places everything on whole pixels.
//!
//! Look first at [`svg`], then at `Layout`. What it deliberately does not do: choose what is shown.

mod axis;
mod marks;
mod theme;

pub use theme::style;

use super::chart::{Chart, Mark};
use axis::Ruler;
use marks::Labels;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Write;

/// Width of a picture in its own units.
const WIDTH: i32 = 1120;
/// Height of letters.
const LETTERS: i32 = 30;
/// Width of a letter, on average; plotters cannot measure without a font.
const LETTER: f64 = 0.53 * LETTERS as f64;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[error("chart \"{title}\" cannot be drawn: {reason}")]
pub struct ChartError {
    /// Its title.
    title: String,
    /// What plotters says.
    reason: String,
}

/// The area of the plot, and what surrounds it.
struct Layout {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
    height: i32,
}

impl Layout {
    fn x(&self, place: f64) -> i32 {
        self.left + ((self.right - self.left) as f64 * place).round() as i32
    }

    fn y(&self, place: f64) -> i32 {
        self.bottom - ((self.bottom - self.top) as f64 * place).round() as i32
    }
}

/// Width of a text, estimated.
fn width(text: &str) -> i32 {
    (text.chars().count() as f64 * LETTER).ceil() as i32
}

/// A text that is at most so wide: its end is cut off.
fn fitting(text: &str, room: i32) -> String {
    let text = &crate::escape::Escaped(text).to_string();
    let most = (f64::from(room) / LETTER).floor().max(2.0) as usize;
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

/// The picture, an `<svg>` element without a size of its own. Colours are variables of the page ([`style`]).
///
/// # Errors
/// If plotters refuses, which it does for no chart that this crate makes.
pub fn svg(chart: &Chart) -> Result<String, ChartError> {
    let mut picture = String::new();
    let mut labels = Labels::default();
    let height = draw(chart, &mut picture, &mut labels)
        .map_err(|reason| ChartError { title: chart.title.clone(), reason: reason.to_string() })?;
    Ok(marks::finish(chart, &picture, height, &labels))
}

type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

fn draw(chart: &Chart, picture: &mut String, labels: &mut Labels) -> Drawn<i32> {
    let points = || chart.series.iter().flat_map(|series| series.points.iter().map(move |point| (series.mark, point)));
    let ends = |mark: Mark, p: &super::chart::Point| match mark {
        Mark::Span => [Some(p.y), None, None],
        _ => [Some(p.y), p.low, p.high],
    };
    let xs = points().flat_map(|(mark, p)| [Some(p.x), if mark == Mark::Span { p.high } else { None }]).flatten();
    let ys = points().flat_map(|(mark, p)| ends(mark, p)).flatten().filter(|&y| chart.y.has(y));
    let has = |mark: Mark| chart.series.iter().any(|series| series.mark == mark);
    let bars = has(Mark::Bar);
    let (x, y) = (
        Ruler::new(&chart.x, xs, false),
        Ruler::new(&chart.y, ys, bars || chart.y.scale == Default::default() && has(Mark::Line)),
    );

    let rows = legend_rows(chart);
    let n_rows = chart.y.categories.len() as i32;
    let plot_height = if n_rows > 0 { (n_rows * 46).clamp(260, 1000) } else { 520 };
    let y_ticks = y.ticks(if n_rows > 0 { (plot_height / (LETTERS + 6)).max(2) as usize } else { 6 });
    let widest = y_ticks.iter().map(|(_, label)| width(label)).max().unwrap_or(0).min(WIDTH * 2 / 5);
    let (left, right) = (widest + 24, WIDTH - 28);
    let x_room = if chart.x.categories.is_empty() { 7 } else { ((right - left) / 60).max(1) as usize };
    let x_ticks = spread(x.ticks(x_room), right - left);
    let slanted =
        !chart.x.categories.is_empty() && x_ticks.iter().any(|(_, label)| too_wide(label, &x_ticks, right - left));
    let longest = x_ticks.iter().map(|(_, label)| width(label)).max().unwrap_or(0);
    let under = if slanted { longest.min(300) + 16 } else { LETTERS + 14 };
    let top = LETTERS + 30; // the name of the y axis
    let bottom = top + plot_height;
    let legend_top = bottom + under + LETTERS + 26;
    let height = legend_top + rows.len() as i32 * (LETTERS + 14) + 6;
    let layout = Layout { left, top, right, bottom, height };

    let backend = SVGBackend::with_string(picture, (WIDTH as u32, layout.height as u32));
    let area = backend.into_drawing_area();
    let text = |size: i32| ("sans-serif", size).into_font().color(&theme::FORE);
    for (place, label) in &y_ticks {
        let at = layout.y(*place);
        area.draw(&PathElement::new(vec![(left, at), (right, at)], theme::GRID.stroke_width(1)))?;
        let style = text(LETTERS).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(fitting(label, widest), (left - 12, at), style))?;
    }
    for (place, label) in &x_ticks {
        let at = layout.x(*place);
        if chart.x.categories.is_empty() {
            area.draw(&PathElement::new(vec![(at, top), (at, bottom)], theme::GRID.stroke_width(1)))?;
        }
        if slanted {
            let style = text(LETTERS).transform(FontTransform::Rotate270).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(fitting(label, 300), (at, bottom + 12), style))?;
        } else {
            // A label at the end of the axis stays within the picture.
            let half = width(label) / 2;
            let centre = at.clamp(half + 4, WIDTH - half - 4);
            let style = text(LETTERS).pos(Pos::new(HPos::Center, VPos::Top));
            area.draw(&Text::new(label.clone(), (centre, bottom + 10), style))?;
        }
    }
    let names = text(LETTERS);
    area.draw(&Text::new(fitting(&chart.y.label, WIDTH - 20), (8, 4), names.clone()))?;
    let style = names.clone().pos(Pos::new(HPos::Right, VPos::Top));
    area.draw(&Text::new(fitting(&chart.x.label, WIDTH - 20), (right, bottom + under + 4), style))?;

    for (index, series) in chart.series.iter().enumerate() {
        marks::draw(&area, &layout, chart, (&x, &y), index, series, labels)?;
    }
    area.draw(&PathElement::new(vec![(left, top), (left, bottom), (right, bottom)], theme::FORE.stroke_width(2)))?;
    for (row, entries) in rows.iter().enumerate() {
        let at = legend_top + row as i32 * (LETTERS + 14) + LETTERS / 2;
        for &(index, place, ref name) in entries {
            marks::symbol(&area, index, chart.series[index].mark, (place + 20, at), labels)?;
            let style = names.clone().pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(name.clone(), (place + 52, at), style))?;
        }
    }
    area.present()?;
    drop(area);
    Ok(layout.height)
}

/// Ticks whose labels do not touch each other.
fn spread(ticks: Vec<(f64, String)>, room: i32) -> Vec<(f64, String)> {
    if ticks.len() < 2 {
        return ticks;
    }
    let gap = ticks.windows(2).map(|pair| (pair[1].0 - pair[0].0) * f64::from(room)).fold(f64::INFINITY, f64::min);
    let widest = ticks.iter().map(|(_, label)| width(label)).max().unwrap_or(0) + 18;
    let every = (f64::from(widest) / gap.max(1.0)).ceil().max(1.0) as usize;
    // Names that are too long are turned instead, if a letter's height fits between them.
    let numbers =
        ticks.iter().all(|(_, label)| label.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+'));
    let every = if numbers { every } else { (f64::from(LETTERS + 8) / gap.max(1.0)).ceil().max(1.0) as usize };
    ticks.into_iter().step_by(every).collect()
}

fn too_wide(label: &str, ticks: &[(f64, String)], room: i32) -> bool {
    let gap = ticks.windows(2).map(|pair| (pair[1].0 - pair[0].0) * f64::from(room)).fold(f64::INFINITY, f64::min);
    f64::from(width(label) + 14) > gap
}

/// The entries of the legend in rows: number of the series, place from the left, name.
fn legend_rows(chart: &Chart) -> Vec<Vec<(usize, i32, String)>> {
    let named: Vec<usize> = (0..chart.series.len())
        .filter(|&i| chart.series[i].mark != Mark::Limit && !chart.series[i].name.is_empty())
        .collect();
    if named.len() < 2 {
        return Vec::new();
    }
    let mut rows: Vec<Vec<(usize, i32, String)>> = vec![Vec::new()];
    let mut place = 0;
    for index in named {
        let name = fitting(&chart.series[index].name, WIDTH - 70);
        let wide = width(&name) + 84;
        if place > 0 && place + wide > WIDTH {
            rows.push(Vec::new());
            place = 0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((index, place, name));
        }
        place += wide;
    }
    rows
}

/// `text` as the content of an element or an attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if crate::escape::is_unsafe(c) => _ = write!(out, "\\u{{{:x}}}", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}
