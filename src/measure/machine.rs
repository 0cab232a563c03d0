//! [`Machine`]: the computer on which a number was measured. A speed means little without it.
//!
//! Everything comes from files of the Linux kernel (`/proc`, `/sys`); no other program is started. Elsewhere, or where a
//! file is missing, the field is `None` or empty. Look first at [`Machine::read`].
//!
//! What it deliberately does not do: report clock frequencies. Virtual machines report wrong ones, and elsewhere they change
//! all the time.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// Properties of this machine that influence speed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, as it reports it.
    pub cpu: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// `x86_64`, `aarch64`.
    pub architecture: String,
    /// `linux`, `macos`.
    pub system: String,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// Whether this is a virtual machine: other machines on the same host may slow it down.
    pub virtual_machine: bool,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Caches of the first core, nearest first; instruction caches left out.
    pub caches: Vec<Cache>,
    /// The kernel's policy for huge pages: `always`, `madvise`, `never`.
    pub huge_pages: Option<String>,
    /// Processes that were ready to run, averaged over the last minute; this one is counted too.
    pub load_average: Option<f64>,
}

/// A cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// 1 is the nearest.
    pub level: u32,
    /// Its size.
    pub bytes: u64,
}

impl Machine {
    /// This machine, now.
    pub fn read() -> Self {
        let file = |path: &str| std::fs::read_to_string(path).ok();
        let cpuinfo = file("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: field(&cpuinfo, "model name").or_else(|| field(&cpuinfo, "Processor")),
            cores: crate::optimized::pool::available_cores(),
            architecture: std::env::consts::ARCH.to_owned(),
            system: std::env::consts::OS.to_owned(),
            kernel: file("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
            virtual_machine: field(&cpuinfo, "flags").is_some_and(|flags| flags.split(' ').any(|f| f == "hypervisor")),
            memory_bytes: file("/proc/meminfo").and_then(|text| kilobytes(&field(&text, "MemTotal")?)),
            caches: caches(Path::new("/sys/devices/system/cpu/cpu0/cache")),
            huge_pages: file("/sys/kernel/mm/transparent_hugepage/enabled").and_then(|text| chosen(&text)),
            load_average: file("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }
}

/// The first value of a key in `key : value` lines.
fn field(text: &str, key: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(found, _)| found.trim() == key).map(|(_, value)| value.trim().to_owned());
    values.find(|value| !value.is_empty())
}

/// `24683552 kB` in bytes.
fn kilobytes(text: &str) -> Option<u64> {
    text.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// `always [madvise] never`: the choice in brackets.
fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(choice, _)| choice.to_owned())
}

/// A directory for each cache, with files `level`, `type` and `size` (`48K`).
fn caches(directory: &Path) -> Vec<Cache> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let cache = |path: std::path::PathBuf| {
        let file = |name: &str| std::fs::read_to_string(path.join(name)).ok().map(|text| text.trim().to_owned());
        let bytes = file("size")?.strip_suffix('K')?.parse::<u64>().ok()?.checked_mul(1024)?;
        (file("type")? != "Instruction").then_some(Cache { level: file("level")?.parse().ok()?, bytes })
    };
    let mut caches: Vec<Cache> = entries.filter_map(|entry| cache(entry.path())).collect();
    caches.sort_by_key(|cache| cache.level);
    caches
}

/// Time that the kernel has counted so far, over all processors, in its own ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks {
    total: u64,
    stolen: u64,
}

impl Ticks {
    /// So far; `None` where the kernel does not say.
    pub fn now() -> Option<Self> {
        Self::of(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    /// The share of the time since `before` in which the host of this virtual machine ran something else.
    pub fn stolen_since(self, before: Self) -> f64 {
        let total = self.total.saturating_sub(before.total);
        self.stolen.saturating_sub(before.stolen) as f64 / total.max(1) as f64
    }

    /// The line `cpu  user nice system idle iowait irq softirq steal guest …`; guests are counted in user already.
    fn of(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|n| n.parse().ok()).collect();
        Some(Self { total: ticks.iter().sum(), stolen: *ticks.get(7)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_understood() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu hypervisor avx2\n\nprocessor\t: 1\n";
        assert_eq!(field(cpuinfo, "model name").as_deref(), Some("AMD EPYC"));
        assert_eq!(field(cpuinfo, "model"), None);
        assert_eq!(kilobytes("24683552 kB"), Some(24_683_552 * 1024));
        assert_eq!(chosen("always [madvise] never\n").as_deref(), Some("madvise"));
        assert_eq!((kilobytes("many"), chosen("always")), (None, None));
        let before = Ticks::of("cpu  100 0 50 800 5 0 1 44 0 0\ncpu0 1 2 3\n").unwrap();
        assert_eq!(before, Ticks { total: 1000, stolen: 44 });
        assert_eq!(Ticks { total: 1200, stolen: 54 }.stolen_since(before), 0.05);
        assert_eq!(before.stolen_since(before), 0.0);
        assert_eq!(Ticks::of("cpu  100 0 50"), None);
    }

    #[test]
    fn caches_are_read_nearest_first_and_without_those_of_instructions() {
        let dir = tempfile::tempdir().unwrap();
        for (name, level, kind, size) in [
            ("index0", "1", "Data", "48K"),
            ("index1", "1", "Instruction", "32K"),
            ("index3", "3", "Unified", "32768K"),
            ("index2", "2", "Unified", "1024K"),
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            for (file, text) in [("level", level), ("type", kind), ("size", size)] {
                std::fs::write(path.join(file), format!("{text}\n")).unwrap();
            }
        }
        let found: Vec<(u32, u64)> = caches(dir.path()).iter().map(|cache| (cache.level, cache.bytes)).collect();
        assert_eq!(found, [(1, 48 << 10), (2, 1 << 20), (3, 32 << 20)]);
        assert!(caches(&dir.path().join("absent")).is_empty());
    }

    #[test]
    fn this_machine_has_cores_whatever_else_it_says() {
        assert!(Machine::read().cores >= 1);
    }
}
