//! The flags of commands that run a model, and loading it.
//!
//! Look first at [`ModelArgs`]; `bench` and `verify`, which have several threads or several paths, take the same groups of
//! flags apart: [`NamedModel`], [`OptimizedArgs`], [`CacheArgs`].

use super::cache_args::CacheArgs;
use super::help;
use super::named_model::NamedModel;
use super::optimized_args::{OptimizedArgs, unusual};
use super::output::note;
use super::path::Path;
use super::progress::spinner;
use crate::engine::{Engine, SessionOptions};
use crate::gguf::Gguf;
use crate::model::{LoadOptions, Model};
use crate::optimized::{self, ActPrecision};
use crate::tokenizer::Tokenizer;
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Which model, and how it runs.
#[derive(Debug, Clone, Args)]
pub(super) struct ModelArgs {
    #[command(flatten)]
    pub named: NamedModel,

    #[arg(short, long, value_name = "N", default_value_t = 0, help = help::CTX_SIZE)]
    pub ctx_size: usize,

    #[arg(long, value_enum, default_value_t, help = help::PATH)]
    pub path: Path,

    #[arg(short, long, value_name = "N", default_value_t = 0, help = help::THREADS)]
    pub threads: usize,

    #[command(flatten)]
    pub optimized: OptimizedArgs,

    #[command(flatten)]
    pub cache: CacheArgs,
}

/// How to load a model for a context of so many positions.
pub(super) fn load_options(ctx_size: usize) -> LoadOptions {
    LoadOptions { n_ctx: (ctx_size > 0).then_some(ctx_size), ..LoadOptions::default() }
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

impl ModelArgs {
    /// Loads the model for the chosen path.
    pub(super) fn load(&self) -> Result<Loaded> {
        let started = Instant::now();
        let (gguf, tokenizer) = self.named.model_and_tokenizer()?;
        let model = Model::load(Arc::clone(&gguf), load_options(self.ctx_size)).context("cannot load the model")?;
        let options = self.optimized.options(self.threads)?;
        let spinner = spinner("preparing weights");
        let engine = match self.path {
            Path::Naive => Engine::naive(&model)?,
            Path::Optimized => Engine::optimized(&model, options)?,
        };
        spinner.finish_and_clear();
        self.warn_of_threads();
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

    fn warn_of_threads(&self) {
        let (threads, cores) = (self.threads, optimized::pool::available_cores());
        if threads > cores && self.path == Path::Optimized {
            note(format_args!("warning: {threads} threads share {cores} cores: slower than {cores} threads"));
        }
    }
}
