//! [`Part`]: a file that gets its name only once it is known to be right.
//!
//! Bytes go to `NAME.part` and through SHA-256 at the same time. Only when length and hash are those expected is the
//! file flushed to the disk and renamed, in one step: whoever sees `NAME` sees the whole file. An interrupted download
//! leaves `NAME.part`, whose bytes are hashed again when it is continued.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{FetchError, Progress};

/// Bytes moved at a time.
const CHUNK: usize = 1 << 18;

/// What the finished file must be.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// A file in the making.
pub struct Part {
    dest: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    len: u64,
    expected: Expected,
}

impl Part {
    /// Opens `dest` + `.part`, with whatever an earlier attempt left in it.
    pub fn open(dest: &Path, expected: Expected) -> Result<Self, FetchError> {
        let path = part_path(dest);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(FetchError::io("write", &path))?;
        let mut part = Part { dest: dest.to_path_buf(), path, file, hasher: Sha256::new(), len: 0, expected };
        part.hash_what_is_there()?;
        if part.len > part.expected.size {
            part.restart()?;
        }
        Ok(part)
    }

    fn hash_what_is_there(&mut self) -> Result<(), FetchError> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let n = self.file.read(&mut buffer).map_err(FetchError::io("read", &self.path))?;
            if n == 0 {
                return Ok(());
            }
            self.hasher.update(&buffer[..n]);
            self.len += n as u64;
        }
    }

    /// How many bytes there are: where a download would continue.
    pub fn have(&self) -> u64 {
        self.len
    }

    /// Whether all bytes have arrived (not yet whether they are right).
    pub fn is_full(&self) -> bool {
        self.len == self.expected.size
    }

    /// Throws away what is there.
    pub fn restart(&mut self) -> Result<(), FetchError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(FetchError::io("write", &self.path))?;
        self.hasher = Sha256::new();
        self.len = 0;
        Ok(())
    }

    /// Appends everything `source` gives. Its read errors end the copy like an early end of the body: the caller sees
    /// that the part is not full. More bytes than expected are an error.
    pub fn append(&mut self, what: &str, source: &mut dyn Read, progress: &mut dyn Progress) -> Result<(), FetchError> {
        let mut buffer = vec![0; CHUNK];
        loop {
            if progress.cancelled() {
                return Err(FetchError::Interrupted);
            }
            let n = match source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => return Ok(()),
            };
            if self.len + n as u64 > self.expected.size {
                let (what, expected) = (what.to_owned(), self.expected.size);
                self.restart()?;
                return Err(FetchError::TooLong { what, expected });
            }
            self.file.write_all(&buffer[..n]).map_err(FetchError::io("write", &self.path))?;
            self.hasher.update(&buffer[..n]);
            self.len += n as u64;
            progress.at(self.len, self.expected.size);
        }
    }

    /// Checks length and hash; if both are right, gives the file its name. If the hash is wrong, empties the part.
    pub fn finish(&mut self, what: &str) -> Result<(), FetchError> {
        if !self.is_full() {
            return Err(FetchError::Truncated { what: what.to_owned(), expected: self.expected.size, found: self.len });
        }
        let found = hex(&self.hasher.clone().finalize());
        if found != self.expected.sha256 {
            self.restart()?;
            return Err(FetchError::WrongHash { what: what.to_owned(), expected: self.expected.sha256.clone(), found });
        }
        self.file.sync_all().map_err(FetchError::io("write", &self.path))?;
        std::fs::rename(&self.path, &self.dest).map_err(FetchError::io("rename", &self.path))
    }
}

/// `NAME.part` beside `NAME`.
pub fn part_path(dest: &Path) -> PathBuf {
    let mut name = dest.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    dest.with_file_name(name)
}

/// Whether the file is there, with the right length and hash.
pub fn is_verified(path: &Path, expected: &Expected) -> Result<bool, FetchError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(FetchError::io("read", path)(e)),
    };
    if file.metadata().map_err(FetchError::io("read", path))?.len() != expected.size {
        return Ok(false);
    }
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer).map_err(FetchError::io("read", path))? {
            0 => return Ok(hex(&hasher.finalize()) == expected.sha256),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
