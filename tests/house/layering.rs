//! The layers of the crate: a module imports only from modules on lower floors; some words and crates may be used in some
//! files only; and no files import each other in a circle.
//!
//! The checker reads the source of every file in `src/`, without comments and strings, and follows its paths (`crate::…`,
//! `super::super::…`, groups in `use`). It is a function from (path, source) to complaints. The tests at the end of the
//! file give it sources that break each rule, to prove that it can fail.
//!
//! Look first at the tables [`FLOORS`] and [`BELONGS`]. A new top-level module is added there first.

use crate::cycles::{cycles, modules};
use crate::source::{Token, paths, tokens};
use std::path::Path;

/// The top-level modules by floor, from F0. A module imports only from floors below its own.
const FLOORS: [&[&str]; 9] = [
    &["escape", "observe", "quant"],
    &["gguf", "kernels", "tensor"],
    &["tokenizer", "model"],
    &["kv_cache", "batch"],
    &["naive", "optimized", "sampling", "grammar"],
    &["engine"],
    &["measure"],
    &["report"],
    &["cli"],
];

/// Imports that are allowed between modules on one floor: (who imports, what).
const ARROWS: [(&str, &str); 1] = [
    ("kv_cache", "batch"), // a batch says which positions it writes; the cache reserves pages for them
];

/// The crate of the two modules that need nothing above them, compiled once for the library and its tests: its front page is the
/// module `kernels`, and `quant` lies in it.
const KERNELS: &str = "kernels/src/";

/// Words that only some files may use, and the beginnings of the paths of those files.
const BELONGS: [(&[&str], &[&str]); 10] = [
    (&["unsafe", "unsafe_code"], &[KERNELS, "src/optimized/pool.rs", "src/gguf/mmap.rs"]),
    (&["core::arch", "std::arch"], &[KERNELS]),
    (&["ndarray"], &["src/naive/"]),
    (&["memmap2"], &["src/gguf/mmap.rs", "src/kv_cache/pages.rs", "src/optimized/arena.rs"]),
    (&["plotters"], &["src/report/"]),
    (&["anyhow", "clap", "ctrlc", "indicatif", "sha2", "ureq", "zip::"], &["src/cli/", "src/main.rs"]),
    (&["minijinja"], &["src/tokenizer/chat/", "src/report/"]),
    (&["print!", "println!", "eprint!", "eprintln!"], &[]), // they panic where a stream cannot be written
    (&["process::exit", "process::abort", "set_hook", "take_hook"], &["src/cli/", "src/main.rs"]),
    (&["dbg!", "todo!", "unimplemented!"], &[]),
];

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|on_floor| on_floor.contains(&module))
}

/// What is wrong with a file, a line each: `src/naive/ops.rs:12: floor F4 imports engine (F5)`.
fn complaints(path: &str, source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let mut found: Vec<(usize, String)> = Vec::new();
    let modules = modules(path);
    let in_kernels = path.starts_with(KERNELS);
    let top = if in_kernels && modules.first() != Some(&"quant") { Some("kernels") } else { modules.first().copied() };
    if let Some(top) = top.filter(|top| floor_of(top).is_none()) {
        found.push((1, format!("{top} is on no floor")));
    }

    let paths = paths(&tokens, &modules);
    for (line, segments) in &paths {
        let target = match segments.split_first() {
            Some((first, rest)) if first == "crate" && in_kernels => match rest.first() {
                Some(quant) if quant == "quant" => "quant",
                _ => "kernels",
            },
            Some((first, rest)) if first == "crate" || first == "cutaway" => rest.first().map_or("*", String::as_str),
            _ => continue,
        };
        if let Some(wrong) = wrong_import(path, top, target) {
            found.push((*line, wrong));
        }
    }

    for (words, allowed) in BELONGS {
        if allowed.iter().any(|beginning| path.starts_with(beginning)) {
            continue;
        }
        for word in words {
            found.extend(lines_with(word, &tokens, &paths).map(|line| (line, format!("{word} does not belong here"))));
        }
    }

    let tests = tests_begin(path, &tokens);
    let unwraps = tokens.windows(3).enumerate().filter(|(i, t)| *i < tests && texts(t) == [".", "unwrap", "("]);
    found.extend(
        unwraps.map(|(_, t)| (t[1].line, "unwrap() outside a test: name the invariant with expect".to_owned())),
    );

    found.sort();
    found.dedup();
    found.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")).collect()
}

