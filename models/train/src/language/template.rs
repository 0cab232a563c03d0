//! The grammar: rules with alternatives, as text files, and how one of their sentences is written.
//!
//! ```text
//! opening:
//!     Once upon a time, there was a(n) {hero.trait} {hero.kind} named {hero}.
//!     {hero} was a(n) [small|little|] {hero.kind}. {home}
//! ```
//!
//! A rule is chosen from by lot. `[a|b]` is a choice on the spot, `{name}` a fact if there is one of this name, else
//! another rule. `a(n)` becomes *a* or *an*, and sentences begin with a capital. Look first at [`Grammar::write`].

use std::collections::HashMap;

use super::random::Random;

/// What a template may name: `hero` → `Mia`, `hero.his` → `her`.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<(String, String)>);

impl Facts {
    /// Says that `name` is `value`; the latest word counts.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Rules by name.
#[derive(Debug)]
pub struct Grammar(HashMap<&'static str, Vec<&'static str>>);

impl Grammar {
    /// Reads grammar files: `name:` at the beginning of a line opens a rule, indented lines are its alternatives,
    /// `#` begins a comment line.
    pub fn new(files: &[&'static str]) -> Self {
        let mut rules: HashMap<_, Vec<_>> = HashMap::new();
        let mut current = "";
        for line in files.iter().flat_map(|file| file.lines()).filter(|line| !line.starts_with('#')) {
            match line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
                Some(name) => current = name,
                None if line.trim().is_empty() => {}
                None => rules.entry(current).or_default().push(line.trim()),
            }
        }
        Self(rules)
    }

    /// Is there a rule of this name?
    pub fn has(&self, rule: &str) -> bool {
        self.0.contains_key(rule)
    }

    /// One text of `rule`, with articles and capitals set.
    ///
    /// # Panics
    /// If a name is neither fact nor rule. The grammar is part of this crate: a test writes from all of it.
    pub fn write(&self, rule: &str, facts: &Facts, random: &mut Random) -> String {
        let mut raw = String::new();
        self.expand(self.alternative(rule, random), facts, random, &mut raw);
        finish(&raw)
    }

    fn alternative(&self, rule: &str, random: &mut Random) -> &'static str {
        random.pick(self.0.get(rule).unwrap_or_else(|| panic!("no rule or fact {rule:?}")))
    }

    fn expand(&self, template: &str, facts: &Facts, random: &mut Random, out: &mut String) {
        let mut rest = template;
        while let Some(at) = rest.find(['{', '[']) {
            out.push_str(&rest[..at]);
            let inner = enclosed(&rest[at..]);
            if rest[at..].starts_with('[') {
                self.expand(random.pick(&choices(inner)), facts, random, out);
            } else if let Some(value) = facts.get(inner) {
                out.push_str(value);
            } else {
                self.expand(self.alternative(inner, random), facts, random, out);
            }
            rest = &rest[at + inner.len() + 2..];
        }
        out.push_str(rest);
    }
}

/// What stands between the bracket that `text` begins with and its partner.
fn enclosed(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[1..at];
        }
    }
    panic!("a bracket stays open in {text:?}")
}

/// `a|b[c|d]` → `a`, `b[c|d]`.
fn choices(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            '|' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found
}

/// Sets articles and capitals, and makes one space of several.
fn finish(raw: &str) -> String {
    let mut text = raw.to_owned();
    while let Some(at) = text.find("(n) ") {
        let vowel = text[at + 4..].trim_start().starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
        text.replace_range(at..at + 3, if vowel { "n" } else { "" });
    }
    let mut out = String::with_capacity(text.len());
    let (mut begins, mut last) = (true, ' ');
    for c in text.chars().filter(|&c| (c, std::mem::replace(&mut last, c)) != (' ', ' ')) {
        if begins && c.is_alphanumeric() {
            out.extend(c.to_uppercase());
            begins = false;
            continue;
        }
        // `"Who?" asked Mia`: a mark before a closing quotation mark does not end the sentence, but a stop does.
        let quoted = c == '"' && out.ends_with(['!', '?']);
        begins = matches!(c, '.' | '!' | '?') || (begins && matches!(c, ' ' | '"') && !quoted);
        out.push(c);
    }
    out.trim_end().to_owned()
}
