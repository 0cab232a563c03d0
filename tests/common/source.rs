//! As much of Rust's grammar as `layering.rs` needs: tokens without comments and strings, and the paths among them.

/// A word or one character of punctuation, and its line from 1. Literals of text are gone, their quotes too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    /// The word or the character.
    pub(crate) text: String,
    /// Line in the file, from 1.
    pub(crate) line: usize,
}

/// The tokens of a source, comments and literals of text left out. `r#name` is `name`.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let end = match chars[i] {
            '/' if chars.get(i + 1) == Some(&'/') => find(&chars, i, |c| c == '\n'),
            '/' if chars.get(i + 1) == Some(&'*') => block_comment(&chars, i),
            '"' => quoted(&chars, i),
            '\'' => character(&chars, i),
            c if is_word(c) => {
                let end = find(&chars, i, |c| !is_word(c));
                let word: String = chars[i..end].iter().collect();
                match (word.as_str(), chars.get(end)) {
                    ("b" | "c", Some('"')) => quoted(&chars, end),
                    ("b", Some('\'')) => character(&chars, end),
                    ("r" | "br" | "cr", Some('"' | '#')) => raw(&chars, end),
                    _ => {
                        tokens.push(Token { text: word, line });
                        end
                    }
                }
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(Token { text: c.to_string(), line });
                }
                i + 1
            }
        };
        line += chars[i..end].iter().filter(|&&c| c == '\n').count();
        i = end;
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The first place from `i` on whose character satisfies `is`, or the end.
fn find(chars: &[char], i: usize, is: impl Fn(char) -> bool) -> usize {
    chars[i..].iter().position(|&c| is(c)).map_or(chars.len(), |n| i + n)
}

/// Behind the comment that begins at `i`; comments nest.
fn block_comment(chars: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i.min(chars.len())
}

/// Behind the literal whose opening quote is at `i`.
fn quoted(chars: &[char], i: usize) -> usize {
    let quote = chars[i];
    let mut end = i + 1;
    while end < chars.len() && chars[end] != quote {
        end += if chars[end] == '\\' { 2 } else { 1 };
    }
    (end + 1).min(chars.len())
}

/// Behind a character literal, or behind the quote of a lifetime.
fn character(chars: &[char], i: usize) -> usize {
    match (chars.get(i + 1), chars.get(i + 2)) {
        (Some('\\'), _) | (_, Some('\'')) => quoted(chars, i),
        _ => i + 1,
    }
}

/// Behind a raw string whose hashes or quote begin at `i`; behind the hash where it is a raw name (`r#use`).
fn raw(chars: &[char], i: usize) -> usize {
    let quote = find(chars, i, |c| c != '#');
    let hashes = quote - i;
    if chars.get(quote) != Some(&'"') {
        return quote;
    }
    let mut end = quote + 1;
    while end < chars.len() {
        if chars[end] == '"' && chars[end + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes {
            return end + 1 + hashes;
        }
        end += 1;
    }
    end
}

/// Every path of a file that begins at `crate`, `cutaway`, `super`, `std` or `core`, with its line. Groups (`a::{b, c}`)
/// are several paths. `super` is replaced by the module that it means: the file is the module `own`, and modules inside the
/// file are deeper.
pub(crate) fn paths(tokens: &[Token], own: &[&str]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut braces = 0usize;
    let mut modules: Vec<String> = own.iter().map(|&name| name.to_owned()).collect();
    let mut inside: Vec<usize> = Vec::new(); // how many braces were open where each inner module began
    for i in 0..tokens.len() {
        match tokens[i].text.as_str() {
            "{" => {
                if i >= 2 && tokens[i - 2].text == "mod" {
                    inside.push(braces);
                    modules.push(tokens[i - 1].text.clone());
                }
                braces += 1;
            }
            "}" => {
                braces = braces.saturating_sub(1);
                if inside.last() == Some(&braces) {
                    inside.pop();
                    modules.pop();
                }
            }
            "crate" | "super" if tokens.get(i + 1).is_some_and(|next| next.text == ")") => {} // `pub(crate)`
            // A field of that name is no path.
            "cutaway"
                if tokens.get(i + 1).is_none_or(|next| next.text != ":") && (i == 0 || tokens[i - 1].text != "use") => {
            }
            "cutaway"
                if tokens.get(i + 1).zip(tokens.get(i + 2)).is_some_and(|(a, b)| a.text == ":" && b.text != ":") => {}
            "crate" | "cutaway" | "super" | "std" | "core" if i == 0 || tokens[i - 1].text != ":" => {
                follow(tokens, i, &mut Vec::new(), &mut |line, path| {
                    found.push((line, resolved(path, &modules)));
                });
            }
            _ => {}
        }
    }
    found
}

/// Calls `each` for every path of the tree that begins at token `i` after `prefix`; returns the token behind it.
fn follow(tokens: &[Token], mut i: usize, prefix: &mut Vec<String>, each: &mut impl FnMut(usize, &[String])) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    let length = prefix.len();
    loop {
        if text(i) == "{" {
            i += 1;
            while i < tokens.len() && text(i) != "}" {
                let behind = follow(tokens, i, prefix, each);
                i = behind.max(i + 1);
                while !["", ",", "}"].contains(&text(i)) {
                    i += 1; // `as name`
                }
                i += usize::from(text(i) == ",");
            }
            i += 1;
            break;
        }
        prefix.push(text(i).to_owned());
        if text(i + 1) == ":" && text(i + 2) == ":" {
            i += 3;
        } else {
            each(tokens.get(i).map_or(0, |token| token.line), prefix);
            i += 1;
            break;
        }
    }
    prefix.truncate(length);
    i
}

/// The path from the crate, where it begins at `super`: the module above `modules`, once for each `super`.
fn resolved(path: &[String], modules: &[String]) -> Vec<String> {
    let ups = path.iter().filter(|segment| *segment == "super").count();
    if ups == 0 {
        return path.to_vec();
    }
    let above = modules[..modules.len().saturating_sub(ups)].iter();
    let rest = path.iter().filter(|segment| *segment != "super" && *segment != "self");
    std::iter::once(&"crate".to_owned()).chain(above).chain(rest).cloned().collect()
}