/// What is wrong with importing the module `target` in this file of the top-level module `top`, if anything is.
fn wrong_import(path: &str, top: Option<&str>, target: &str) -> Option<String> {
    if path == "src/main.rs" {
        return (target != "cli").then(|| format!("main.rs imports {target}, not only cli"));
    }
    let Some(there) = floor_of(target) else { return Some(format!("imports {target}, which is on no floor")) };
    let Some((top, here)) = top.and_then(|top| Some((top, floor_of(top)?))) else {
        let re_exports = path == "src/lib.rs" && ["kernels", "quant"].contains(&target);
        return (path == "src/lib.rs" && !re_exports)
            .then(|| format!("lib.rs only lists modules, and imports {target}"));
    };
    match () {
        () if top == target || there < here || ARROWS.contains(&(top, target)) => None,
        () if there == here => Some(format!("{top} imports {target}, which is on its own floor F{here}")),
        () => Some(format!("floor F{here} imports {target} (F{there})")),
    }
}

/// Lines that contain a word of [`BELONGS`]: a name, a macro (`name!`), a name with a path behind it (`name::`), or two
/// names that follow each other in a path (`a::b`).
fn lines_with<'a>(
    word: &'a str,
    tokens: &'a [Token],
    paths: &'a [(usize, Vec<String>)],
) -> Box<dyn Iterator<Item = usize> + 'a> {
    if let Some(name) = word.strip_suffix('!') {
        let calls = tokens.windows(2).filter(move |t| t[0].text == name && t[1].text == "!");
        return Box::new(calls.map(|t| t[0].line));
    }
    if let Some(name) = word.strip_suffix("::") {
        let begins = move |t: &&[Token]| texts(&t[1..]) == [name, ":", ":"] && t[0].text != "."; // `.zip::<B>()`
        return Box::new(tokens.windows(4).filter(begins).map(|t| t[1].line));
    }
    if let Some((outer, inner)) = word.split_once("::") {
        let has = move |path: &[String]| path.windows(2).any(|pair| pair[0] == outer && pair[1] == inner);
        let in_code = tokens.windows(4).filter(move |t| texts(t) == [outer, ":", ":", inner]).map(|t| t[0].line);
        let in_groups = paths.iter().filter(move |(_, path)| has(path)).map(|(line, _)| *line);
        return Box::new(in_code.chain(in_groups));
    }
    Box::new(tokens.iter().filter(move |token| token.text == word).map(|token| token.line))
}

/// The first token of the tests of a file: after `#[cfg(test)]`, or all of it where the file is called `…tests.rs`.
fn tests_begin(path: &str, tokens: &[Token]) -> usize {
    if path.ends_with("tests.rs") || path.contains("/tests/") {
        return 0;
    }
    let cfg_test = ["#", "[", "cfg", "(", "test", ")", "]"];
    tokens.windows(7).position(|t| texts(t) == cfg_test).unwrap_or(tokens.len())
}

fn texts(tokens: &[Token]) -> Vec<&str> {
    tokens.iter().map(|token| token.text.as_str()).collect()
}

