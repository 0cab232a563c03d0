//! The charts, each a function from the events of a run to what is shown; `None` if the run has nothing for it.
//!
//! Look first at [`CATALOGUE`]: the numbers, titles and questions of all charts, those that are still missing among them.

mod attention;
mod memory;
mod speed;
mod time;
mod weights;
mod work;

use super::chart::Chart;
use super::page::Figure;
use super::svg::{ChartError, svg};
use super::{Events, units};
use crate::measure::record::Record;

/// An entry of the catalogue.
pub struct Entry {
    /// Its number.
    pub number: u8,
    /// A name for links and files.
    pub key: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The question that it answers.
    pub question: &'static str,
    /// How it is made, or why it is not there yet.
    pub chart: Result<fn(&Events<'_>) -> Option<Chart>, &'static str>,
}

const fn entry(
    number: u8,
    key: &'static str,
    title: &'static str,
    question: &'static str,
    chart: Result<fn(&Events<'_>) -> Option<Chart>, &'static str>,
) -> Entry {
    Entry { number, key, title, question, chart }
}

/// All charts.
pub const CATALOGUE: [Entry; 31] = [
    entry(1, "roofline", "Roofline", "Which roof binds each operation?", Ok(work::roofline)),
    entry(
        2,
        "roofline-path",
        "From the naive path to the fastest kernels, under the roofs",
        "Is speed won by faster arithmetic or by fewer bytes?",
        Ok(work::roofline_path),
    ),
    entry(3, "time-per-op", "Time by part of the model", "Where does the time of a token go?", Ok(time::by_group)),
    entry(4, "threads", "What each thread does in one step", "Do threads wait for each other?", Ok(time::threads)),
    entry(5, "flops", "FLOP for one token, by context", "When does attention overtake the matrices?", Ok(work::flops)),
    entry(6, "bytes", "Bytes for one token, by context", "Why does decoding become slower?", Ok(work::bytes)),
    entry(7, "kv-growth", "Growth of the KV cache", "What does a context cost in memory?", Ok(memory::growth)),
    entry(8, "cache-on-off", "With a cache and without", "What does the KV cache save?", Ok(work::cache_on_off)),
    entry(
        9,
        "latency",
        "Time of each token",
        "Are there outliers, and does a token take longer at the end?",
        Ok(time::latency),
    ),
    entry(10, "ttft", "Time to the first token", "How long does a prompt take?", Ok(speed::first_token)),
    entry(11, "batch", "Tokens in a pass", "From how many tokens on is arithmetic the limit?", Ok(speed::batch)),
    entry(12, "ladder", "From the naive path to the fastest", "What does each step earn?", Ok(speed::ladder)),
    entry(13, "scaling", "More threads", "Why stop at so many threads?", Ok(speed::scaling)),
    entry(
        14,
        "predicted",
        "Time that the roofline predicts, and time measured",
        "What does the roofline not explain?",
        Ok(time::predicted),
    ),
    entry(15, "sampler", "Stages of the sampler", "What does each stage remove?", Ok(attention::sampler)),
    entry(16, "entropy", "Entropy and surprise, token by token", "Where is the model unsure?", Ok(attention::entropy)),
    entry(17, "mirostat", "Mirostat", "Does it converge?", Err("mirostat is not a sampler yet")),
    entry(
        18,
        "temperature",
        "Temperature",
        "How much quality does diversity cost?",
        Err("comes with the comparison of samplers"),
    ),
    entry(19, "attention-map", "Attention of one head", "What does a token look at?", Ok(attention::map)),
    entry(20, "head-atlas", "All heads", "Which heads look at the first token only?", Ok(attention::atlas)),
    entry(21, "rounding", "What coarser formats would round away", "Which tensors are fragile?", Ok(weights::rounding)),
    entry(22, "histogram", "Values of a tensor", "Why do a few large values hurt?", Ok(weights::histogram)),
    entry(
        23,
        "drift",
        "Distance of the two paths, value by value",
        "Where do the paths part first?",
        Ok(weights::drift),
    ),
    entry(24, "logit-lens", "Logit lens", "Where does damage enter?", Err("needs the residual stream of two formats")),
    entry(
        25,
        "size-quality",
        "Size and quality",
        "Which format is worth its bytes?",
        Err("comes with the command that writes other formats"),
    ),
    entry(26, "file-map", "The file", "Where does each tensor lie?", Ok(memory::file_map)),
    entry(
        27,
        "access",
        "Access patterns",
        "Why does the layout matter?",
        Err("comes with the chapter on memory layout"),
    ),
    entry(28, "tokenizer", "Bytes in a token, by language", "Who pays more?", Ok(weights::tokenizer)),
    entry(
        29,
        "speculation",
        "Speculation",
        "How many tokens are worth a draft?",
        Err("speculative decoding does not exist yet"),
    ),
    entry(30, "grammar", "Grammar masks", "What does a grammar cost?", Err("grammars do not exist yet")),
    entry(31, "observer", "What watching costs", "Can the times be trusted?", Ok(speed::observer)),
];

/// Every chart that can be made of these records, drawn.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn figures(records: &[Record]) -> Result<Vec<Figure>, ChartError> {
    let Some(events) = Events::of(records) else { return Ok(Vec::new()) };
    let mut figures = Vec::new();
    for entry in &CATALOGUE {
        let Ok(make) = entry.chart else { continue };
        if let Some(chart) = make(&events) {
            figures.push(figure(entry, chart)?);
        }
    }
    Ok(figures)
}

fn figure(entry: &Entry, chart: Chart) -> Result<Figure, ChartError> {
    let mut chart = chart.without_impossible();
    if chart.title.is_empty() {
        chart.title = entry.title.to_owned();
    }
    let svg = svg(&chart)?;
    let Chart { title, statistic, n, source, notes, columns, rows, .. } = chart;
    Ok(Figure {
        number: entry.number,
        key: entry.key.to_owned(),
        title,
        question: entry.question.to_owned(),
        statistic,
        n,
        source,
        notes,
        svg,
        columns,
        rows,
    })
}

/// Names of columns.
fn columns<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

/// `attention`, `feed-forward`: names as people write them.
fn words(name: &str) -> String {
    name.replace('_', "-")
}

/// A number of a table.
fn cell(x: f64) -> String {
    units::number(x)
}

#[cfg(test)]
mod tests;
