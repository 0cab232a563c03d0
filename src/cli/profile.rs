//! `profile`: runs a prompt under an observer, shows where the time goes, and writes what was seen in the forms of other
//! programs.
//!
//! Look first at [`ProfileArgs`], then at `record`, which runs the model, and `write`, which makes the files.

use super::model_args::{Loaded, ModelArgs, load_options};
use super::output::{note, print_json, visible};
use super::progress::spinner;
use super::replace::{must_be_writable, replace};
use super::run_record::{RunOf, run_record};
use super::sampler_args::SamplerArgs;
use super::{Format, Signals, Verdict, prompt, text};
use crate::engine::generate::generate;
use crate::engine::{Engine, GenerateOptions, Session, StopReason};
use crate::kv_cache::KvLayout;
use crate::measure::ceilings::CeilingsOptions;
use crate::measure::collect::ceiling_records;
use crate::measure::inspect::Decode;
use crate::measure::record::schema::EndRecord;
use crate::measure::record::{JsonLines, Record, Recorder, RecorderOptions, Sink};
use crate::model::Model;
use crate::observe::{
    Event, HookAt, HookFilter, Interests, Observer, Off, OpAt, OpWork, Phase, TensorView, ThreadSpan,
};
use crate::report::page::summary::{Part, Pass};
use crate::report::{Events, export, units};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is asked of the model if nothing else is.
const PROMPT: &str = "Once upon a time there was a little dog who wanted to see the sea.";

/// Run a prompt under an observer.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cutaway profile\n  \
    cutaway profile -m smollm2-135m -n 64 --by op\n  \
    cutaway profile -m smollm2-135m --mode trace --skip 8 --active 4 --perfetto trace.json\n  \
    cutaway profile --path naive --mode activations --npy values --hooks 'blocks.0.attn.*'\n  \
    cutaway profile --jsonl run.jsonl --csv ops.csv --folded stacks.txt\n\n\
    Open a trace at https://ui.perfetto.dev, and stacks with any flame graph viewer. Speeds without an observer come from \
    `cutaway bench`.")]
pub struct ProfileArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// The text to continue; without it, the beginning of a story
    #[arg(short, long, value_name = "TEXT", default_value = PROMPT, hide_default_value = true, value_parser = text::any(),
          allow_hyphen_values = true)]
    prompt: String,

    /// Tokens to decode
    #[arg(short, long, value_name = "N", default_value_t = 32)]
    n_predict: usize,

    /// What to watch
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,

    /// What a line of the table is
    #[arg(long, value_enum, default_value_t)]
    by: By,

    /// Write every event, a line of JSON each: what `cutaway report` and `report compare` read
    #[arg(long, value_name = "FILE")]
    jsonl: Option<PathBuf>,

    /// Write a timeline for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    perfetto: Option<PathBuf>,

    /// Write folded stacks for flame graphs
    #[arg(long, value_name = "FILE")]
    folded: Option<PathBuf>,

    /// Write a row for every operation
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Write the values of activations into this directory, a file for each hook and step
    #[arg(long, value_name = "DIR")]
    npy: Option<PathBuf>,

    /// The activations to look at; `*` stands for any text, commas separate [default: all]
    #[arg(long, value_name = "HOOK,…")]
    hooks: Option<String>,

    /// Leave out this many steps at the beginning; the prompt is the first
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip: usize,

    /// Keep this many steps after them [default: all]
    #[arg(long, value_name = "N")]
    active: Option<usize>,

    /// Do not measure what this machine can do: the table has no shares of it
    #[arg(long)]
    no_roofs: bool,

    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    sampler: SamplerArgs, // last: its heading would hold for what follows
}

/// `--mode`. They are not mixed: looking at values changes times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Mode {
    /// Times of operations, as the path runs them: several may run as one
    #[default]
    Profile,
    /// The same, and what every thread does
    Trace,
    /// Arithmetic and bytes of operations, without times
    Count,
    /// Statistics of every activation; attention patterns on the naive path
    Activations,
}

/// `--by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum By {
    /// Attention, feed-forward, norms, …
    #[default]
    Group,
    /// Operations, or several that ran as one
    Op,
    /// Blocks
    Layer,
}

impl Mode {
    fn interests(self) -> Interests {
        match self {
            Mode::Profile | Mode::Count => Interests { sampler: false, ..Interests::OPS },
            Mode::Trace => Interests { threads: true, sampler: false, ..Interests::OPS },
            Mode::Activations => Interests::ACTIVATIONS,
        }
    }
}