/// Calls `each` with the path (from the repository, with `/`) and the text of every Rust file below `directory`.
fn every_file(directory: &Path, each: &mut impl FnMut(&str, &str)) {
    let mut entries: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            every_file(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_string_lossy().replace('\\', "/");
            each(&name, &std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_file_keeps_the_rules() {
    let mut found = Vec::new();
    let mut files = 0;
    for crate_sources in ["src", KERNELS] {
        every_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join(crate_sources), &mut |path, source| {
            files += 1;
            found.extend(complaints(path, source));
        });
    }
    assert!(files > 20, "only {files} files were read");
    assert!(found.is_empty(), "{} complaints:\n{}", found.len(), found.join("\n"));
}

/// What `cargo tree` says that the program, or with `--no-default-features` the library, is linked with.
fn crates(flags: &[&str]) -> Vec<String> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["tree", "--edges", "normal", "--prefix", "none", "--format", "{lib}", "--offline", "--locked"]);
    let output = cargo.args(flags).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

/// A program that uses the library alone does not build the crates of the command line.
#[test]
fn the_library_needs_no_crate_of_the_command_line() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let feature = manifest.lines().find_map(|line| line.strip_prefix("cli = ")).unwrap();
    let names: Vec<&str> = feature.split('"').filter_map(|part| part.strip_prefix("dep:")).collect();
    for name in ["anyhow", "clap", "ctrlc", "indicatif", "ureq", "zip"] {
        assert!(names.contains(&name), "{name} is no longer a crate of the feature `cli`");
    }
    let (library, program) = (crates(&["--no-default-features"]), crates(&[]));
    assert!(library.iter().any(|name| name == "ndarray"), "{library:?}");
    for name in names {
        assert!(program.iter().any(|linked| linked == name), "the program has no {name}");
        assert!(!library.iter().any(|linked| linked == name), "the library alone is linked with {name}");
    }
    assert!(library.len() < program.len() / 2, "{} of {} crates", library.len(), program.len());
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    for crate_sources in ["src", KERNELS, "models/train/src"] {
        let mut files = Vec::new();
        every_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join(crate_sources), &mut |path, source| {
            files.push((path.to_owned(), source.to_owned()));
        });
        assert!(files.len() > 20, "only {} files were read in {crate_sources}", files.len());
        found.extend(cycles(&files));
    }
    assert!(found.is_empty(), "{} circles: {found:#?}", found.len());
}

// ------------------------------------------------------------------------------------ the checker can fail

#[track_caller]
fn complains(path: &str, source: &str, expected: &[&str]) {
    assert_eq!(complaints(path, source), expected, "about:\n{source}");
}

#[test]
fn a_floor_above_is_refused_however_it_is_named() {
    let expected = &["src/naive/ops.rs:2: floor F4 imports engine (F5)"];
    for import in [
        "use crate::engine::Session;",
        "use crate::{model, engine};",
        "use crate::{\nengine::{Session, Event}, model::Config};",
        "use super::super::engine;",
        "fn f() -> crate::engine::Session {}",
        "pub(crate) use crate::r#engine as e;",
        "use super::{super::{engine}};",
    ] {
        let source = format!("use crate::model::Config;\n{}", import.replace('\n', ""));
        complains("src/naive/ops.rs", &source, expected);
    }
    let quant = "kernels/src/quant/mod.rs";
    complains(quant, "use crate::Kernels;", &["kernels/src/quant/mod.rs:1: floor F0 imports kernels (F1)"]);
    complains(quant, "use super::lanes::exp;", &["kernels/src/quant/mod.rs:1: floor F0 imports kernels (F1)"]);
    complains("kernels/src/avx2/dot.rs", "use crate::{lanes, quant::GgmlType};", &[]);
    complains("src/batch.rs", "\n\nuse super::naive::Naive;", &["src/batch.rs:3: floor F3 imports naive (F4)"]);
}

