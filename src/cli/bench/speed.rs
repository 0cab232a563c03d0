//! `bench`: prompts and generations, timed; with `--peer` by turns with another engine.
//!
//! Look first at [`run`]: one loop over the tests, and [`by_turns`] for those with a peer.

use super::header::{Header, ModelFile, Watch};
use super::model::{check, count_threads, first_token, speed, thread_counts, work};
use super::peer::Peer;
use crate::cli::Format;
use crate::cli::cache_args::CacheArgs;
use crate::cli::help;
use crate::cli::human;
use crate::cli::model_args::ModelArgs;
use crate::cli::named_model::NamedModel;
use crate::cli::optimized_args::{OptimizedArgs, unusual};
use crate::cli::output::print_json;
use crate::cli::path::Path;
use crate::cli::progress::spinner;
use crate::engine::Engine;
use crate::measure::bench::peer::Comparison;
use crate::measure::bench::{BenchOptions, Runner, Test, Work, grid};
use crate::measure::statistics::{PairSide, Samples, abba, ratio};
use crate::optimized::ActPrecision;
use anyhow::{Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;

/// Which tests, and on what.
#[derive(Debug, Args)]
pub(super) struct SpeedArgs {
    #[command(flatten)]
    named: NamedModel,

    /// Tokens of the prompts to time; 0 for none
    #[arg(short = 'p', long, value_name = "N,…", value_delimiter = ',', default_value = "512")]
    n_prompt: Vec<usize>,

    /// Tokens of the generations to time; 0 for none
    #[arg(short, long, value_name = "N,…", value_delimiter = ',', default_value = "128")]
    n_gen: Vec<usize>,

    /// Tokens in the cache before the clock starts
    #[arg(short = 'd', long, value_name = "N,…", value_delimiter = ',', default_value = "0")]
    n_depth: Vec<usize>,

    #[arg(short, long, value_name = "N,…", value_delimiter = ',', default_value = "0", help = help::THREADS)]
    threads: Vec<usize>,

    /// Times that each test is timed [default: 5; with --peer 10 pairs]
    #[arg(short, long, value_name = "N")]
    repetitions: Option<usize>,

    /// Most tokens in one pass
    #[arg(long, value_name = "N", default_value_t = 512)]
    ubatch_size: usize,

    #[arg(long, value_enum, default_value_t, help = help::PATH)]
    path: Path,

    #[command(flatten)]
    optimized: OptimizedArgs,

    #[command(flatten)]
    cache: CacheArgs,

    /// Measure in alternation with this llama-bench, and print the ratio with its 95 % interval
    #[arg(long, value_name = "LLAMA-BENCH")]
    peer: Option<PathBuf>,

    /// How to print the result
    #[arg(short = 'o', long, value_enum, default_value_t)]
    format: Format,
}

/// One test, timed.
#[derive(Debug, Serialize)]
struct Row {
    /// `pp512`, `tg128`.
    test: String,
    depth: usize,
    threads: usize,
    path: &'static str,
    tokens_per_second: Samples,
    /// The table of kernels; the naive path has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernels: Option<&'static str>,
    /// Bits of what quantised matrices read; the naive path rounds nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    activations: Option<ActPrecision>,
    cache_type_k: &'static str,
    cache_type_v: &'static str,
    /// From opening the file to the first possible pass, packing included. Not part of any speed.
    load_seconds: f64,
    work: Work,
    /// Weights, keys and values.
    bytes_per_second: f64,
    /// Two for a multiply-add.
    operations_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Comparison>,
    /// Share of the time so far in which the host ran something else.
    stolen: Option<f64>,
    #[serde(flatten)]
    header: Header,
}

pub(super) fn run(args: &SpeedArgs) -> Result<()> {
    let tests = grid(&args.n_prompt, &args.n_gen, &args.n_depth);
    if tests.is_empty() {
        bail!("there is nothing to time: give tokens of a prompt with -p or of a generation with -n");
    }
    let repetitions = args.repetitions.unwrap_or(if args.peer.is_some() { 10 } else { 5 });
    check(&tests, repetitions)?;
    let (path, gguf) = args.named.open()?;
    let kv = args.cache.formats(args.path);
    let peer = args.peer.as_deref().map(|peer| Peer::find(peer, kv)).transpose()?;
    if peer.is_some() && !path.is_file() {
        bail!("the peer needs a file, and the embedded model has none: give one with -m");
    }
    let header = Header::new(Some(ModelFile::of(&path, &gguf)));
    let watch = Watch::start();
    let text = args.format == Format::Text;

    let mut rows = Vec::new();
    for threads in args.thread_counts() {
        let mut loaded = args.model_args(threads, &tests).load()?;
        let load_seconds = loaded.setup.load_seconds;
        let bos = first_token(&loaded);
        let (kernels, activations) = inner_loops(&loaded.engine);
        let options = BenchOptions { chunk: args.ubatch_size, kv, bos };
        let mut runner = Runner::new(&mut loaded.engine, options, &tests)?;
        if text && rows.is_empty() {
            header.print(&mut std::io::stdout().lock())?;
        }
        if text {
            print_load(threads, kernels, activations, load_seconds)?;
        }
        for &test in &tests {
            let progress = spinner("");
            let (tokens_per_second, comparison) = match &peer {
                None => (alone(&mut runner, test, repetitions, &progress)?, None),
                Some(peer) => {
                    let (ours, theirs) = by_turns(&mut runner, peer, &path, test, threads, repetitions, &progress)?;
                    (ours, Some(theirs))
                }
            };
            progress.finish_and_clear();
            let work = work(&gguf, test, args.path, args.ubatch_size, kv)?;
            let seconds = work.tokens as f64 / tokens_per_second.median;
            let row = Row {
                test: test.kind.to_string(),
                depth: test.depth,
                threads,
                path: args.path.name(),
                kernels,
                activations,
                cache_type_k: kv.k.name(),
                cache_type_v: kv.v.name(),
                load_seconds,
                bytes_per_second: work.bytes() as f64 / seconds,
                operations_per_second: 2.0 * work.macs() as f64 / seconds,
                work,
                tokens_per_second,
                peer: comparison,
                stolen: watch.stolen(),
                header: header.clone(),
            };
            if text {
                print_row(&row)?;
            }
            rows.push(row);
        }
    }
    watch.warn();
    if args.format == Format::Json { print_json(&rows) } else { Ok(()) }
}

/// A test, timed again and again.
fn alone(runner: &mut Runner<'_>, test: Test, repetitions: usize, progress: &ProgressBar) -> Result<Samples> {
    progress.set_message(format!("{test}: warming up"));
    runner.warm_up(test)?;
    let mut samples = Vec::new();
    for i in 0..repetitions {
        progress.set_message(format!("{test}: {} of {repetitions}", i + 1));
        samples.push(speed(runner, test)?);
    }
    Ok(Samples::new(samples))
}

/// A test, timed by turns with a peer: ours, theirs, theirs, ours, … As the peer warms up before each of its samples, so
/// do we. While it runs our threads sleep: a worker that finds no work for 50 µs does.
fn by_turns(
    runner: &mut Runner<'_>,
    peer: &Peer,
    model: &std::path::Path,
    test: Test,
    threads: usize,
    pairs: usize,
    progress: &ProgressBar,
) -> Result<(Samples, Comparison)> {
    let tried = peer.configurations(model, test, threads, |flags| {
        progress.set_message(format!("{test}: trying the peer with {}", flags.join(" ")));
    })?;
    let flags = crate::measure::bench::peer::best(&tried).map(|best| best.flags.clone()).unwrap_or_default();
    let (mut ours, mut theirs, mut commit) = (Vec::new(), Vec::new(), String::new());
    for side in abba(pairs) {
        progress.set_message(format!("{test}: pair {} of {pairs}", ours.len().min(theirs.len()) + 1));
        match side {
            PairSide::Ours => {
                runner.warm_up(test)?;
                ours.push(speed(runner, test)?);
            }
            PairSide::Theirs => {
                let run = peer.run(model, test, threads, &flags)?;
                theirs.push(run.samples_ts[0]);
                commit = run.build_commit;
            }
        }
    }
    let comparison = Comparison {
        program: peer.path().display().to_string(),
        commit,
        tried,
        flags,
        ratio: ratio(&ours, &theirs),
        tokens_per_second: Samples::new(theirs),
    };
    Ok((Samples::new(ours), comparison))
}

fn inner_loops(engine: &Engine) -> (Option<&'static str>, Option<ActPrecision>) {
    match engine {
        Engine::Naive(_) => (None, None),
        Engine::Optimized(transformer) => (Some(transformer.kernels().name), Some(transformer.activations())),
    }
}

impl SpeedArgs {
    /// Numbers of threads to measure, each once. The naive path has one.
    fn thread_counts(&self) -> Vec<usize> {
        if self.path == Path::Naive { vec![1] } else { thread_counts(&self.threads) }
    }

    fn model_args(&self, threads: usize, tests: &[Test]) -> ModelArgs {
        ModelArgs {
            named: self.named.clone(),
            ctx_size: tests.iter().map(Test::n_positions).max().unwrap_or(0),
            path: self.path,
            threads,
            optimized: self.optimized.clone(),
            cache: self.cache.clone(),
        }
    }
}

fn print_load(threads: usize, kernels: Option<&str>, activations: Option<ActPrecision>, seconds: f64) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let kernels = kernels.map_or(String::new(), |name| format!(", {name} kernels"));
    writeln!(
        out,
        "\n{}{kernels}{}; loaded in {seconds:.2} s, which is not part of what follows",
        count_threads(threads),
        unusual(activations)
    )?;
    writeln!(
        out,
        "{:<16} {:>10}  {:>21} {:>10} {:>9} {:>9}",
        "test", "tokens/s", "slowest … fastest", "ms/token", "GB/s", "GOP/s"
    )?;
    Ok(())
}

