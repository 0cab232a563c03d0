//! Replacing files: the old one stays until the new one is complete.

use crate::escape;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes a file: first beside it under another name, which then becomes its own. Whatever goes wrong, an older file stays.
///
/// # Errors
/// A directory that is missing or cannot be written, a full disk.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", escape::path(path));
    ensure!(!path.is_dir(), "cannot write {}: it is a directory", escape::path(path));
    match fs::metadata(path) {
        // A pipe or a device is not replaced, it is written to.
        Ok(old) if !old.is_file() => return fs::write(path, contents).with_context(cannot),
        _ => {}
    }
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()); // the file, and not a link to it
    let beside = beside(path);
    let written = write(&beside, contents).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside); // it may not be there; the first error is the one to tell
    }
    written.with_context(cannot)
}

/// Makes the directory of a file if it is missing, and tries whether it can be written: before long work, and not after it.
///
/// # Errors
/// If it cannot.
pub(super) fn must_be_writable(path: &Path) -> Result<()> {
    let cannot = || format!("cannot write {}", escape::path(path));
    ensure!(!path.is_dir(), "cannot write {}: it is a directory", escape::path(path));
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory).with_context(cannot)?;
    }
    let beside = beside(path);
    File::create(&beside).with_context(cannot)?;
    fs::remove_file(&beside).with_context(cannot)
}

/// A name in the same directory, so that renaming is one step; the process is in it, so that two do not share it.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

fn write(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(contents)?;
    file.sync_all() // a full disk may say so only now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let page = dir.path().join("page.html");
        replace(&page, b"first, longer").unwrap();
        replace(&page, b"second").unwrap();
        assert_eq!(fs::read(&page).unwrap(), b"second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_everything_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing").join("page.html");
        let error = replace(&missing, b"x").unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.ends_with("page.html"), "{error}");
        let error = replace(dir.path(), b"x").unwrap_err().to_string();
        assert!(error.ends_with("it is a directory"), "{error}");
        // Its name is taken by a directory: the new file is written, but cannot get its name.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        // The temporary name is taken by a directory: as on a full disk, the new file cannot be written.
        let page = dir.path().join("page.html");
        fs::write(&page, b"old").unwrap();
        fs::create_dir(beside(&page)).unwrap();
        replace(&page, b"new").unwrap_err();
        assert_eq!(fs::read(&page).unwrap(), b"old");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let dir = tempfile::tempdir().unwrap();
        let [page, link, device] = ["page.html", "link.html", "device.html"].map(|name| dir.path().join(name));
        fs::write(&page, b"old").unwrap();
        std::os::unix::fs::symlink(&page, &link).unwrap();
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        replace(&link, b"new").unwrap();
        replace(&device, b"new").unwrap();
        assert_eq!(fs::read(&page).unwrap(), b"new");
        assert!(link.is_symlink() && device.is_symlink());
        assert_eq!(fs::read_link(&device).unwrap(), Path::new("/dev/null"));
    }
}
