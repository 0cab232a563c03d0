//! The report for people: sections of labelled rows, one column per file.
//!
//! Look first at [`print`]. Rows are found by their label, so files with different features line up; [`rows`](super::rows)
//! says what each row holds.

use std::io::{Result, Write};

use super::Inspected;
use super::rows::{self, Section};
use crate::cli::human;
use crate::escape::{Escaped, one_line};

/// Prints the report on standard output.
pub(super) fn print(files: &[Inspected]) -> anyhow::Result<()> {
    let out = &mut std::io::stdout().lock();
    columns(files, out)?;
    for file in files {
        if let Some(problem) = &file.inspection.problem {
            writeln!(out, "\nnote: {} cannot be loaded as a model: {problem}", Escaped(&file.path))?;
        }
        lists(file, out)?;
    }
    Ok(())
}

/// The sections, one column per file. Columns are as wide as their widest cell in any section, so that the eye can
/// run down them.
fn columns(files: &[Inspected], out: &mut impl Write) -> Result<()> {
    let reports: Vec<Vec<Section>> = files.iter().map(|file| rows::sections(&file.path, &file.inspection)).collect();
    let length = |text: &str| text.chars().count();
    let of_all = |report: &[Section], of: fn(&(String, String)) -> &str| {
        report.iter().flat_map(|section| &section.rows).map(|row| length(of(row))).max().unwrap_or(0)
    };
    let labels = reports.iter().map(|report| of_all(report, |(label, _)| label)).max().unwrap_or(0);
    let widths: Vec<usize> = reports.iter().map(|report| of_all(report, |(_, value)| value)).collect();

    for (i, (title, rows)) in merged(&reports).into_iter().enumerate() {
        writeln!(out, "{}{title}", if i > 0 { "\n" } else { "" })?;
        for label in rows {
            let mut line = format!("  {label:<labels$}");
            for (report, width) in reports.iter().zip(&widths) {
                let value = cell(report, title, label).unwrap_or_default();
                line.push_str(&format!("  {value:<width$}"));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(())
}

/// Titles and labels of all reports. What only a later report has comes behind what it comes behind there.
fn merged(reports: &[Vec<Section>]) -> Vec<(&'static str, Vec<&str>)> {
    let mut merged: Vec<(&'static str, Vec<&str>)> = Vec::new();
    for report in reports {
        let mut next = 0;
        for section in report {
            let at = merged.iter().position(|(title, _)| *title == section.title).unwrap_or_else(|| {
                merged.insert(next, (section.title, Vec::new()));
                next
            });
            next = at + 1;
            merge_labels(&mut merged[at].1, section);
        }
    }
    merged
}

fn merge_labels<'a>(labels: &mut Vec<&'a str>, section: &'a Section) {
    let mut next = 0;
    for (label, _) in &section.rows {
        let at = labels.iter().position(|found| found == label).unwrap_or_else(|| {
            labels.insert(next, label);
            next
        });
        next = at + 1;
    }
}

fn cell<'a>(report: &'a [Section], title: &str, label: &str) -> Option<&'a str> {
    let rows = &report.iter().find(|section| section.title == title)?.rows;
    rows.iter().find(|(found, _)| found == label).map(|(_, value)| value.as_str())
}

/// What `--metadata` and `--tensors` ask for.
fn lists(file: &Inspected, out: &mut impl Write) -> Result<()> {
    if let Some(metadata) = &file.metadata {
        writeln!(out, "\nmetadata of {}", Escaped(&file.path))?;
        let width = metadata.iter().map(|entry| entry.key.chars().count()).max().unwrap_or(0);
        for entry in metadata {
            let (key, value) = (one_line(&entry.key, width), one_line(&entry.value, 90));
            writeln!(out, "  {key:<width$}  {:<8}  {value}", entry.ty)?;
        }
    }
    if let Some(tensors) = &file.tensors {
        writeln!(out, "\ntensors of {}", Escaped(&file.path))?;
        let width = tensors.iter().map(|tensor| tensor.name.chars().count()).max().unwrap_or(0);
        writeln!(
            out,
            "  {:<width$}  {:<7} {:>20} {:>10} {:>10} {:>15}",
            "name", "format", "shape", "elements", "size", "offset"
        )?;
        for tensor in tensors {
            let shape = tensor.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
            writeln!(
                out,
                "  {:<width$}  {:<7} {shape:>20} {:>10} {:>10} {:>15}",
                one_line(&tensor.name, width),
                tensor.format,
                human::quantity(tensor.n_parameters),
                human::bytes(tensor.bytes),
                human::count(tensor.offset),
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_line_up_by_label() {
        let section = |rows: &[(&str, &str)]| Section {
            title: "model",
            rows: rows.iter().map(|(label, value)| (label.to_string(), value.to_string())).collect(),
        };
        let reports = [vec![section(&[("a", "1"), ("c", "2")])], vec![section(&[("a", "3"), ("b", "4")])]];
        assert_eq!(merged(&reports), [("model", vec!["a", "b", "c"])]);
        assert_eq!(cell(&reports[1], "model", "b"), Some("4"));
        assert_eq!(cell(&reports[0], "model", "b"), None);
    }
}
