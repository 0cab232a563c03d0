//! `bench roofline`: what this machine can do, and what share of it a model uses.

use super::header::{Header, ModelFile, Watch, binary};
use super::model::{check, count_threads as threads, first_token, speed, thread_counts, work};
use crate::cli::Format;
use crate::cli::cache_args::CacheArgs;
use crate::cli::model_args::ModelArgs;
use crate::cli::named_model::{NamedModel, open};
use crate::cli::optimized_args::OptimizedArgs;
use crate::cli::output::print_json;
use crate::cli::path::Path;
use crate::cli::progress::spinner;
use crate::gguf::Gguf;
use crate::measure::bench::{self, Runner, Shares, Test, TestKind, Work, grid};
use crate::measure::ceilings::{self, Ceilings, Peak};
use crate::measure::statistics::Samples;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::ffi::OsString;
use std::io::Write;
use std::sync::Arc;

/// Flags of `bench roofline`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway bench roofline\n  \
    cutaway bench roofline -m smollm2-135m -t 1,2")]
pub(super) struct RooflineArgs {
    /// The model whose share is measured: a GGUF file, or a name that `cutaway pull --list` knows (`tiny` is the embedded
    /// one); without it, only the machine is measured
    #[arg(short, long, value_name = "FILE|NAME")]
    model: Option<OsString>,

    /// Threads [default: each number up to the number of cores]
    #[arg(short, long, value_name = "N,…", value_delimiter = ',')]
    threads: Vec<usize>,

    #[command(flatten)]
    optimized: OptimizedArgs,

    #[command(flatten)]
    cache: CacheArgs,

    /// Megabytes of memory to stream; with a model, a stream as long as the model is measured too
    #[arg(long, value_name = "MB", default_value_t = 256)]
    stream: usize,

    /// Passes of which the median is taken
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    repetitions: usize,

    /// Tokens of the prompt that the model reads
    #[arg(short = 'p', long, value_name = "N", default_value_t = 512)]
    n_prompt: usize,

    /// Tokens that the model writes
    #[arg(short, long, value_name = "N", default_value_t = 128)]
    n_gen: usize,

    /// Tokens in the cache before the clock starts
    #[arg(short = 'd', long, value_name = "N", default_value_t = 0)]
    n_depth: usize,

    /// How to print the result
    #[arg(short = 'o', long, value_enum, default_value_t)]
    format: Format,
}

/// Everything measured: the JSON view.
#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    header: Header,
    ceilings: Ceilings,
    tests: Vec<Row>,
    stolen: Option<f64>,
}

/// A test of the model, as a share of the machine.
#[derive(Serialize)]
struct Row {
    test: String,
    depth: usize,
    threads: usize,
    tokens_per_second: Samples,
    work: Work,
    shares: Shares,
}

/// 2⁴⁴ bytes.
const MOST_MEGABYTES: usize = 1 << 24;

pub(super) fn run(args: &RooflineArgs) -> Result<()> {
    let tests = grid(&[args.n_prompt], &[args.n_gen], &[args.n_depth]);
    check(&tests, args.repetitions)?;
    if args.stream > MOST_MEGABYTES {
        bail!("--stream {} is more memory than any machine has: expected at most {MOST_MEGABYTES} MB", args.stream);
    }
    args.optimized.options(0)?; // before anything is measured: whether there are such kernels
    let model = args.model.as_deref().map(|name| open(Some(name))).transpose()?;
    let header = Header::new(model.as_ref().map(|(path, gguf)| ModelFile::of(path, gguf)));
    let watch = Watch::start();

    let mut options = ceilings::CeilingsOptions { passes: args.repetitions, ..ceilings::CeilingsOptions::default() };
    options.stream_bytes = vec![args.stream << 20];
    if !args.threads.is_empty() {
        options.threads = thread_counts(&args.threads);
    }
    if let Some((_, gguf)) = &model {
        for test in tests.iter().filter(|test| matches!(test.kind, TestKind::Generate(_))) {
            let work = work(gguf, *test, Path::Optimized, 1, args.cache.formats(Path::Optimized))?;
            options.stream_bytes.push((work.bytes() / work.passes) as usize);
        }
    }
    let progress = spinner("");
    let ceilings = ceilings::measure(&options, |what| progress.set_message(what.to_owned()))?;
    let mut rows = Vec::new();
    if let Some((_, gguf)) = &model {
        for &threads in &options.threads {
            progress.set_message(format!("running the model on {threads} threads"));
            rows.extend(shares(args, gguf, &tests, threads, &ceilings)?);
        }
    }
    progress.finish_and_clear();
    watch.warn();
    let view = View { header, ceilings, tests: rows, stolen: watch.stolen() };
    match args.format {
        Format::Json => print_json(&view),
        Format::Text => print(&view, &mut std::io::stdout().lock()),
    }
}

