//! Which files of a crate import each other in a circle. `layering.rs` asks it of every crate of this repository.
//!
//! Look first at [`cycles`]. What it deliberately does not do: look through re-exports. A path ends at the file of the
//! longest module name in it.

use super::source::{paths, tokens};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The modules that a file is, below the directory `src/` of its crate: `src/gguf/reader.rs` is `[gguf, reader]`,
/// `src/gguf/mod.rs` is `[gguf]`, and `src/lib.rs` is `[]`.
pub(crate) fn modules(path: &str) -> Vec<&str> {
    let below = path.split_once("src/").map_or(path, |(_, below)| below).trim_end_matches(".rs");
    below.split('/').filter(|&part| !["lib", "main", "mod"].contains(&part)).collect()
}

/// Every circle of imports among the files of one crate, given as (path, source): each circle once, as
/// `a.rs → b.rs → a.rs`, beginning with the file that comes first in the alphabet.
///
/// Imports between a module and the modules inside it do not count: a parent re-exports its children, and children use what
/// their parent defines.
pub(crate) fn cycles(files: &[(String, String)]) -> Vec<String> {
    let imports = imports(files);
    let circles: BTreeSet<Vec<&str>> = imports.keys().filter_map(|&file| shortest_circle(file, &imports)).collect();
    circles.into_iter().map(|circle| circle.join(" → ")).collect()
}

/// The files that each file imports, except its own parents and children.
fn imports(files: &[(String, String)]) -> BTreeMap<&str, BTreeSet<&str>> {
    let file_of: BTreeMap<Vec<&str>, &str> = files.iter().map(|(path, _)| (modules(path), path.as_str())).collect();
    let imported_by = |(path, source): &(String, String)| {
        let own = modules(path);
        let mut found = BTreeSet::new();
        for (_, target) in paths(&tokens(source), &own) {
            let Some(target) = target.strip_prefix(&["crate".to_owned()]) else { continue };
            let target: Vec<&str> = target.iter().map(String::as_str).collect();
            let module = (0..=target.len()).rev().map(|n| &target[..n]).find(|module| file_of.contains_key(*module));
            let Some(module) = module else { continue };
            if !module.starts_with(&own) && !own.starts_with(module) {
                found.insert(file_of[module]);
            }
        }
        found
    };
    files.iter().map(|file| (file.0.as_str(), imported_by(file))).collect()
}

/// The shortest way from a file back to itself, turned so that the alphabetically first file begins and ends it.
fn shortest_circle<'a>(file: &'a str, imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let mut queue = VecDeque::from([vec![file]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = queue.pop_front() {
        for &next in imports.get(way.last()?)? {
            if next == file {
                let first = (0..way.len()).min_by_key(|&i| way[i])?;
                return Some([&way[first..], &way[..=first]].concat());
            }
            if seen.insert(next) {
                queue.push_back([&way[..], &[next]].concat());
            }
        }
    }
    None
}
