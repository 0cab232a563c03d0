//! The first line of a recorded run: what ran, where, and with which settings.
//!
//! Look first at [`run_record`]. It asks `git` what the source tree is, if there is one.

use crate::kv_cache::KvFormats;
use crate::measure::inspect;
use crate::measure::machine::Machine;
use crate::measure::record::schema::{ModelRecord, RunRecord, VERSION};
use crate::model::Model;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What is to be written down.
pub(super) struct RunOf<'a> {
    pub(super) model: &'a Model,
    /// Where the model is.
    pub(super) path: &'a Path,
    pub(super) prompt: &'a str,
    pub(super) tokens: &'a [u32],
    /// The table of kernels.
    pub(super) kernels: &'static str,
    pub(super) threads: usize,
    pub(super) act_bits: u8,
    pub(super) kv: KvFormats,
    /// Stages of the sampler, in order.
    pub(super) samplers: Vec<String>,
    /// The seed that was used; a chain without chance has none.
    pub(super) seed: Option<u32>,
}

/// The record of a run that begins now.
pub(super) fn run_record(of: &RunOf<'_>) -> RunRecord {
    RunRecord {
        schema: VERSION,
        program: env!("CARGO_PKG_VERSION").into(),
        commit: git(&["rev-parse", "--short=12", "HEAD"]),
        dirty: git(&["status", "--porcelain", "--untracked-files=no"]).map(|changes| !changes.is_empty()),
        command: command(),
        unix_seconds: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        machine: Machine::read(),
        kernels: of.kernels.into(),
        threads: of.threads,
        act_bits: of.act_bits,
        kv: [of.kv.k.name().into(), of.kv.v.name().into()],
        model: model_record(of.model, of.path),
        seed: of.seed,
        samplers: of.samplers.clone(),
        prompt: of.prompt.to_owned(),
        prompt_tokens: of.tokens.to_vec(),
        timer_ns: timer_ns(),
    }
}

fn model_record(model: &Model, path: &Path) -> ModelRecord {
    let (config, gguf) = (&model.config, model.gguf());
    let mut formats: Vec<(String, u64)> =
        inspect::formats(gguf).into_iter().map(|share| (share.format.to_string(), share.n_parameters)).collect();
    formats.sort_by_key(|(_, parameters)| std::cmp::Reverse(*parameters));
    let file_name = || path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let first = config.layers.first();
    ModelRecord {
        name: config.name.clone().unwrap_or_else(file_name),
        architecture: config.architecture.clone(),
        sha256: Some(hex(&Sha256::digest(gguf.bytes()))),
        file_bytes: gguf.file_bytes(),
        parameters: formats.iter().map(|(_, parameters)| parameters).sum(),
        formats,
        n_layer: config.n_layer(),
        n_embd: config.n_embd,
        n_head: first.map_or(0, |layer| layer.n_head),
        n_head_kv: first.map_or(0, |layer| layer.n_head_kv),
        n_vocab: config.n_vocab,
        n_ctx: config.n_ctx,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a string cannot fail
        hex
    })
}

/// What `git` says about the source that this program was built from; `None` where there is neither source nor git.
fn git(args: &[&str]) -> Option<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !source.join(".git").exists() {
        return None;
    }
    let output = Command::new("git").arg("-C").arg(source).args(args).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command line, quoted for a shell, with the program's plain name.
fn command() -> String {
    let quoted = |arg: std::ffi::OsString| {
        let arg = arg.to_string_lossy().into_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+%@".contains(c);
        if !arg.is_empty() && arg.chars().all(plain) { arg } else { format!("'{}'", arg.replace('\'', "'\\''")) }
    };
    std::iter::once("cutaway".to_owned()).chain(std::env::args_os().skip(1).map(quoted)).collect::<Vec<_>>().join(" ")
}

/// Nanoseconds that reading the clock takes.
fn timer_ns() -> f64 {
    const TIMES: u32 = 10_000;
    let started = Instant::now();
    for _ in 0..TIMES {
        std::hint::black_box(Instant::now());
    }
    started.elapsed().as_nanos() as f64 / f64::from(TIMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_hexadecimal() {
        assert_eq!(hex(&[0, 15, 16, 255]), "000f10ff");
    }

    #[test]
    fn reading_the_clock_takes_some_time() {
        assert!((0.1..1e6).contains(&timer_ns()));
    }
}
