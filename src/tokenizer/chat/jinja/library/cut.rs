//! Cutting text into pieces and putting it together, as Python's methods do.

use super::super::budget::{Budget, Text};
use super::super::error::{Fault, Run};
use super::super::value::Value;
use super::super::words::is_space;
use super::args::text;

/// `strip`, `lstrip`, `rstrip`: without the characters in `chars`, or without white space, at the ends named.
pub(super) fn strip<'a>(
    subject: &'a str,
    chars: Option<&Value>,
    start: bool,
    end: bool,
    budget: &mut Budget,
) -> Run<&'a str> {
    let chars = chars.map(text).transpose()?;
    budget.steps(1 + subject.len() / 32 * (1 + chars.map_or(0, |chars| chars.len())))?;
    let goes = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    let subject = if start { subject.trim_start_matches(goes) } else { subject };
    Ok(if end { subject.trim_end_matches(goes) } else { subject })
}

/// `str.splitlines`.
pub(super) fn lines(text: &str, keep_ends: bool) -> impl Iterator<Item = &str> {
    const ENDS: [char; 10] = ['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let len = rest.find(ENDS).unwrap_or(rest.len());
        let end = match rest[len..].chars().next() {
            Some('\r') if rest[len..].starts_with("\r\n") => 2,
            Some(c) => c.len_utf8(),
            None => 0,
        };
        let line = if keep_ends { &rest[..len + end] } else { &rest[..len] };
        rest = &rest[len + end..];
        Some(line)
    })
}

/// `str.replace`; a negative count replaces all.
pub(super) fn replace(subject: &str, old: &str, new: &str, count: i64, budget: &mut Budget) -> Run<Value> {
    budget.scan(subject.len())?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = Text::default();
    let mut kept = 0;
    for (at, found) in subject.match_indices(old).take(count) {
        budget.steps(1)?;
        out.push(&subject[kept..at], budget)?;
        out.push(new, budget)?;
        kept = at + found.len();
    }
    out.push(&subject[kept..], budget)?;
    Value::text(out.into_string(), budget)
}

/// `str.split` (or `rsplit`, from the right) at `at`, or at white space; a negative `most` cuts as often as possible.
pub(super) fn split(subject: &str, at: Option<&Value>, most: i64, right: bool, budget: &mut Budget) -> Run<Value> {
    budget.scan(subject.len())?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut pieces: Vec<&str> = Vec::new();
    match at {
        Some(at) => {
            let at = &**text(at)?;
            if at.is_empty() {
                return Err(Fault::evaluation("text cannot be split at an empty text"));
            }
            if right {
                pieces.extend(subject.rsplitn(most.saturating_add(1), at));
            } else {
                pieces.extend(subject.splitn(most.saturating_add(1), at));
            }
        }
        None => {
            let mut rest = trim(subject, right);
            while !rest.is_empty() {
                let cut = if pieces.len() == most {
                    None
                } else if right {
                    rest.rfind(is_space)
                } else {
                    rest.find(is_space)
                };
                let Some(cut) = cut else {
                    pieces.push(rest);
                    break;
                };
                if right {
                    let piece = rest[cut..].trim_start_matches(is_space);
                    pieces.push(piece);
                    rest = trim(&rest[..cut], right);
                } else {
                    pieces.push(&rest[..cut]);
                    rest = trim(&rest[cut..], right);
                }
            }
        }
    }
    if right {
        pieces.reverse();
    }
    budget.allocate(subject.len())?;
    budget.allocate_many(pieces.len(), 2 * size_of::<Value>())?;
    Value::list(pieces.into_iter().map(|piece| Value::Text(piece.into())).collect(), budget)
}

fn trim(text: &str, right: bool) -> &str {
    if right { text.trim_end_matches(is_space) } else { text.trim_start_matches(is_space) }
}

/// `str.partition` or `rpartition`: before, `at`, behind.
pub(super) fn partition(subject: &str, at: &Value, right: bool, budget: &mut Budget) -> Run<Value> {
    let at = &**text(at)?;
    budget.scan(subject.len())?;
    if at.is_empty() {
        return Err(Fault::evaluation("text cannot be split at an empty text"));
    }
    let parts = match if right { subject.rsplit_once(at) } else { subject.split_once(at) } {
        Some((before, behind)) => [before, at, behind],
        None if right => ["", "", subject],
        None => [subject, "", ""],
    };
    let parts = parts.into_iter().map(|part| Value::text(part, budget)).collect::<Run<_>>()?;
    Value::tuple(parts, budget)
}

/// `str.center`: at least `width` characters; an odd one goes to the left where `width` is odd.
pub(super) fn center(subject: &str, width: i64, fill: char, budget: &mut Budget) -> Run<Value> {
    let missing = missing(subject, width);
    let odd_left = missing & usize::try_from(width).unwrap_or(0) & 1;
    let left = missing / 2 + odd_left;
    pad(subject, left, missing - left, fill, budget)
}

/// How many characters `subject` lacks to be `width` long.
pub(super) fn missing(subject: &str, width: i64) -> usize {
    usize::try_from(width).unwrap_or(0).saturating_sub(subject.chars().count())
}

/// `subject` between `fill`s.
pub(super) fn pad(subject: &str, left: usize, right: usize, fill: char, budget: &mut Budget) -> Run<Value> {
    let mut out = Text::default();
    out.pad(fill, left, budget)?;
    out.push(subject, budget)?;
    out.pad(fill, right, budget)?;
    Value::text(out.into_string(), budget)
}

/// `str.zfill`: zeros behind the sign.
pub(super) fn zero_fill(subject: &str, width: i64, budget: &mut Budget) -> Run<Value> {
    let sign = subject.chars().next().filter(|c| "+-".contains(*c)).map_or("", |_| &subject[..1]);
    let mut out = Text::default();
    out.push(sign, budget)?;
    out.pad('0', missing(subject, width), budget)?;
    out.push(&subject[sign.len()..], budget)?;
    Value::text(out.into_string(), budget)
}

/// `str.expandtabs`: blanks up to the next column that is a multiple of `size`.
pub(super) fn expand_tabs(subject: &str, size: i64, budget: &mut Budget) -> Run<Value> {
    let size = usize::try_from(size).unwrap_or(0);
    let mut out = Text::default();
    let mut column = 0;
    for c in subject.chars() {
        match c {
            '\t' if size > 0 => {
                let blanks = size - column % size;
                out.pad(' ', blanks, budget)?;
                column += blanks;
            }
            '\t' => {}
            c => {
                out.push_char(c, budget)?;
                column = if c == '\n' || c == '\r' { 0 } else { column + 1 };
            }
        }
    }
    Value::text(out.into_string(), budget)
}
