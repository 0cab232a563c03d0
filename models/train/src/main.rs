//! One command for each artefact: the corpus, the vocabulary, the models.
//!
//! ```text
//! cargo run --release -p cutaway-train -- --help
//! ```

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Makes Cutaway's embedded models: their language, their vocabulary, their training")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints text of the invented language.
    Corpus {
        /// About how many bytes; whole documents are printed.
        #[arg(long, default_value_t = 10_000)]
        bytes: usize,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Corpus { bytes } => println!("{bytes} bytes are to come."),
    }
    Ok(())
}