#[test]
fn a_module_on_the_same_floor_is_refused_unless_it_is_allowed() {
    let expected = "src/tensor/view.rs:1: tensor imports gguf, which is on its own floor F1";
    complains("src/tensor/view.rs", "use crate::gguf::Gguf;", &[expected]);
    complains("src/kv_cache/cache.rs", "use crate::batch::Batch;", &[]);
    let back = "src/batch.rs:1: batch imports kv_cache, which is on its own floor F3";
    complains("src/batch.rs", "use crate::kv_cache::KvCache;", &[back]);
}

#[test]
fn modules_inside_a_file_and_tests_are_checked_too() {
    let source =
        "mod tests {\n    use super::*;\n    mod deep { use super::super::super::gguf; }\n}\nuse super::model;";
    let expected = [
        "src/observe/mod.rs:3: floor F0 imports gguf (F1)", // crate::observe::tests::deep, three times up
        "src/observe/mod.rs:5: floor F0 imports model (F2)",
    ];
    complains("src/observe/mod.rs", source, &expected);
    let test = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() { crate::engine::run().unwrap(); }\n}";
    complains("src/observe/op.rs", test, &["src/observe/op.rs:4: floor F0 imports engine (F5)"]);
}

#[test]
fn modules_must_be_on_a_floor_and_are_not_imported_by_a_star() {
    complains("src/attic/mod.rs", "", &["src/attic/mod.rs:1: attic is on no floor"]);
    complains("src/cli/mod.rs", "use crate::attic::Box;", &["src/cli/mod.rs:1: imports attic, which is on no floor"]);
    complains("src/cli/mod.rs", "use crate::*;", &["src/cli/mod.rs:1: imports *, which is on no floor"]);
    complains("src/main.rs", "use cutaway::{cli, gguf};", &["src/main.rs:1: main.rs imports gguf, not only cli"]);
    complains("src/main.rs", "use cutaway as all;", &["src/main.rs:1: main.rs imports *, not only cli"]);
    complains("src/measure/x.rs", "struct R { cutaway: Name } fn f(r: R) -> Name { r.cutaway }", &[]);
    complains("src/lib.rs", "use crate::gguf::Gguf;", &["src/lib.rs:1: lib.rs only lists modules, and imports gguf"]);
}

#[test]
fn words_of_some_files_are_refused_in_others() {
    for (path, source, word) in [
        ("src/gguf/mod.rs", "unsafe { f() }", "unsafe"),
        ("src/optimized/ops.rs", "#![allow(unsafe_code)]", "unsafe_code"),
        ("src/optimized/ops.rs", "use ndarray::Array2;", "ndarray"),
        ("src/optimized/ops.rs", "use std::arch::x86_64::*;", "std::arch"),
        ("src/optimized/ops.rs", "use core::{arch::x86_64, mem};", "core::arch"),
        ("src/model/mod.rs", "println!(\"{x}\");", "println!"),
        ("src/model/mod.rs", "std::process::exit(1);", "process::exit"),
        ("src/model/mod.rs", "use std::process::{Command, exit};", "process::exit"),
        ("src/model/mod.rs", "std::panic::set_hook(hook);", "set_hook"),
        ("src/model/mod.rs", "fn f() -> anyhow::Result<()> {}", "anyhow"),
        ("src/optimized/arena.rs", "unsafe { f() }", "unsafe"),
        ("src/model/mod.rs", "use ureq::Agent;", "ureq"),
        ("src/gguf/mod.rs", "fn f(archive: zip::ZipArchive<File>) {}", "zip::"),
        ("src/model/mod.rs", "use minijinja::Value;", "minijinja"),
        ("src/cli/mod.rs", "dbg!(x)", "dbg!"),
    ] {
        complains(path, source, &[&format!("{path}:1: {word} does not belong here")]);
    }
    complains("src/gguf/mmap.rs", "#![allow(unsafe_code)] fn f() { unsafe { memmap2::Mmap::map(x) } }", &[]);
    complains("kernels/src/avx2.rs", "use std::arch::x86_64::*; unsafe fn f() {}", &[]);
    complains("src/gguf/mod.rs", "fn f() { a.zip(b); a.zip::<B>(b); }", &[]);
    complains("src/cli/run.rs", "std::process::exit(2); use anyhow::Result;", &[]);
    let unwrap = "src/model/mod.rs:1: unwrap() outside a test: name the invariant with expect";
    complains("src/model/mod.rs", "x.unwrap(); x.unwrap_or(0);", &[unwrap]);
    complains("src/model/tests.rs", "x.unwrap();", &[]);
    complains("src/model/rope_tests.rs", "x.unwrap();", &[]);
}