pub(super) fn run(args: &ProfileArgs, signals: &Signals) -> Result<Verdict> {
    if (args.hooks.is_some() || args.npy.is_some()) && args.mode != Mode::Activations {
        bail!("--npy and --hooks are about values: they need --mode activations");
    }
    if args.active == Some(0) {
        bail!("--active 0 leaves no step to show");
    }
    let timed = matches!(args.mode, Mode::Profile | Mode::Trace);
    for (option, file) in [("--perfetto", &args.perfetto), ("--folded", &args.folded)] {
        if file.is_some() && !timed {
            bail!("{option} writes times: it needs --mode profile or --mode trace");
        }
    }
    for file in [&args.jsonl, &args.perfetto, &args.folded, &args.csv].into_iter().flatten() {
        must_be_writable(file)?; // now, and not after the run
    }
    let loaded = args.model.load()?;
    let (records, complete) = record(args, loaded, signals)?;
    write(args, &records)?;
    print(args, &records)?;
    if !complete {
        note("interrupted: the tables and files have what there was, and no `end` event");
    }
    Ok(if complete { Verdict::Positive } else { Verdict::Interrupted })
}

/// Runs the model, once to warm up and once watched.
fn record(args: &ProfileArgs, mut loaded: Loaded, signals: &Signals) -> Result<(Vec<Record>, bool)> {
    let tokens = prompt::encode(&loaded.tokenizer, &args.prompt);
    let model =
        Model::load(Arc::clone(&loaded.gguf), load_options(args.model.ctx_size)).context("cannot load the model")?;
    let n_threads = match &loaded.engine {
        Engine::Naive(_) => 1,
        Engine::Optimized(path) => path.n_threads(),
    };
    let kernels = match &loaded.engine {
        Engine::Naive(_) => "naive",
        Engine::Optimized(path) => path.kernels().name,
    };
    let session = args.model.session();
    let (path, _) = args.model.named.open()?;
    let mut chain = args.sampler.chain()?;
    let stages: Vec<String> = chain.stages().map(str::to_owned).collect();
    let mut run = run_record(&RunOf {
        model: &model,
        path: &path,
        prompt: &args.prompt,
        tokens: &tokens,
        kernels,
        threads: n_threads,
        act_bits: args.model.optimized.activations.bits(),
        kv: session.kv,
        seed: chain.seed(),
        samplers: stages,
    });
    run.threads = n_threads;
    let mut records = vec![Record::Run(Box::new(run))];
    let progress = spinner("");
    if !args.no_roofs && matches!(args.mode, Mode::Profile | Mode::Trace) {
        progress.set_message("measuring what this machine can do");
        let stream = (Decode::of(&model).weight_bytes_per_token as usize).clamp(1 << 20, 256 << 20);
        let options = CeilingsOptions { threads: vec![n_threads], stream_bytes: vec![stream], passes: 5 };
        let roofs = ceiling_records(&options, "before")?;
        records.extend(roofs.into_iter().filter(|r| !matches!(r, Record::Ceiling(c) if c.what == "sweep")));
    }
    progress.set_message("running the model");
    let hooks = match (&args.hooks, &loaded.engine) {
        (None, _) => None,
        (Some(hooks), Engine::Naive(path)) => Some(HookFilter::new(hooks, &path.hooks())?),
        (Some(hooks), Engine::Optimized(path)) => Some(HookFilter::new(hooks, &path.hooks())?),
    };
    let layout = KvLayout::new(&model.config, session.kv.k, session.kv.v, KvLayout::page_len_for(model.config.n_ctx));
    let recorder = Recorder::new(RecorderOptions {
        path: args.model.path.name(),
        interests: args.mode.interests(),
        steps: args.skip..args.active.map_or(usize::MAX, |active| args.skip.saturating_add(active)),
        hooks,
        kv_position_bytes: layout.position_bytes(),
        kv_page_len: layout.page_len(),
        ..RecorderOptions::default()
    });
    if let Some(directory) = &args.npy {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory '{}'", directory.display()))?;
    }
    let mut watching = Watching { recorder, directory: args.npy.as_deref(), step: 0, failed: None };
    let options =
        GenerateOptions { max_tokens: Some(args.n_predict + 1), ignore_eog: true, ..GenerateOptions::default() };
    let generated = signals.listen(|| -> Result<_> {
        let mut warm_up = Session::new(&mut loaded.engine, session);
        let short = GenerateOptions { max_tokens: Some(2), ..options.clone() };
        generate(&mut warm_up, &loaded.tokenizer, &mut chain, &tokens, &short, &mut Off, |_| !signals.interrupted())?;
        chain.reset();
        let mut session = Session::new(&mut loaded.engine, session);
        let each = |_: &str| !signals.interrupted();
        Ok(generate(&mut session, &loaded.tokenizer, &mut chain, &tokens, &options, &mut watching, each)?)
    })?;
    progress.finish_and_clear();
    let Watching { recorder, failed, step, .. } = watching;
    let steps = units::plural(step + 1, "step");
    if let Some((path, error)) = failed {
        return Err(error).with_context(|| format!("cannot write '{}'", path.display()));
    }
    recorder.finish(&mut records)?;
    for record in &mut records {
        match record {
            Record::Act(act) if args.npy.is_some() => act.file = Some(file_name(&act.hook, act.step)),
            Record::Op(op) if args.mode == Mode::Count => (op.t0, op.dt_ns) = (0, 0),
            _ => {}
        }
    }
    let complete = generated.stop != StopReason::Interrupted;
    if complete && !records.iter().any(|record| matches!(record, Record::Step(_))) {
        bail!(
            "no step is left to show: this run has {steps}, and --skip {} leaves them all out (the prompt is the first)",
            args.skip
        );
    }
    if complete {
        records.push(Record::End(EndRecord { complete }));
    }
    Ok((records, complete))
}

