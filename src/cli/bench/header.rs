//! What every report opens with: machine, program, model, and the command that repeats it.

use crate::cli::fetch::part::hex;
use crate::cli::human;
use crate::cli::output::{note, visible};
use crate::gguf::Gguf;
use crate::measure::machine::{Machine, Ticks};
use anyhow::Result;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;

/// Where and with what something was measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Header {
    machine: Machine,
    /// The program's version.
    version: &'static str,
    /// Its commit, where the build was told (`CUTAWAY_COMMIT`).
    commit: Option<&'static str>,
    /// Whether debug assertions are compiled in: such numbers say nothing about speed.
    debug_build: bool,
    /// The command line.
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelFile>,
}

/// A model file, by its contents.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ModelFile {
    /// Bytes that are no UTF-8 as U+FFFD.
    path: String,
    bytes: u64,
    sha256: String,
}

impl ModelFile {
    pub(super) fn of(path: &Path, gguf: &Gguf) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            bytes: gguf.file_bytes(),
            sha256: hex(&Sha256::digest(gguf.bytes())),
        }
    }
}

impl Header {
    pub(super) fn new(model: Option<ModelFile>) -> Self {
        Self {
            machine: Machine::read(),
            version: env!("CARGO_PKG_VERSION"),
            commit: option_env!("CUTAWAY_COMMIT"),
            debug_build: cfg!(debug_assertions),
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "),
            model,
        }
    }

    /// The header for people: a few lines.
    pub(super) fn print(&self, out: &mut impl Write) -> Result<()> {
        let machine = &self.machine;
        let kind = if machine.virtual_machine { ", virtual" } else { "" };
        let load = machine.load_average.map_or(String::new(), |load| format!(", load {load:.2}"));
        let cpu = machine.cpu.as_deref().unwrap_or("unknown processor");
        writeln!(
            out,
            "machine  {cpu}, {} cores{kind}{load}, {} {}",
            machine.cores, machine.architecture, machine.system
        )?;
        if !machine.caches.is_empty() {
            let cache = |cache: &crate::measure::machine::Cache| format!("L{} {}", cache.level, binary(cache.bytes));
            let caches: Vec<String> = machine.caches.iter().map(cache).collect();
            let pages = machine.huge_pages.as_deref().unwrap_or("unknown");
            writeln!(out, "caches   {}; huge pages: {pages}", caches.join(", "))?;
        }
        let commit = self.commit.map_or(String::new(), |commit| format!(", commit {commit}"));
        let debug = if self.debug_build { ", debug build: these numbers say nothing about speed" } else { "" };
        writeln!(out, "program  cutaway {}{commit}{debug}", self.version)?;
        if let Some(model) = &self.model {
            let size = human::bytes(model.bytes);
            let path = visible(&model.path);
            writeln!(out, "model    {path}, {size}, sha256 {}", &model.sha256[..16])?;
        }
        writeln!(out, "command  {}", visible(&self.command).replace('\n', "\\n"))?;
        Ok(())
    }
}

/// `48 KiB`, as sizes of caches are given.
pub(super) fn binary(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

/// Notices when the host of a virtual machine runs something else meanwhile.
pub(super) struct Watch(Option<Ticks>);

impl Watch {
    pub(super) fn start() -> Self {
        Self(Ticks::now())
    }

    /// The share of the time since the start that was taken from us; `None` where nobody says.
    pub(super) fn stolen(&self) -> Option<f64> {
        Some(Ticks::now()?.stolen_since(self.0?))
    }

    /// Says so, if it was enough to matter.
    pub(super) fn warn(&self) {
        if let Some(stolen) = self.stolen().filter(|&stolen| stolen > 0.005) {
            let share = 100.0 * stolen;
            note(format_args!("warning: the host ran something else for {share:.1} % of the time; measure again"));
        }
    }
}
