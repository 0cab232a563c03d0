//! Methods of text.
//!
//! Look first at [`call`]. Positions count characters, as in Python.

use super::super::budget::{Budget, Text};
use super::super::error::{Fault, Run, name as shown_name};
use super::super::value::Value;
use super::super::value::print::is_printable;
use super::super::words::is_space;
use super::args::{Args, flag, given, int, text};
use super::{case, cut, format};
use std::sync::Arc;

/// `subject.name(args)`.
pub(super) fn call(subject: &Arc<str>, name: &str, args: Args, budget: &mut Budget) -> Run<Value> {
    budget.scan(subject.len())?;
    match name {
        "capitalize" | "casefold" | "lower" | "swapcase" | "title" | "upper" => {
            args.bind(name, [])?;
            budget.allocate(subject.len())?;
            Value::text(in_case(subject, name)?, budget)
        }
        "isalnum" | "isalpha" | "isascii" | "isdecimal" | "isdigit" | "islower" | "isnumeric" | "isprintable"
        | "isspace" | "istitle" | "isupper" => {
            args.bind(name, [])?;
            is(subject, name).map(Value::Bool)
        }
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = args.bind(name, ["chars"])?;
            let stripped = cut::strip(subject, given(chars).as_ref(), name != "rstrip", name != "lstrip", budget)?;
            // Much text has nothing to strip: it is shared, not copied.
            if stripped.len() == subject.len() {
                return Ok(Value::Text(Arc::clone(subject)));
            }
            Value::text(stripped, budget)
        }
        "split" | "rsplit" => {
            let [at, most] = args.bind(name, ["sep", "maxsplit"])?;
            let most = most.map_or(Ok(-1), |most| int(&most))?;
            cut::split(subject, given(at).as_ref(), most, name == "rsplit", budget)
        }
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"])?;
            budget.allocate_many(subject.len(), 1)?;
            let lines: Run<Vec<Value>> =
                cut::lines(subject, flag(keep.as_ref())).map(|line| Value::text(line, budget)).collect();
            Value::list(lines?, budget)
        }
        "partition" | "rpartition" => {
            let at = one(args, name)?;
            cut::partition(subject, &at, name == "rpartition", budget)
        }
        "replace" => {
            let [Some(old), Some(new), count] = args.bind(name, ["old", "new", "count"])? else {
                return Err(Fault::evaluation("'replace' takes what to replace and with what"));
            };
            let count = count.map_or(Ok(-1), |count| int(&count))?;
            cut::replace(subject, text(&old)?, text(&new)?, count, budget)
        }
        "removeprefix" | "removesuffix" => {
            let part = one(args, name)?;
            let part = &**text(&part)?;
            let stripped = if name == "removeprefix" { subject.strip_prefix(part) } else { subject.strip_suffix(part) };
            Value::text(stripped.unwrap_or(subject), budget)
        }
        "startswith" | "endswith" => starts_or_ends(subject, name, args, budget),
        "find" | "rfind" | "index" | "rindex" | "count" => find(subject, name, args),
        "join" => join(subject, &one(args, name)?, budget),
        "center" | "ljust" | "rjust" => justify(subject, name, args, budget),
        "zfill" => cut::zero_fill(subject, int(&one(args, name)?)?, budget),
        "expandtabs" => {
            let [size] = args.bind(name, ["tabsize"])?;
            cut::expand_tabs(subject, size.map_or(Ok(8), |size| int(&size))?, budget)
        }
        "format" => format::format(subject, &args, budget),
        _ => Err(Fault::unsupported(format!("the method {} of 'str'", shown_name(name)))),
    }
}

/// The only argument.
fn one(args: Args, name: &str) -> Run<Value> {
    match args.bind(name, ["value"])? {
        [Some(value)] => Ok(value),
        [None] => Err(Fault::evaluation(format!("'{name}' takes an argument"))),
    }
}

fn in_case(subject: &str, name: &str) -> Run<String> {
    Ok(match name {
        "capitalize" => case::capitalize(subject),
        "casefold" if subject.is_ascii() => subject.to_ascii_lowercase(),
        "casefold" => return Err(Fault::unsupported("'casefold' of text beyond ASCII")),
        "lower" => subject.to_lowercase(),
        "swapcase" => case::swap(subject),
        "title" => case::title(subject),
        _ => subject.to_uppercase(),
    })
}