/// The recorder, and the files with the values that it is shown.
struct Watching<'a> {
    recorder: Recorder,
    directory: Option<&'a Path>,
    step: usize,
    /// The first file that could not be written.
    failed: Option<(PathBuf, io::Error)>,
}

/// `blocks.0.attn.hook_q.step3.npy`.
fn file_name(hook: &str, step: usize) -> String {
    format!("{hook}.step{step}.npy")
}

impl Observer for Watching<'_> {
    fn interests(&self) -> Interests {
        self.recorder.interests()
    }
    fn begin(&mut self, at: OpAt) {
        self.recorder.begin(at);
    }
    fn end(&mut self, at: OpAt, work: &OpWork) {
        self.recorder.end(at, work);
    }
    fn threads(&mut self, at: OpAt, spans: &[ThreadSpan]) {
        self.recorder.threads(at, spans);
    }
    fn wants(&self, at: HookAt) -> bool {
        self.recorder.wants(at)
    }
    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        self.recorder.activation(at, value);
        if let (Some(directory), None) = (self.directory, &self.failed) {
            let path = directory.join(file_name(&at.to_string(), self.step));
            let written = File::create(&path).map(BufWriter::new).and_then(|mut file| {
                export::npy(value.shape, value.values, &mut file)?;
                file.flush()
            });
            self.failed = written.err().map(|error| (path, error));
        }
    }
    fn event(&mut self, event: &Event) {
        if let Event::Step { step, .. } = event {
            self.step = *step;
        }
        self.recorder.event(event);
    }
}

/// Every file that was asked for. Each replaces an older one when it is complete.
fn write(args: &ProfileArgs, records: &[Record]) -> Result<()> {
    if let Some(path) = &args.jsonl {
        let mut lines = JsonLines(Vec::new());
        records.iter().cloned().try_for_each(|record| lines.record(record))?;
        replace(path, &lines.0)?;
    }
    if let Some(path) = &args.perfetto {
        let mut trace = Vec::new();
        let left_out = export::perfetto(records, &mut trace)?;
        replace(path, &trace)?;
        if left_out > 0 {
            let most = units::count(export::MOST_EVENTS as u64);
            note(format_args!(
                "the timeline has its first {most} events; {left_out} are left out, which no viewer would bear"
            ));
        }
    }
    if let Some(path) = &args.folded {
        let mut stacks = Vec::new();
        export::folded(records, &mut stacks)?;
        replace(path, &stacks)?;
    }
    if let Some(path) = &args.csv {
        let mut rows = Vec::new();
        export::csv(records, &mut rows)?;
        replace(path, &rows)?;
    }
    Ok(())
}

/// A line of the table.
#[derive(Serialize)]
struct Line {
    phase: &'static str,
    name: String,
    seconds_per_token: f64,
    share: f64,
    flops_per_token: f64,
    bytes_per_token: f64,
    of_nearest_roof: Option<f64>,
}

