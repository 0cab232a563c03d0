//! The marks of a series, and what is added to the finished picture: the page's colours, the name of the series of each mark,
//! and what a mark says where the pointer is. plotters has no place for these, so marks are found again by their colour.

use super::axis::Ruler;
use super::theme::{self, BACK, FORE, GRID};
use super::{Drawn, LETTERS, Layout, WIDTH, escaped, fitting};
use crate::report::chart::{Chart, Mark, Point, Series};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What the marks of each series say, in the order in which they are drawn; and the darkness of cells.
#[derive(Default)]
pub(super) struct Labels(BTreeMap<usize, Vec<(String, Option<f64>)>>);

impl Labels {
    fn add(&mut self, index: usize, text: &str, darkness: Option<f64>) {
        self.0.entry(index).or_default().push((text.to_owned(), darkness));
    }
}

/// Draws a series.
pub(super) fn draw(
    area: &Area<'_>,
    layout: &Layout,
    chart: &Chart,
    (x, y): (&Ruler<'_>, &Ruler<'_>),
    index: usize,
    series: &Series,
    labels: &mut Labels,
) -> Drawn<()> {
    let colour = theme::series(index);
    let place = |p: &Point| (layout.x(x.place(p.x)), layout.y(y.place(p.y)));
    match series.mark {
        Mark::Line => {
            let places: Vec<(i32, i32)> = series.points.iter().map(place).collect();
            labels.add(index, &series.name, None);
            area.draw(&PathElement::new(places.clone(), colour.stroke_width(4)))?;
            if places.len() <= 24 {
                for (point, at) in series.points.iter().zip(places) {
                    dot(area, index, at, 7, &point.text, labels)?;
                }
            }
        }
        Mark::Limit => {
            let places: Vec<(i32, i32)> = series.points.iter().map(place).collect();
            area.draw(&PathElement::new(places.clone(), FORE.stroke_width(2)))?;
            limit_name(area, layout, chart, index, &places)?;
        }
        Mark::Dot => {
            for point in &series.points {
                interval(area, layout, y, point, place(point).0, colour)?;
                let size = (6.0 + 22.0 * point.size.clamp(0.0, 1.0).sqrt()).round() as i32;
                dot(area, index, place(point), size, &point.text, labels)?;
            }
        }
        Mark::Bar => {
            let places =
                if chart.x.categories.is_empty() { 2 * series.points.len().max(8) } else { chart.x.categories.len() };
            let bars = grouped(chart, index);
            let wide = (f64::from(layout.right - layout.left) / places as f64 * 0.74 / bars.1 as f64).max(3.0);
            for point in &series.points {
                let centre = f64::from(place(point).0) + (bars.0 as f64 - (bars.1 - 1) as f64 / 2.0) * wide;
                let (from, to) = ((centre - wide / 2.0).round() as i32, (centre + wide / 2.0 - 1.0).round() as i32);
                let base = layout.y(y.place(point.low.unwrap_or(0.0)));
                labels.add(index, &point.text, None);
                area.draw(&Rectangle::new([(from, base), (to.max(from + 2), place(point).1)], colour.filled()))?;
            }
        }
        Mark::Span => {
            let rows = chart.y.categories.len().max(1) as i32;
            let half = ((layout.bottom - layout.top) / rows * 2 / 5).max(3);
            for point in &series.points {
                let ((from, row), to) = (place(point), layout.x(x.place(point.high.unwrap_or(point.x))));
                labels.add(index, &point.text, None);
                area.draw(&Rectangle::new([(from, row - half), (to.max(from + 1), row + half)], colour.filled()))?;
            }
        }
        Mark::Cell => {
            let (columns, rows) = (chart.x.categories.len().max(1) as f64, chart.y.categories.len().max(1) as f64);
            let wide = f64::from(layout.right - layout.left) / columns;
            let high = f64::from(layout.bottom - layout.top) / rows;
            for point in &series.points {
                let (centre, row) = place(point);
                let left = (f64::from(centre) - wide / 2.0).round() as i32;
                let top = (f64::from(row) - high / 2.0).round() as i32;
                let (right, bottom) = (left + wide.ceil() as i32, top + high.ceil() as i32);
                labels.add(index, &point.text, Some(point.size.clamp(0.0, 1.0)));
                area.draw(&Rectangle::new(
                    [(left, top), (right.min(layout.right), bottom.min(layout.bottom))],
                    colour.filled(),
                ))?;
            }
        }
    }
    Ok(())
}

/// The name of a limit: of a sloping one above its middle, where no mark can be under a roof; of level ones in turn above and
/// below their end, so that names of neighbours do not meet.
fn limit_name(area: &Area<'_>, layout: &Layout, chart: &Chart, index: usize, places: &[(i32, i32)]) -> Drawn<()> {
    let (Some(&first), Some(&last)) = (places.first(), places.last()) else { return Ok(()) };
    let number = chart.series[..index].iter().filter(|series| series.mark == Mark::Limit).count();
    let (name, above) = (fitting(&chart.series[index].name, WIDTH / 2), LETTERS + 6);
    let (at, anchor) = if (first.1 - last.1).abs() > above {
        let middle = ((first.0 + last.0) / 2, (first.1 + last.1) / 2);
        ((middle.0 - 14, (middle.1 - above).max(layout.top)), HPos::Right)
    } else if number.is_multiple_of(2) {
        ((last.0 - 4, (last.1 + 6).min(layout.bottom - above)), HPos::Right)
    } else {
        ((last.0 - 4, (last.1 - above).max(layout.top)), HPos::Right)
    };
    let style = ("sans-serif", LETTERS - 4).into_font().color(&FORE).pos(Pos::new(anchor, VPos::Top));
    area.draw(&Text::new(name, at, style))?;
    Ok(())
}

