//! The words inside a tag: names, numbers, strings, signs.
//!
//! Look first at [`word`]. Strings follow Python's escapes, numbers Python's literals.
//!
//! Source: Jinja 3.1.6, `lexer.py`; Python's `unicode_escape` codec.

use super::error::{Fault, Run, shown};

/// One token and the byte at which it begins.
#[derive(Clone, Debug)]
pub(super) struct Token<'s> {
    pub(super) at: u32,
    pub(super) kind: Kind<'s>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'s> {
    /// Text between the tags.
    Data(&'s str),
    PrintStart,
    PrintEnd,
    StatementStart,
    StatementEnd,
    Name(&'s str),
    String(String),
    Int(i64),
    Float(f64),
    /// An operator or a bracket.
    Sign(&'static str),
    /// The end of the template.
    End,
}

impl std::fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Data(_) => f.write_str("text"),
            Kind::PrintStart => f.write_str("'{{'"),
            Kind::PrintEnd => f.write_str("'}}'"),
            Kind::StatementStart => f.write_str("'{%'"),
            Kind::StatementEnd => f.write_str("'%}'"),
            Kind::Name(name) => write!(f, "'{}'", shown(name, 60)),
            Kind::String(_) => f.write_str("a string"),
            Kind::Int(_) | Kind::Float(_) => f.write_str("a number"),
            Kind::Sign(sign) => write!(f, "'{sign}'"),
            Kind::End => f.write_str("the end of the template"),
        }
    }
}

/// Longer signs first: `**` is not two times `*`.
const SIGNS: [&str; 27] = [
    "**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "(", ")", "[", "]", "{", "}", "<", ">", "=", ".",
    ":", "|", ",", ";", "!",
];

/// White space, as Python's `str.isspace` and `\s` see it.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// The word that begins at byte `at` of `source`, and its length in bytes.
pub(super) fn word(source: &str, at: usize) -> Run<(Kind<'_>, usize)> {
    let rest = &source[at..];
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_ascii_digit() {
        return number(rest, at, source[..at].ends_with('.'));
    }
    if first == '"' || first == '\'' {
        return string(rest, first, at);
    }
    let name = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
    if name > 0 {
        return Ok((Kind::Name(&rest[..name]), name));
    }
    match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        Some(sign) => Ok((Kind::Sign(sign), sign.len())),
        None => Err(Fault::syntax(at as u32, format!("unexpected character '{}'", shown(&first.to_string(), 1)))),
    }
}

/// The length of the digits in the base that `rest` begins with; single underscores may stand between them.
fn digits(rest: &str, base: u32) -> usize {
    let mut len = 0;
    let mut after_digit = false;
    for c in rest.chars() {
        match c {
            c if c.is_digit(base) => after_digit = true,
            '_' if after_digit => after_digit = false,
            _ => break,
        }
        len += 1;
    }
    if after_digit || len == 0 { len } else { len - 1 }
}

/// A number. Behind a point (`pair.0`) it is a whole one.
fn number(rest: &str, at: usize, after_point: bool) -> Run<(Kind<'_>, usize)> {
    let too_large = || Fault::syntax(at as u32, "this whole number does not fit into 64 bits");
    let prefix = rest.get(..2).unwrap_or("").to_ascii_lowercase();
    for (start, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        let n = if prefix == start { digits(rest[2..].trim_start_matches('_'), base) } else { 0 };
        if n > 0 {
            let underscores = rest.len() - 2 - rest[2..].trim_start_matches('_').len();
            let len = 2 + underscores + n;
            let value = i64::from_str_radix(&rest[2..len].replace('_', ""), base).map_err(|_| too_large())?;
            return Ok((Kind::Int(value), len));
        }
    }
    let whole = digits(rest, 10);
    let mut len = whole;
    if let Some(fraction) = rest[len..].strip_prefix('.').filter(|_| !after_point) {
        let n = digits(fraction, 10);
        len += if n > 0 { 1 + n } else { 0 };
    }
    if !after_point && rest[len..].starts_with(['e', 'E']) {
        let exponent = &rest[len + 1..];
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let n = digits(&exponent[sign..], 10);
        len += if n > 0 { 1 + sign + n } else { 0 };
    }
    let text = rest[..len].replace('_', "");
    let kind = if len > whole {
        Kind::Float(text.parse().map_err(|_| Fault::syntax(at as u32, "this is not a number"))?)
    } else if text.starts_with('0') && text.bytes().any(|digit| digit != b'0') {
        return Err(Fault::syntax(at as u32, "a whole number does not begin with 0"));
    } else {
        Kind::Int(text.parse().map_err(|_| too_large())?)
    };
    Ok((kind, len))
}

fn string(rest: &str, quote: char, at: usize) -> Run<(Kind<'_>, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        if c == quote {
            return Ok((Kind::String(text), i + 1));
        }
        if c != '\\' {
            text.push(c);
            continue;
        }
        let Some((_, escape)) = chars.next() else { break };
        let mut hex = |n: usize| {
            let digits: String = chars.by_ref().take(n).map(|(_, c)| c).collect();
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == n);
            code.and_then(char::from_u32).ok_or_else(|| {
                let what = format!("'\\{escape}{}' is no character", shown(&digits, 8));
                Fault::syntax((at + i) as u32, what)
            })
        };
        match escape {
            '\n' => {} // the line goes on
            '\\' | '\'' | '"' => text.push(escape),
            'a' => text.push('\x07'),
            'b' => text.push('\x08'),
            'f' => text.push('\x0c'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'v' => text.push('\x0b'),
            'x' => text.push(hex(2)?),
            'u' => text.push(hex(4)?),
            'U' => text.push(hex(8)?),
            'N' => return Err(Fault::syntax((at + i) as u32, "characters by name ('\\N{…}') are not supported")),
            '0'..='7' => {
                let mut code = escape.to_digit(8).unwrap_or(0);
                let mut more = chars.clone();
                for _ in 0..2 {
                    let Some(digit) = more.next().and_then(|(_, c)| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    chars.next();
                }
                text.extend(char::from_u32(code));
            }
            // Python keeps escapes that it does not know. A character beyond ASCII behind a backslash was written as
            // its code before, so that the backslash escapes the backslash of that code.
            c if c.is_ascii() => text.extend(['\\', c]),
            c => return Err(Fault::syntax((at + i) as u32, format!("'\\{}' is no escape", shown(&c.to_string(), 1)))),
        }
    }
    Err(Fault::syntax(at as u32, "the string is not closed"))
}
