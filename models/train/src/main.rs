//! One command for each artefact: the corpus, the vocabulary, the models.
//!
//! ```text
//! cargo run --release -p cutaway-train -- --help
//! ```

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use cutaway_train::language::{Corpus, Split};
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
        Command::Corpus { bytes, seed, held_out } => corpus(bytes, seed, held_out),
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

fn corpus(bytes: usize, seed: u64, held_out: bool) -> Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut written = 0;
    for document in Corpus::new(seed, if held_out { Split::HeldOut } else { Split::Train }) {
        if written >= bytes {
            break;
        }
        written += document.text.len() + 2;
        writeln!(out, "{}\n", document.text)?;
    }
    out.flush().context("cannot write the corpus")
}
