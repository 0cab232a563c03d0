//! [`Figure`]: a chart as the page shows it: a picture, a caption, and the numbers as a table.
//!
//! In the picture, a mark may have a `<title>` child: the page shows it where the pointer is. Marks with the attribute
//! `data-series="name"` can be hidden and shown again, one name at a time.
//!
//! What it deliberately does not do: draw.

/// A chart, drawn.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Figure {
    /// Its number in the catalogue of charts. It decides the section: see [`super::sections`].
    pub number: u8,
    /// A name for links, unique within a page: letters, digits, `-` and `_`.
    pub key: String,
    /// Its title.
    pub title: String,
    /// The question that it answers.
    pub question: String,
    /// What one mark is: `median and 95 % bootstrap interval`.
    pub statistic: String,
    /// From how many measurements or values.
    pub n: usize,
    /// Where the values come from: the kinds of events.
    pub source: String,
    /// What a reader must know: marks that were left out, clamped axes.
    pub notes: Vec<String>,
    /// The picture, as an `<svg>` element. It is put into the page as it is.
    pub svg: String,
    /// Titles of the table's columns.
    pub columns: Vec<String>,
    /// Rows of the table.
    pub rows: Vec<Vec<String>>,
}
