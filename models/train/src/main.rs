//! One command for each artefact: the corpus, the vocabulary, the models.
//!
//! ```text
//! cargo run --release -p cutaway-train -- --help
//! ```

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use cutaway_train::language::statistics::Repetition;
use cutaway_train::language::{Corpus, Document, Split};
use cutaway_train::trainer::commands;
use cutaway_train::vocabulary::train;

#[derive(Parser)]
#[command(about = "Makes Cutaway's embedded models: their language, their vocabulary, their training")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints text of the invented language, a blank line after each document.
    Corpus {
        /// About how many bytes; documents are whole.
        #[arg(long, default_value_t = 10_000)]
        bytes: usize,
        /// The seed: the same seed gives the same text on every machine.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Text that is kept from training.
        #[arg(long)]
        held_out: bool,
        /// Print how many sentences come again instead of the text.
        #[arg(long)]
        statistics: bool,
    },
    /// Trains the vocabulary and writes it.
    Vocabulary {
        /// Where to.
        #[arg(long, default_value = "models/train/vocabulary.txt")]
        output: PathBuf,
    },
    Train(commands::TrainArgs),
    Export(commands::ExportArgs),
    Evaluate(commands::EvaluateArgs),
    Chart(commands::ChartArgs),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Corpus { bytes, seed, held_out, statistics } => {
            let documents = corpus(bytes, seed, if held_out { Split::HeldOut } else { Split::Train });
            if statistics {
                println!("{}", Repetition::of(documents));
                return Ok(());
            }
            print(documents)
        }
        Command::Vocabulary { output } => {
            let text = train::vocabulary().to_text();
            std::fs::write(&output, text).with_context(|| format!("cannot write {}", output.display()))
        }
        Command::Train(args) => commands::run_train(&args),
        Command::Export(args) => commands::run_export(&args),
        Command::Evaluate(args) => commands::run_evaluate(&args),
        Command::Chart(args) => commands::run_chart(&args),
    }
}

/// Documents of about so many bytes.
fn corpus(bytes: usize, seed: u64, split: Split) -> impl Iterator<Item = Document> {
    let mut written = 0;
    Corpus::new(seed, split).take_while(move |document| {
        let wanted = written < bytes;
        written += document.text.len() + 2;
        wanted
    })
}

fn print(documents: impl Iterator<Item = Document>) -> Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for document in documents {
        writeln!(out, "{}\n", document.text)?;
    }
    out.flush().context("cannot write the corpus")
}