/// The model's tests on so many threads.
fn shares(
    args: &RooflineArgs,
    gguf: &Arc<Gguf>,
    tests: &[Test],
    threads: usize,
    ceilings: &Ceilings,
) -> Result<Vec<Row>> {
    let ctx_size = tests.iter().map(Test::n_positions).max().unwrap_or(0);
    let (model, path) = (args.model.clone(), Path::Optimized);
    let named = NamedModel { model };
    let (optimized, cache, kv) = (args.optimized.clone(), args.cache.clone(), args.cache.formats(path));
    let mut loaded = ModelArgs { named, ctx_size, path, threads, optimized, cache }.load()?;
    let options = bench::BenchOptions { bos: first_token(&loaded), kv, ..bench::BenchOptions::default() };
    let mut runner = Runner::new(&mut loaded.engine, options, tests)?;
    let mut rows = Vec::new();
    for &test in tests {
        runner.warm_up(test)?;
        let samples = (0..args.repetitions).map(|_| speed(&mut runner, test)).collect::<Result<Vec<_>>>()?;
        let tokens_per_second = Samples::new(samples);
        let work = work(gguf, test, path, options.chunk, kv)?;
        rows.push(Row {
            test: test.kind.to_string(),
            depth: test.depth,
            threads,
            shares: Shares::of(&work, work.tokens as f64 / tokens_per_second.median, threads, ceilings),
            tokens_per_second,
            work,
        });
    }
    Ok(rows)
}

fn print(view: &View, out: &mut impl Write) -> Result<()> {
    view.header.print(out)?;
    let found = &view.ceilings;
    writeln!(out, "\nreading memory, GB/s       4 KB pages  2 MB pages")?;
    for huge in found.streams.iter().filter(|stream| stream.pages == "2 MB") {
        let small = found.streams.iter().find(|s| (s.pages, s.bytes, s.threads) == ("4 KB", huge.bytes, huge.threads));
        let small = small.map_or(f64::NAN, |small| small.bytes_per_second.median);
        let what = format!("{}, {}", binary(huge.bytes as u64), threads(huge.threads));
        writeln!(out, "  {what:<24} {:>10.1}  {:>10.1}", small / 1e9, huge.bytes_per_second.median / 1e9)?;
    }
    writeln!(out, "\nreading the same again, one thread, GB/s")?;
    for points in found.sweep.chunks(5) {
        let point = |point: &ceilings::SweepPoint| {
            format!("{:>8} {:>7.1}", binary(point.bytes as u64), point.bytes_per_second.median / 1e9)
        };
        writeln!(out, "  {}", points.iter().map(point).collect::<Vec<_>>().join("   "))?;
    }
    writeln!(out, "\nregisters only, GOP/s           median     fastest")?;
    let mut peaks = |what: &str, by: &str, peaks: &[Peak]| -> Result<()> {
        for peak in peaks {
            let what = format!("{what}, {}", threads(peak.threads));
            let speed = &peak.operations_per_second;
            writeln!(out, "  {what:<24} {:>10.1}  {:>10.1}  {by}", speed.median / 1e9, speed.max() / 1e9)?;
        }
        Ok(())
    };
    peaks("bytes", found.dot_by, &found.dot)?;
    peaks("f32", found.fma_by, &found.fma)?;
    if !found.barriers.is_empty() {
        writeln!(out, "\nsynchronising, microseconds   barrier    dispatch")?;
    }
    for cost in &found.barriers {
        let (barrier, dispatch) = (cost.barrier_seconds.median * 1e6, cost.dispatch_seconds.median * 1e6);
        writeln!(out, "  {:<24} {barrier:>10.2}  {dispatch:>10.2}", threads(cost.threads))?;
    }
    let drift =
        |drift: &ceilings::Drift| format!("{} {:.1} → {:.1}", drift.what, drift.before / 1e9, drift.after / 1e9);
    let drifts: Vec<String> = found.drifts.iter().map(drift).collect();
    let verdict = if found.is_steady() { "steady" } else { "NOT STEADY: something else runs here, measure again" };
    writeln!(out, "\nmeasured again: {}; {verdict}", drifts.join(", "))?;
    print_rows(&view.tests, out)
}

fn print_rows(rows: &[Row], out: &mut impl Write) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nthe model          threads   tokens/s      GB/s  of reading     GOP/s  of computing   nearest roof"
    )?;
    for row in rows {
        let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        let test = if row.depth > 0 { format!("{} @ d{}", row.test, row.depth) } else { row.test.clone() };
        writeln!(
            out,
            "  {test:<16} {:>7} {:>10.1} {:>9.1} {:>11} {:>9.1} {:>13}   {}",
            row.threads,
            row.tokens_per_second.median,
            row.shares.bytes_per_second / 1e9,
            percent(row.shares.of_read_roof),
            row.shares.operations_per_second / 1e9,
            percent(row.shares.of_compute_roof),
            row.shares.nearest_roof(),
        )?;
    }
    Ok(())
}
