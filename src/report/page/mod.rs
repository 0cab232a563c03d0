//! The page of a recorded run: one HTML file that needs nothing else, neither a network nor JavaScript.
//!
//! Look first at [`html`], then at [`sections`]: which section stands where, and which figures belong to it. [`answers`] has
//! the sentence with which each section begins, [`summary`] the sums behind it, [`facts`] the block of facts at the top.
//! `page.html` is the template, `page.css` its looks, `page.js` what a reader may click.
//!
//! Names and texts of a run were written by strangers: the template escapes all of them, and characters that would change
//! the direction of text are shown as Rust source writes them. Only the pictures of figures are put in as they are.
//!
//! What it deliberately does not do: draw charts, or write files.

pub mod answers;
pub mod facts;
mod figure;
pub mod sections;
pub mod summary;
mod tables;

pub use figure::Figure;
pub use tables::{Cell, Table};

use super::Events;
use crate::escape::{Escaped, is_unsafe};
use crate::measure::record::schema::Record;
use facts::Fact;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

/// What the page is to look like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageOptions {
    /// Its title; without one, the model's name.
    pub title: Option<String>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Nothing says what ran.
    #[error("the records have no `run` event: expected it as the first, it says what ran and where")]
    NoRun,
    /// Two figures with one name: links would lead to the wrong one.
    #[error("two figures have the key {key:?}; expected one name each")]
    SameKey {
        /// The name.
        key: String,
    },
    /// The template of the page is wrong.
    #[error("the template of the page cannot be filled in: {0}")]
    Template(#[from] minijinja::Error),
    /// The data of the page is no JSON.
    #[error("the page's data cannot be written as JSON: {0}")]
    Data(#[from] serde_json::Error),
}

/// The page, as HTML.
///
/// # Errors
/// If no record says what ran, or two figures have the same key.
pub fn html(records: &[Record], figures: &[Figure], options: &PageOptions) -> Result<String, PageError> {
    let events = Events::of(records).ok_or(PageError::NoRun)?;
    for (i, figure) in figures.iter().enumerate() {
        if figures[..i].iter().any(|before| before.key == figure.key) {
            return Err(PageError::SameKey { key: figure.key.clone() });
        }
    }
    let run = events.run;
    let sections = sections::sections(&events, figures);
    let data = Data {
        run: Record::Run(Box::new(run.clone())),
        answers: sections.iter().map(|section| (section.id, &section.answer.sentences)).collect(),
        speeds: events.benches.iter().map(|&bench| Record::Bench(bench.clone())).collect(),
        ceilings: events.ceilings.iter().map(|&ceiling| Record::Ceiling(ceiling.clone())).collect(),
    };
    let title = options.title.clone().unwrap_or_else(|| format!("{}: a recorded run", run.model.name));
    render(
        "page.html",
        context! {
            title => plain(&title),
            model => plain(&run.model.name),
            command => plain(&run.command),
            interrupted => !events.is_complete(),
            facts => Value::from(Serde(plain_facts(facts::facts(&events)))),
            sections => Value::from(Serde(&sections)),
            data => Value::from_safe_string(script_json(&data)?),
        },
    )
}

/// What programs may want from the page; everything else is in the recording.
#[derive(Debug, Serialize)]
struct Data<'a> {
    run: Record,
    answers: Vec<(&'static str, &'a Vec<String>)>,
    speeds: Vec<Record>,
    ceilings: Vec<Record>,
}

/// Fills a template in, and puts style and script into it.
///
/// # Errors
/// If the template is wrong.
pub(super) fn render(template: &str, values: Value) -> Result<String, PageError> {
    let mut environment = Environment::new(); // it escapes HTML in templates with this ending
    for (name, source) in [
        ("page.html", include_str!("page.html")),
        ("compare.html", include_str!("compare.html")),
        ("parts.html", include_str!("parts.html")),
    ] {
        environment.add_template(name, source)?;
    }
    let own = context! {
        css => Value::from_safe_string(format!("{}{}", include_str!("page.css"), crate::report::svg::style())),
        js => Value::from_safe_string(include_str!("page.js").to_owned()),
        ..values
    };
    Ok(environment.get_template(template)?.render(own)?)
}

/// JSON that may stand within `<script>`: nothing in it ends the element, begins a comment, or changes the
/// direction of text.
///
/// # Errors
/// If the value is no JSON.
pub(super) fn script_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' => safe += &format!("\\u{:04x}", u32::from(c)),
            _ if is_unsafe(c) => safe += &format!("\\u{:04x}", u32::from(c)), // all of them are below U+10000
            _ => safe.push(c),
        }
    }
    Ok(safe)
}

/// Text without characters that cannot be seen or that change the direction of what follows.
pub(super) fn plain(text: &str) -> String {
    Escaped(text).to_string()
}

pub(super) fn plain_facts(facts: Vec<Fact>) -> Vec<Fact> {
    facts.into_iter().map(|fact| Fact { value: plain(&fact.value), name: plain(&fact.name), ..fact }).collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
