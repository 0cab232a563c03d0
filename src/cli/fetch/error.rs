//! [`FetchError`]: why a model file could not be had.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be fetched. No variant leaves a file behind that looks complete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Something with a local file.
    #[error("cannot {action} {path}")]
    Io {
        /// `read`, `write`, `lock`, …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something with the directory of the models, which the user can choose.
    #[error("cannot {action} {path} (models are kept there; CUTAWAY_CACHE can name another directory)")]
    ModelsDir {
        /// `create` or `write`.
        action: &'static str,
        /// The directory, or the lock in it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No answer that could be used.
    #[error("{url}: {reason}")]
    Http {
        /// What was asked for.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The body ended early.
    #[error("{what} ended after {found} of {expected} bytes; what arrived is kept, run the same command to go on")]
    Truncated {
        /// The source.
        what: String,
        /// The size of the whole file.
        expected: u64,
        /// What there is of it now.
        found: u64,
    },
    /// More bytes than there should be.
    #[error("{what} is longer than the {expected} bytes expected: it is not the file that is known here")]
    TooLong {
        /// The source.
        what: String,
        /// The size of the whole file.
        expected: u64,
    },
    /// The right length, but other bytes.
    #[error(
        "{what} is not the file that is known here: expected SHA-256 {expected}, found {found}; it has been discarded"
    )]
    WrongHash {
        /// The source.
        what: String,
        /// The hash in `models/known.json`.
        expected: String,
        /// The hash of what arrived.
        found: String,
    },
    /// `pip` is not there, or failed.
    #[error("`{command}` failed: {reason}")]
    Pip {
        /// The command line.
        command: String,
        /// The last lines it wrote, or why it did not start.
        reason: String,
    },
    /// A wheel without the member, or no zip archive at all.
    #[error("{wheel}: {reason}")]
    Wheel {
        /// The file.
        wheel: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The user asked to stop.
    #[error("interrupted; what arrived is kept, run the same command to go on")]
    Interrupted,
    /// A file of the repository, and no checkout to take it from.
    #[error("{path} is a file of Cutaway's repository: run this in a checkout of it, or give -m the file's path")]
    NoCheckout {
        /// The path in the repository.
        path: PathBuf,
    },
    /// A model without sources.
    #[error("{file}: models/known.json names no source for it")]
    NoSource {
        /// The file.
        file: String,
    },
}

impl FetchError {
    /// Whether another source cannot help: a full disk is full for all of them.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, FetchError::Io { .. } | FetchError::ModelsDir { .. } | FetchError::Interrupted)
    }

    /// For `map_err` of file operations.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| FetchError::Io { action, path, source }
    }

    /// The same in the directory of the models.
    pub(super) fn models_dir(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| FetchError::ModelsDir { action, path, source }
    }
}
