//! The sections of the page, in their order, and the figures that belong to each.
//!
//! Look first at [`SECTIONS`]. What it deliberately does not do: choose words or numbers.

use super::answers::{self, Answer};
use super::tables::{self, Cell, Table};
use super::{Figure, plain};
use crate::measure::record::schema::TokenRecord;
use crate::observe::Phase;
use crate::report::Events;
use crate::report::units::percent;
use serde::Serialize;

/// How a section answers its question, and its tables.
type Answers = fn(&Events<'_>) -> Answer;
type Tables = fn(&Events<'_>) -> Vec<Option<Table>>;

/// A section: its name for links, its title, the figures that belong to it, and what it says.
pub struct SectionOf {
    id: &'static str,
    title: &'static str,
    figures: &'static [u8],
    answer: Answers,
    tables: Tables,
}

/// Name, title, numbers of figures, answer, tables.
pub const SECTIONS: [SectionOf; 11] = [
    of("trust", "May these numbers be trusted?", &[], answers::trust, |_| vec![]),
    of("text", "What was asked, and what was generated?", &[], answers::asked, |events| vec![tables::tokens(events)]),
    of("equal", "Does the optimized path compute what the naive path does?", &[23], answers::equal, |events| {
        vec![tables::differences(events)]
    }),
    of("time", "Where does the time go?", &[3, 4, 9, 10, 14], answers::time, |events| {
        let of = |path, phase| tables::operations(events, path, phase);
        vec![
            tables::parts(events),
            of("optimized", Phase::Decode),
            of("optimized", Phase::Prefill),
            of("naive", Phase::Decode),
            of("naive", Phase::Prefill),
        ]
    }),
    of("roofline", "What limits it: reading memory or arithmetic?", &[1, 2, 11, 12, 13], answers::roofline, |events| {
        vec![tables::speeds(events)]
    }),
    of("memory", "What does the context cost?", &[5, 6, 7, 8, 26], answers::memory, |events| {
        vec![tables::costs(events)]
    }),
    of(
        "sampling",
        "What did the sampler remove, step by step?",
        &[15, 16, 17, 18, 29, 30],
        answers::sampling,
        |events| vec![tables::stages(events)],
    ),
    of("attention", "Which positions does attention look at?", &[19, 20, 24], answers::attention, |_| vec![]),
    of("weights", "What is in the file, and what does text cost?", &[21, 22, 25, 27, 28], answers::weights, |_| vec![]),
    of("measurement", "Does watching change what is watched?", &[31], answers::measurement, |_| vec![]),
    of("next", "What to try next?", &[], answers::next, |_| vec![]),
];

const fn of(
    id: &'static str,
    title: &'static str,
    figures: &'static [u8],
    answer: Answers,
    tables: Tables,
) -> SectionOf {
    SectionOf { id, title, figures, answer, tables }
}

/// A section with its contents.
#[derive(Debug, Clone, Serialize)]
pub struct Section<'a> {
    /// Its name for links.
    pub id: &'static str,
    /// Its title: a question.
    pub title: &'static str,
    /// The answer.
    #[serde(skip)]
    pub answer: Answer,
    /// The first sentence of the answer.
    lead: Vec<Span>,
    /// The other sentences.
    more: Vec<Vec<Span>>,
    /// Whether there is nothing to show.
    is_missing: bool,
    /// Its tables.
    tables: Vec<Table>,
    /// Its figures.
    figures: Vec<Drawn<'a>>,
    /// The prompt and the tokens, in the section that shows the text.
    text: Option<Text>,
}

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Span {
    text: String,
    is_code: bool,
}

/// A figure with its table.
#[derive(Debug, Clone, Serialize)]
struct Drawn<'a> {
    #[serde(flatten)]
    figure: &'a Figure,
    table: Vec<Vec<Cell>>,
}

/// What was asked and generated.
#[derive(Debug, Clone, Serialize)]
struct Text {
    prompt: String,
    prompt_tokens: Vec<u32>,
    tokens: Vec<Token>,
}