fn print_row(row: &Row) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let speed = &row.tokens_per_second;
    let test = if row.depth > 0 { format!("{} @ d{}", row.test, row.depth) } else { row.test.clone() };
    writeln!(
        out,
        "{test:<16} {:>10.2}  {:>21} {:>10.3} {:>9.2} {:>9.1}",
        speed.median,
        format!("{:.2} … {:.2}", speed.min(), speed.max()),
        1e3 / speed.median,
        row.bytes_per_second / 1e9,
        row.operations_per_second / 1e9,
    )?;
    if let Some(peer) = &row.peer {
        let [low, high] = peer.ratio.interval_95;
        let theirs = &peer.tokens_per_second;
        writeln!(
            out,
            "  {:<14} {:>10.2}  {:>21}  with {} (commit {})",
            "peer",
            theirs.median,
            format!("{:.2} … {:.2}", theirs.min(), theirs.max()),
            if peer.flags.is_empty() { "its defaults".to_owned() } else { peer.flags.join(" ") },
            if peer.commit.is_empty() { "unknown" } else { &peer.commit },
        )?;
        let pairs = peer.ratio.pairs.len();
        writeln!(
            out,
            "  {:<14} {:>9.2}×  95 % interval {low:.2} … {high:.2}, median of {} pairs",
            "ratio",
            peer.ratio.median,
            human::count(pairs),
        )?;
    }
    Ok(())
}