/// Bars stand side by side, unless they are stacked: then every one has a base. Number among its neighbours, and how many.
fn grouped(chart: &Chart, index: usize) -> (usize, usize) {
    let is_bar = |series: &Series| series.mark == Mark::Bar && series.points.iter().all(|p| p.low.is_none());
    if !is_bar(&chart.series[index]) {
        return (0, 1);
    }
    let before = chart.series[..index].iter().filter(|series| is_bar(series)).count();
    (before, chart.series.iter().filter(|series| is_bar(series)).count().max(1))
}

/// A vertical line from the lower to the upper end.
fn interval(area: &Area<'_>, layout: &Layout, y: &Ruler<'_>, point: &Point, at: i32, colour: RGBColor) -> Drawn<()> {
    if let (Some(low), Some(high)) = (point.low, point.high) {
        let ends = vec![(at, layout.y(y.place(low))), (at, layout.y(y.place(high)))];
        area.draw(&PathElement::new(ends, colour.mix(0.999).stroke_width(3)))?;
    }
    Ok(())
}

/// The symbol of a series: circle, square, triangle, diamond, so that colour is not needed to tell them apart.
fn dot(area: &Area<'_>, index: usize, (x, y): (i32, i32), size: i32, text: &str, labels: &mut Labels) -> Drawn<()> {
    let colour = theme::series(index);
    labels.add(index, text, None);
    match index % 4 {
        0 => area.draw(&Circle::new((x, y), size, colour.filled()))?,
        1 => area.draw(&Rectangle::new([(x - size, y - size), (x + size, y + size)], colour.filled()))?,
        2 => {
            area.draw(&Polygon::new(vec![(x, y - size), (x + size, y + size), (x - size, y + size)], colour.filled()))?
        }
        _ => {
            area.draw(&Polygon::new(vec![(x, y - size), (x + size, y), (x, y + size), (x - size, y)], colour.filled()))?
        }
    }
    Ok(())
}

/// The entry of a legend.
pub(super) fn symbol(area: &Area<'_>, index: usize, mark: Mark, at: (i32, i32), labels: &mut Labels) -> Drawn<()> {
    match mark {
        Mark::Line => {
            labels.add(index, "", None);
            area.draw(&PathElement::new(
                vec![(at.0 - 18, at.1), (at.0 + 22, at.1)],
                theme::series(index).stroke_width(4),
            ))?;
            dot(area, index, at, 8, "", labels)
        }
        Mark::Dot | Mark::Limit => dot(area, index, at, 11, "", labels),
        Mark::Bar | Mark::Span | Mark::Cell => {
            labels.add(index, "", None);
            let (x, y) = at;
            area.draw(&Rectangle::new([(x - 14, y - 12), (x + 14, y + 12)], theme::series(index).filled()))?;
            Ok(())
        }
    }
}

/// The finished picture: colours are variables, marks know their series and what they say.
pub(super) fn finish(chart: &Chart, picture: &str, height: i32, labels: &Labels) -> String {
    let mut texts: BTreeMap<usize, VecDeque<(String, Option<f64>)>> =
        labels.0.iter().map(|(&index, texts)| (index, texts.iter().cloned().collect())).collect();
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\"><title>{}</title>",
        escaped(&chart.title)
    );
    let body = picture.split_once('>').map_or("", |(_, body)| body).trim_end().trim_end_matches("</svg>");
    for element in body.split_inclusive('\n') {
        out.push_str(&mark(chart, element, &mut texts));
    }
    out.push_str("</svg>");
    for (colour, name) in [(FORE, "var(--fore, #1b1f24)"), (GRID, "var(--line, #d0d7de)"), (BACK, "var(--chart, #fff)")]
    {
        out = out.replace(&hex(colour), name);
    }
    out
}

/// One element. If it is a mark, it gets its colour, its series and its text.
fn mark(chart: &Chart, element: &str, texts: &mut BTreeMap<usize, VecDeque<(String, Option<f64>)>>) -> String {
    let Some((index, colour)) =
        (0..chart.series.len()).map(|i| (i, hex(theme::series(i)))).find(|(_, c)| element.contains(c))
    else {
        return element.to_owned();
    };
    let mut element = element.replace(&colour, &theme::variable(index));
    let is_interval = element.contains("0.999");
    let label = if is_interval { None } else { texts.get_mut(&index).and_then(VecDeque::pop_front) };
    let Some(end) = element.find("/>") else { return element };
    let (text, darkness) = label.unwrap_or_default();
    let mut more = format!(" data-series=\"{}\"", escaped(&chart.series[index].name));
    if let Some(darkness) = darkness {
        let _ = write!(more, " fill-opacity=\"{:.3}\"", 0.04 + 0.96 * darkness);
        element = element.replacen("opacity=\"1\" ", "", 1);
    }
    let end = element.find("/>").unwrap_or(end);
    let title = if text.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(&text)) };
    let name = element[1..].split([' ', '/']).next().unwrap_or("g").to_owned();
    let closing = if title.is_empty() { "/>".to_owned() } else { format!(">{title}</{name}>") };
    element.replace_range(end..end + 2, &format!("{more}{closing}"));
    element
}

/// As plotters writes colours.
fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}
