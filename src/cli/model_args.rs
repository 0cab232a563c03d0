//! The flags that choose a model ([`NamedModel`]), those that say how it runs ([`ModelArgs`]), and loading it.

use super::activation_args::{ActivationArgs, unusual};
use super::cache_args::CacheArgs;
use crate::engine::{Engine, SessionOptions};
use crate::gguf::Gguf;
use crate::kernels::Kernels;
use crate::model::known;
use crate::model::{LoadOptions, Model, embedded};
use crate::optimized::{self, ActPrecision};
use crate::tokenizer::Tokenizer;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Which model.
#[derive(Debug, Clone, Args)]
pub(super) struct NamedModel {
    /// The model: a GGUF file, or a name that `cutaway pull --list` knows; without it, the embedded model runs
    #[arg(short, long, value_name = "FILE|NAME")]
    pub model: Option<String>,
}

/// Which model, and how it runs.
#[derive(Debug, Clone, Args)]
pub(super) struct ModelArgs {
    #[command(flatten)]
    pub named: NamedModel,

    /// Positions in the context; 0 for as many as the model was trained with
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub ctx_size: usize,

    /// The text that computes: `naive` reads like the paper, `optimized` is built for speed
    #[arg(long, value_enum, default_value_t)]
    pub path: Path,

    /// Threads of the optimized path; 0 for one on each physical core. Results do not depend on it
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub threads: usize,

    /// Inner loops of the optimized path: scalar, or an instruction set such as avx2; the best that runs here if not given.
    /// Results do not depend on it
    #[arg(long, value_name = "NAME")]
    pub kernels: Option<String>,

    #[command(flatten)]
    pub rounding: ActivationArgs,

    #[command(flatten)]
    pub cache: CacheArgs,
}

/// The paths a forward pass can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Path {
    /// f32, one thread, nothing fused.
    Naive,
    /// Packed weights, vector instructions, several threads.
    #[default]
    Optimized,
}

impl Path {
    /// As it is written on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Path::Naive => "naive",
            Path::Optimized => "optimized",
        }
    }
}

/// A model that is ready to run.
pub(super) struct Loaded {
    pub(super) gguf: Arc<Gguf>,
    pub(super) tokenizer: Tokenizer,
    pub(super) engine: Engine,
    pub(super) setup: Setup,
}

/// What computes. Shown beside timings, which mean nothing without it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Setup {
    path: &'static str,
    /// The table of kernels; the naive path has none.
    kernels: Option<&'static str>,
    /// Bits of what quantised matrices read; the naive path rounds nothing.
    activations: Option<ActPrecision>,
    threads: usize,
    /// From opening the file to the first possible forward pass.
    pub(super) load_seconds: f64,
}

impl Setup {
    fn new(engine: &Engine, load_time: Duration) -> Self {
        let load_seconds = load_time.as_secs_f64();
        match engine {
            Engine::Naive(_) => Self { path: "naive", kernels: None, activations: None, threads: 1, load_seconds },
            Engine::Optimized(model) => Self {
                path: "optimized",
                kernels: Some(model.kernels().name),
                activations: Some(model.activations()),
                threads: model.n_threads(),
                load_seconds,
            },
        }
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kernels = self.kernels.map_or(String::new(), |name| format!(", {name} kernels"));
        let s = if self.threads == 1 { "" } else { "s" };
        write!(f, "{} path{kernels}{}, {} thread{s}", self.path, unusual(self.activations), self.threads)
    }
}

impl NamedModel {
    /// Opens the file and reads its tokenizer only.
    pub(super) fn tokenizer(&self) -> Result<(Arc<Gguf>, Tokenizer)> {
        let (_, gguf) = open(self.model.as_deref())?;
        let tokenizer = Tokenizer::from_metadata(gguf.metadata()).context("cannot use the model's tokenizer")?;
        Ok((gguf, tokenizer))
    }
}

impl ModelArgs {
    /// Loads the model for the chosen path.
    pub(super) fn load(&self) -> Result<Loaded> {
        let started = Instant::now();
        let (gguf, tokenizer) = self.named.tokenizer()?;
        let n_ctx = (self.ctx_size > 0).then_some(self.ctx_size);
        let options = LoadOptions { n_ctx, ..LoadOptions::default() };
        let model = Model::load(Arc::clone(&gguf), options).context("cannot load the model")?;
        let options = self.options()?;
        let spinner = spinner("preparing weights");
        let engine = match self.path {
            Path::Naive => Engine::naive(&model)?,
            Path::Optimized => Engine::optimized(&model, options)?,
        };
        spinner.finish_and_clear();
        let setup = Setup::new(&engine, started.elapsed());
        Ok(Loaded { gguf, tokenizer, engine, setup })
    }

    /// How a sequence is run: in passes so short that Ctrl-C is soon heard, and so long that the path is at its best.
    pub(super) fn session(&self) -> SessionOptions {
        let chunk = match self.path {
            Path::Naive => 64,
            Path::Optimized => 512,
        };
        SessionOptions { chunk, kv: self.cache.formats(self.path) }
    }

    /// How the optimized path computes.
    fn options(&self) -> Result<optimized::Options> {
        let cores = optimized::pool::available_cores();
        if self.threads > cores && self.path == Path::Optimized {
            eprintln!("warning: {} threads share {cores} cores: slower than {cores} threads", self.threads);
        }
        let kernels = match &self.kernels {
            None => Kernels::detect(),
            Some(name) => Kernels::by_name(name).with_context(|| {
                let available = Kernels::available().iter().map(|kernels| kernels.name).collect::<Vec<_>>().join(", ");
                format!("no kernels '{name}' run on this machine; expected one of: {available}")
            })?,
        };
        Ok(optimized::Options { n_threads: self.threads, kernels, activations: self.rounding.activations })
    }
}

/// Opens what `-m` names, or the embedded model where nothing is named. Also returns what to call it: its path, or
/// its name where it has none.
pub(super) fn open(model: Option<&str>) -> Result<(PathBuf, Arc<Gguf>)> {
    let is_embedded = |name: &str| name == embedded::NAME && !std::path::Path::new(name).exists();
    let (path, gguf) = match model {
        Some(name) if !is_embedded(name) => {
            let path = known::resolve(name)?;
            let gguf = Gguf::open(&path).with_context(|| format!("cannot read '{}' as a model", path.display()))?;
            (path, gguf)
        }
        _ => (PathBuf::from(embedded::NAME), embedded::embedded().context("cannot read the embedded model")?),
    };
    Ok((path, Arc::new(gguf)))
}

/// Something that turns on standard error while we work; nothing when that is not a terminal.
pub(super) fn spinner(message: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
