//! Links in the repository's Markdown lead somewhere.

use std::path::{Path, PathBuf};

/// Markdown files of the repository, without what was built or fetched.
fn pages(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "mine" {
            pages(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The targets of `[text](target)`, without those in fenced code and in `code`.
fn targets(markdown: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // What stands between backticks is shown and is no link; a link's text may be code itself.
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            let in_code = rest[..at].matches('`').count() % 2 == 1;
            rest = &rest[at + 2..];
            if let (Some(end), false) = (rest.find(')'), in_code) {
                found.push(rest[..end].to_owned());
            }
        }
    }
    found
}

#[test]
fn every_link_inside_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut all, mut links, mut broken) = (Vec::new(), 0, Vec::new());
    pages(root, &mut all);
    for page in &all {
        for target in targets(&std::fs::read_to_string(page).unwrap()) {
            let file = target.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            links += 1;
            if !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", page.strip_prefix(root).unwrap().display()));
            }
        }
    }
    assert!(all.len() >= 4 && links > 20, "{} pages with {links} links were read", all.len());
    assert!(broken.is_empty(), "links that lead nowhere: {broken:#?}");
}

#[test]
fn links_are_found_and_code_is_not() {
    let text = "[a](b.md) and [`c`](d/e.rs#x), `[f](g)`\n```\n[h](i)\n```\n[j](k)";
    assert_eq!(targets(text), ["b.md", "d/e.rs#x", "k"]);
}
