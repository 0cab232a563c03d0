//! Filters on text.

use super::super::budget::{Budget, Text};
use super::super::error::{Fault, Run, name as shown_name};
use super::super::value::{Value, print};
use super::super::words::is_space;
use super::args::{Args, flag, given, int, soft_text, text};
use super::{case, cut};
use std::sync::Arc;

/// `value|name(args)`, for the filters named in `filters::apply`.
pub(super) fn apply(name: &str, value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    match name {
        "safe" => {
            args.bind(name, [])?;
            return Ok(Value::Safe(print::to_text(value, budget)?));
        }
        "escape" | "e" => {
            args.bind(name, [])?;
            return escape(value, budget);
        }
        "string" => {
            args.bind(name, [])?;
            return if let Value::Safe(_) = value {
                Ok(value.clone())
            } else {
                Ok(Value::Text(print::to_text(value, budget)?))
            };
        }
        "replace" => return replace(value, args, budget),
        _ => {}
    }
    let subject = match (name, value) {
        ("indent" | "truncate", Value::Text(text)) => Arc::clone(text),
        ("truncate", value) if !matches!(value, Value::Safe(_)) => return truncate_other(value, args, budget),
        ("indent", value) if !matches!(value, Value::Safe(_)) => {
            value.defined()?;
            let what = format!("'{name}' takes text, not '{}'", value.type_name());
            return Err(Fault::evaluation(what));
        }
        _ => soft_text(value, budget)?,
    };
    budget.allocate(subject.len())?;
    let made = match name {
        "capitalize" => plain(name, args, case::capitalize(&subject))?,
        "lower" => plain(name, args, subject.to_lowercase())?,
        "upper" => plain(name, args, subject.to_uppercase())?,
        "title" => plain(name, args, title(&subject))?,
        "center" => {
            let [width] = args.bind(name, ["width"])?;
            return cut::center(&subject, width.map_or(Ok(80), |width| int(&width))?, ' ', budget);
        }
        "trim" => {
            let [chars] = args.bind(name, ["chars"])?;
            let chars = given(chars);
            cut::strip(&subject, chars.as_ref(), true, true, budget)?.to_owned()
        }
        "indent" => return indent(&subject, args, budget),
        "truncate" => return truncate(&subject, args, budget),
        "wordcount" => {
            args.bind(name, [])?;
            let words = subject.split(|c: char| c != '_' && !c.is_alphanumeric()).filter(|word| !word.is_empty());
            return Ok(Value::Int(words.count() as i64));
        }
        other => return Err(Fault::evaluation(format!("there is no filter {}", shown_name(other)))),
    };
    Value::text(made, budget)
}

fn plain(name: &str, args: Args, made: String) -> Run<String> {
    args.bind(name, [])?;
    Ok(made)
}

/// Each word begins in upper case; words begin behind white space, hyphens and opening brackets.
fn title(subject: &str) -> String {
    let mut made = String::new();
    let starts_word = |c: char| is_space(c) || "-({[<".contains(c);
    for part in subject.split_inclusive(starts_word) {
        let mut chars = part.chars();
        if let Some(first) = chars.next() {
            made.extend(first.to_uppercase());
            made.push_str(&chars.as_str().to_lowercase());
        }
    }
    made
}

fn escape(value: &Value, budget: &mut Budget) -> Run<Value> {
    if let Value::Safe(_) = value {
        return Ok(value.clone());
    }
    let mut out = Text::default();
    for c in print::to_text(value, budget)?.chars() {
        match c {
            '&' => out.push("&amp;", budget)?,
            '<' => out.push("&lt;", budget)?,
            '>' => out.push("&gt;", budget)?,
            '\'' => out.push("&#39;", budget)?,
            '"' => out.push("&#34;", budget)?,
            c => out.push_char(c, budget)?,
        }
    }
    Ok(Value::Safe(out.into_string().into()))
}

fn replace(value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    let [Some(old), Some(new), count] = args.bind("replace", ["old", "new", "count"])? else {
        return Err(Fault::evaluation("'replace' takes what to replace and with what"));
    };
    let (subject, old) = (print::to_text(value, budget)?, print::to_text(&old, budget)?);
    let new = print::to_text(&new, budget)?;
    let count = given(count).map_or(Ok(-1), |count| int(&count))?;
    cut::replace(&subject, &old, &new, count, budget)
}

fn indent(subject: &Arc<str>, args: Args, budget: &mut Budget) -> Run<Value> {
    let [width, first, blank] = args.bind("indent", ["width", "first", "blank"])?;
    let (indent, n) = match &width {
        Some(Value::Text(indent)) => (&**indent, 1),
        Some(width) => (" ", usize::try_from(int(width)?).unwrap_or(0)),
        None => (" ", 4),
    };
    let (first, blank) = (flag(first.as_ref()), flag(blank.as_ref()));
    let mut out = Text::default();
    let push_indent = |out: &mut Text, budget: &mut Budget| {
        budget.allocate_many(n, indent.len())?;
        out.push(&indent.repeat(n), budget)
    };
    // A line end is added to the text, so that one at its end begins an empty line.
    let added = format!("{subject}\n");
    for (i, line) in cut::lines(&added, false).enumerate() {
        if i > 0 {
            out.push("\n", budget)?;
        }
        let indented = if i == 0 { first } else { blank || !line.is_empty() };
        if indented {
            push_indent(&mut out, budget)?;
        }
        out.push(line, budget)?;
    }
    Value::text(out.into_string(), budget)
}

fn truncate(subject: &Arc<str>, args: Args, budget: &mut Budget) -> Run<Value> {
    let [length, killwords, end, leeway] = args.bind("truncate", ["length", "killwords", "end", "leeway"])?;
    let end = end.unwrap_or_else(|| Value::Text("...".into()));
    let end = text(&end)?;
    let n_end = end.chars().count() as i64;
    let (length, leeway) = lengths(length, leeway, n_end)?;
    if subject.chars().count() as i64 <= length.saturating_add(leeway) {
        return Ok(Value::Text(Arc::clone(subject)));
    }
    let kept: String = subject.chars().take((length - n_end) as usize).collect();
    let kept = match kept.rsplit_once(' ') {
        Some((words, _)) if !flag(killwords.as_ref()) => words,
        _ => &kept,
    };
    Value::text(format!("{kept}{end}"), budget)
}

/// How long a text may be at most, and how much longer it may be to stay as it is.
fn lengths(length: Option<Value>, leeway: Option<Value>, n_end: i64) -> Run<(i64, i64)> {
    let length = length.map_or(Ok(255), |length| int(&length))?;
    let leeway = given(leeway).map_or(Ok(5), |leeway| int(&leeway))?;
    if length < n_end || leeway < 0 {
        return Err(Fault::evaluation("'truncate' takes a length of at least its end, and a leeway of at least 0"));
    }
    Ok((length, leeway))
}

/// What is no text stays as it is if it is short, as in Jinja.
fn truncate_other(value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    let [length, _, end, leeway] = args.bind("truncate", ["length", "killwords", "end", "leeway"])?;
    let n_end = end.as_ref().map_or(Ok(3), |end| text(end).map(|end| end.chars().count() as i64))?;
    let (length, leeway) = lengths(length, leeway, n_end)?;
    match value.len(budget)? {
        Some(n) if n as i64 <= length.saturating_add(leeway) => Ok(value.clone()),
        _ => Err(Fault::evaluation(format!("'truncate' takes text, not '{}'", value.type_name()))),
    }
}