fn lines(events: &Events<'_>, path: &str, by: By) -> Vec<Line> {
    let mut lines = Vec::new();
    for phase in [Phase::Prefill, Phase::Decode] {
        let Some(pass) = Pass::of(events, path, phase) else { continue };
        // A pass takes as long as its operations and what is between them. Choosing a token is no part of a pass.
        let sampling = if phase == Phase::Decode { mean_sampling(events) } else { 0.0 };
        let all = pass.total.ns + pass.between_ns + sampling;
        let line = |part: &Part| Line {
            phase: phase.name(),
            name: part.name.clone(),
            seconds_per_token: part.ns / 1e9,
            share: part.ns / all.max(1e-9),
            flops_per_token: part.flops,
            bytes_per_token: part.bytes,
            of_nearest_roof: part.roof_ns.map(|roof| roof / part.ns.max(1e-9)),
        };
        let parts = match by {
            By::Group => &pass.groups,
            By::Op => &pass.ops,
            By::Layer => &pass.layers,
        };
        lines.extend(parts.iter().map(line));
        let between = Part { name: "between operations".into(), ns: pass.between_ns, ..Part::default() };
        lines.push(line(&between));
        if phase == Phase::Decode {
            lines.push(line(&Part { name: "sampling".into(), ns: sampling, ..Part::default() }));
        }
        lines.push(line(&Part { name: "a token".into(), ns: all, ..pass.total.clone() }));
    }
    lines
}

/// Nanoseconds that choosing a token takes, on average as the times of the operations are.
fn mean_sampling(events: &Events<'_>) -> f64 {
    events.tokens.iter().map(|token| token.dt_ns as f64).sum::<f64>() / events.tokens.len().max(1) as f64
}

fn print(args: &ProfileArgs, records: &[Record]) -> Result<()> {
    let events = Events::of(records).context("the recording has no first line")?;
    let lines = lines(&events, args.model.path.name(), args.by);
    if args.format == Format::Json {
        return print_json(&lines);
    }
    let mut out = io::stdout().lock();
    if args.mode == Mode::Activations {
        return activations(&events, &mut out);
    }
    let timed = args.mode != Mode::Count;
    let mut phase = "";
    for line in &lines {
        if line.phase != phase {
            phase = line.phase;
            let work = format!("{:>12} {:>12}", "FLOP/token", "bytes/token");
            let times = format!(
                "{:>10} {:>6} {:20} {:>10} {:>9} {:>8}",
                "time/token", "share", "", "GFLOP/s", "GB/s", "of roof"
            );
            writeln!(
                out,
                "{}{phase:<34} {}",
                if phase == "decode" { "\n" } else { "" },
                if timed { times } else { work }
            )?;
        }
        let name = visible(&line.name);
        if !timed {
            if !matches!(&*line.name, "between operations" | "sampling") {
                let (flops, bytes) = (units::scaled(line.flops_per_token, ""), units::bytes(line.bytes_per_token));
                writeln!(out, "  {name:<32} {flops:>12} {bytes:>12}")?;
            }
            continue;
        }
        let per_second = |amount: f64| match line.seconds_per_token {
            seconds if amount > 0.0 && seconds > 0.0 => format!("{:.1}", amount / seconds / 1e9),
            _ => "-".to_owned(),
        };
        writeln!(
            out,
            "  {name:<32} {:>10} {:>4.0} % {:20} {:>10} {:>9} {:>8}",
            units::time(1e9 * line.seconds_per_token),
            100.0 * line.share,
            bar(line.share),
            per_second(line.flops_per_token),
            per_second(line.bytes_per_token),
            line.of_nearest_roof
                .filter(|_| line.bytes_per_token > 0.0)
                .map_or("-".into(), |s| format!("{:.0} %", 100.0 * s)),
        )?;
    }
    for drop in &events.drops {
        writeln!(out, "\n{} of the events `{}` did not fit and are missing", units::count(drop.count), drop.what)?;
    }
    Ok(())
}

/// Twenty characters for all of it.
fn bar(share: f64) -> String {
    "█".repeat((20.0 * share.clamp(0.0, 1.0)).round() as usize)
}

/// A line for each hook: what its values are over all steps.
fn activations(events: &Events<'_>, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "{:<36} {:>16} {:>11} {:>11} {:>11} {:>11}",
        "hook, in its first step", "shape", "min", "max", "mean", "rms"
    )?;
    let first = events.acts.iter().map(|act| act.step).min();
    for act in events.acts.iter().filter(|act| Some(act.step) == first) {
        let (shape, hook) = (format!("{:?}", act.shape), visible(&act.hook));
        let [min, max, mean, rms] = [act.min, act.max, act.mean, act.rms].map(units::number);
        let bad = if act.not_finite > 0 { format!("  {} not finite", act.not_finite) } else { String::new() };
        writeln!(out, "{hook:<36} {shape:>16} {min:>11} {max:>11} {mean:>11} {rms:>11}{bad}")?;
    }
    Ok(())
}