/// Questions about all characters. Errors: letters and digits beyond ASCII, whose categories Rust does not have as
/// Python has them.
fn is(subject: &str, name: &str) -> Run<bool> {
    let all = |holds: fn(char) -> bool| !subject.is_empty() && subject.chars().all(holds);
    Ok(match name {
        "isascii" => subject.is_ascii(),
        "islower" => case::is_lower(subject),
        "isupper" => case::is_upper(subject),
        "istitle" => case::is_title(subject),
        "isspace" => all(is_space),
        "isprintable" => subject.chars().all(|c| (' '..='~').contains(&c) || (!c.is_ascii() && is_printable(c))),
        _ if !subject.is_ascii() => return Err(Fault::unsupported(format!("'{name}' of text beyond ASCII"))),
        "isalnum" => all(|c| c.is_ascii_alphanumeric()),
        "isalpha" => all(|c| c.is_ascii_alphabetic()),
        _ => all(|c| c.is_ascii_digit()),
    })
}

/// The part of a text between two positions, and how many characters stand before it. `None` if it would begin behind
/// the text's end.
fn window(subject: &str, start: Option<Value>, stop: Option<Value>) -> Run<Option<(&str, usize)>> {
    let (start, stop) = (given(start), given(stop));
    if start.is_none() && stop.is_none() {
        return Ok(Some((subject, 0)));
    }
    let len = subject.chars().count() as i64;
    let bound = |bound: Option<Value>, default: i64| match bound {
        Some(bound) => int(&bound).map(|n| if n < 0 { n.saturating_add(len).max(0) } else { n }),
        None => Ok(default),
    };
    let (start, stop) = (bound(start, 0)?, bound(stop, len)?.min(len));
    if start > len || start > stop {
        return Ok(None);
    }
    let byte = |n: i64| subject.char_indices().nth(n as usize).map_or(subject.len(), |(at, _)| at);
    Ok(Some((&subject[byte(start)..byte(stop)], start as usize)))
}

fn starts_or_ends(subject: &str, name: &str, args: Args, budget: &mut Budget) -> Run<Value> {
    let [Some(parts), start, stop] = args.bind(name, ["prefix", "start", "end"])? else {
        return Err(Fault::evaluation(format!("'{name}' takes text or a tuple of texts")));
    };
    let window = window(subject, start, stop)?;
    let parts = match &parts {
        Value::Tuple(parts) => {
            budget.steps(parts.len())?;
            parts.to_vec()
        }
        part => vec![part.clone()],
    };
    for part in &parts {
        let part = &**text(part)?;
        budget.scan(part.len().min(subject.len()))?;
        let holds = |subject: &str| {
            if name == "startswith" { subject.starts_with(part) } else { subject.ends_with(part) }
        };
        if window.is_some_and(|(subject, _)| holds(subject)) {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn find(subject: &str, name: &str, args: Args) -> Run<Value> {
    let [Some(part), start, stop] = args.bind(name, ["sub", "start", "end"])? else {
        return Err(Fault::evaluation(format!("'{name}' takes a text")));
    };
    let part = &**text(&part)?;
    let window = window(subject, start, stop)?;
    if name == "count" {
        let n = window.map_or(0, |(subject, _)| subject.matches(part).count());
        return Ok(Value::Int(n as i64));
    }
    let found = window.and_then(|(subject, before)| {
        let at = if name.starts_with('r') { subject.rfind(part) } else { subject.find(part) };
        at.map(|at| before + subject[..at].chars().count())
    });
    match found {
        Some(at) => Ok(Value::Int(at as i64)),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => Err(Fault::evaluation(format!("'{name}' does not find the text"))),
    }
}

fn join(between: &str, items: &Value, budget: &mut Budget) -> Run<Value> {
    let mut out = Text::default();
    for (i, item) in items.defined()?.iterate(budget)?.iter().enumerate() {
        out.push(if i == 0 { "" } else { between }, budget)?;
        match item {
            Value::Text(text) | Value::Safe(text) => out.push(text, budget)?,
            other => {
                other.defined()?;
                let what = format!("'join' takes texts, and item {i} is of type '{}'", other.type_name());
                return Err(Fault::evaluation(what));
            }
        }
    }
    Value::text(out.into_string(), budget)
}

fn justify(subject: &str, name: &str, args: Args, budget: &mut Budget) -> Run<Value> {
    let [Some(width), fill] = args.bind(name, ["width", "fillchar"])? else {
        return Err(Fault::evaluation(format!("'{name}' takes a width")));
    };
    let width = int(&width)?;
    let fill = match &fill {
        None => ' ',
        Some(fill) => {
            let mut chars = text(fill)?.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => c,
                _ => return Err(Fault::evaluation(format!("'{name}' fills with one character"))),
            }
        }
    };
    let missing = cut::missing(subject, width);
    match name {
        "ljust" => cut::pad(subject, 0, missing, fill, budget),
        "rjust" => cut::pad(subject, missing, 0, fill, budget),
        _ => cut::center(subject, width, fill, budget),
    }
}