#[test]
fn comments_and_strings_are_ignored() {
    let source = r####"
        //! See [`crate::engine`] and unsafe.
        /* crate::engine /* nested: println!() */ unsafe */
        const A: &str = "use crate::engine; // not a comment"; const B: &str = "\"crate::cli";
        const C: &str = r#"crate::engine " unsafe"#; const D: &[u8] = b"unsafe"; const E: &[u8] = br"\";
        const F: char = '"'; const G: char = '\''; const H: u8 = b'"'; fn f<'a>(x: &'a str) -> &'a str { x }
        use crate::quant; // "
    "####;
    complains("src/gguf/mod.rs", source, &[]);
    let after = format!("{source}\nuse crate::engine;");
    complains("src/gguf/mod.rs", &after, &["src/gguf/mod.rs:9: floor F1 imports engine (F5)"]);
}

#[track_caller]
fn circles(files: &[(&str, &str)], expected: &[&str]) {
    let files: Vec<_> = files.iter().map(|&(path, source)| (path.to_owned(), source.to_owned())).collect();
    assert_eq!(cycles(&files), expected);
}

#[test]
fn two_files_that_import_each_other_are_a_circle_however_they_say_so() {
    let circle = &["src/cli/a.rs → src/cli/b.rs → src/cli/a.rs"];
    for import in [
        "use super::a::A;",
        "use crate::cli::a::{self, A};",
        "use super::{b, a::A};",
        "fn f() -> super::a::A { super::a::A }",
        "mod inner { use super::super::a; }",
        "use crate::{model, cli::{a::A}};",
    ] {
        circles(&[("src/cli/a.rs", "use super::b::B;"), ("src/cli/b.rs", import)], circle);
    }
    circles(&[("src/cli/a.rs", "use super::b::B;"), ("src/cli/b.rs", "// use super::a::A;")], &[]);
    circles(&[("src/cli/a.rs", "use super::b::B;"), ("src/cli/b.rs", "use super::ab::A;"), ("src/cli/ab.rs", "")], &[]);
}

#[test]
fn longer_circles_are_found_once_and_from_their_first_file() {
    let files = [
        ("models/train/src/x/c.rs", "use super::a::A;"),
        ("models/train/src/x/b.rs", "use crate::x::c;"),
        ("models/train/src/x/a.rs", "use super::b::deep::B;"),
        ("models/train/src/x/d.rs", "use super::a::A;"), // leads into the circle and is no part of it
    ];
    let (a, b, c) = ("models/train/src/x/a.rs", "models/train/src/x/b.rs", "models/train/src/x/c.rs");
    circles(&files, &[&format!("{a} → {b} → {c} → {a}")]);
}

#[test]
fn parents_and_children_may_import_each_other() {
    circles(&[("src/cli/mod.rs", "use crate::cli::a::A;"), ("src/cli/a.rs", "use super::Cli;")], &[]);
    circles(&[("src/lib.rs", "pub use crate::cli::a::A;"), ("src/cli/a.rs", "use crate::Lib;")], &[]);
    let cousins = [
        ("src/cli/inspect/rows.rs", "use crate::cli::args::Args;"),
        ("src/cli/args.rs", "use super::inspect::rows::R;"),
    ];
    circles(&cousins, &["src/cli/args.rs → src/cli/inspect/rows.rs → src/cli/args.rs"]);
}