/// A generated token.
#[derive(Debug, Clone, Serialize)]
struct Token {
    text: String,
    about: String,
    /// 0: sure (more than a half), 1: more than a tenth, 2: below, 3: unknown.
    doubt: u8,
}

/// The sections of a run, in their order.
pub fn sections<'a>(events: &Events<'_>, figures: &'a [Figure]) -> Vec<Section<'a>> {
    let section = |of: &SectionOf| {
        let answer = (of.answer)(events);
        let figures: Vec<Drawn<'a>> = of
            .figures
            .iter()
            .flat_map(|&n| figures.iter().filter(move |figure| figure.number == n))
            .map(drawn)
            .collect();
        let tables: Vec<Table> = (of.tables)(events).into_iter().flatten().collect();
        let mut sentences = answer.sentences.iter().map(|sentence| spans(sentence));
        Section {
            id: of.id,
            title: of.title,
            lead: sentences.next().unwrap_or_default(),
            more: sentences.collect(),
            is_missing: answer.is_missing && figures.is_empty() && tables.is_empty(),
            answer,
            tables,
            figures,
            text: (of.id == "text").then(|| text(events)),
        }
    };
    let mut sections: Vec<Section<'a>> = SECTIONS.iter().map(section).collect();
    let belongs = |figure: &&Figure| SECTIONS.iter().any(|section| section.figures.contains(&figure.number));
    // A figure that the catalogue got later is shown too, at the end of the measurements.
    let others = figures.iter().filter(|figure| !belongs(figure)).map(drawn);
    if let Some(last) = sections.iter_mut().find(|section| section.id == "measurement") {
        last.figures.extend(others);
        last.is_missing &= last.figures.is_empty();
    }
    sections
}

fn drawn(figure: &Figure) -> Drawn<'_> {
    let cell = |text: &String| match text.replace(',', "").parse::<f64>() {
        Ok(value) => Cell::number(value, plain(text)),
        Err(_) => Cell::text(text),
    };
    Drawn { figure, table: figure.rows.iter().map(|row| row.iter().map(cell).collect()).collect() }
}

/// A sentence in pieces: what stands between backquotes is code.
fn spans(sentence: &str) -> Vec<Span> {
    let pieces = sentence.split('`').enumerate();
    pieces
        .filter(|(_, text)| !text.is_empty())
        .map(|(i, text)| Span {
            text: if i % 2 == 1 { plain(text) } else { unbroken(&plain(text)) },
            is_code: i % 2 == 1,
        })
        .collect()
}

/// Keeps a number and its unit in one line.
fn unbroken(text: &str) -> String {
    const UNITS: [&str; 12] = ["%", "ns", "µs", "ms", "s", "B", "kB", "MB", "GB", "bits", "tokens", "times"];
    let mut words = text.split(' ');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let is_unit = UNITS.contains(&word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '%'));
        out.push(if is_unit && out.ends_with(|c: char| c.is_ascii_digit()) { '\u{a0}' } else { ' ' });
        out += word;
    }
    out
}

fn text(events: &Events<'_>) -> Text {
    let token = |token: &&TokenRecord| {
        let p = token.nll.map(|nll| (-nll).exp());
        let place = token.rank.map(|rank| format!(", place {}", rank + 1)).unwrap_or_default();
        let probability = p.map_or("probability unknown".to_owned(), |p| format!("probability {}", percent(p)));
        Token {
            text: visible(&token.piece),
            about: format!("step {}: token {}, {probability}{place}", token.step, token.token),
            doubt: match p {
                None => 3,
                Some(p) if p > 0.5 => 0,
                Some(p) if p > 0.1 => 1,
                Some(_) => 2,
            },
        }
    };
    Text {
        prompt: lines(&events.run.prompt),
        prompt_tokens: events.run.prompt_tokens.clone(),
        tokens: events.tokens.iter().map(token).collect(),
    }
}

/// Text with its line ends.
fn lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// A token whose line ends can be seen, and break the line.
fn visible(piece: &str) -> String {
    piece.split('\n').map(plain).collect::<Vec<_>>().join("↵\n")
}
