//! `str(value)` and `repr(value)`, letter for letter as Python writes them.
//!
//! Look first at [`write`]. The depth is bounded by the depth of values, the length by the budget.

use super::super::budget::{Budget, Text};
use super::super::error::{Fault, Run};
use super::{Items, Value};

/// What `{{ value }}` prints: text as it is, all else as [`repr`](write_repr) writes it, what is undefined as nothing.
pub(in super::super) fn write(value: &Value, out: &mut Text, budget: &mut Budget) -> Run<()> {
    match value {
        Value::Text(text) | Value::Safe(text) => out.push(text, budget),
        Value::Undefined(_) => Ok(()),
        other => write_repr(other, out, budget),
    }
}

/// The same as a text of its own.
pub(in super::super) fn to_text(value: &Value, budget: &mut Budget) -> Run<std::sync::Arc<str>> {
    if let Value::Text(text) | Value::Safe(text) = value {
        return Ok(std::sync::Arc::clone(text));
    }
    let mut out = Text::default();
    write(value, &mut out, budget)?;
    Ok(out.into_string().into())
}

/// Python's `repr(value)`.
pub(in super::super) fn write_repr(value: &Value, out: &mut Text, budget: &mut Budget) -> Run<()> {
    budget.steps(1)?;
    match value {
        Value::Undefined(_) => out.push("Undefined", budget),
        Value::None => out.push("None", budget),
        Value::Bool(true) => out.push("True", budget),
        Value::Bool(false) => out.push("False", budget),
        Value::Int(n) => out.push(&n.to_string(), budget),
        Value::Float(x) => out.push(&float(*x), budget),
        Value::Text(text) => write_quoted(text, out, budget),
        Value::Safe(text) => {
            out.push("Markup(", budget)?;
            write_quoted(text, out, budget)?;
            out.push(")", budget)
        }
        Value::List(items) => write_items("[", items, "]", out, budget),
        Value::Tuple(items) => write_items("(", items, if items.len() == 1 { ",)" } else { ")" }, out, budget),
        Value::Dict(dict) => {
            out.push("{", budget)?;
            for (i, (key, value)) in dict.entries().iter().enumerate() {
                out.push(if i == 0 { "" } else { ", " }, budget)?;
                write_repr(key, out, budget)?;
                out.push(": ", budget)?;
                write_repr(value, out, budget)?;
            }
            out.push("}", budget)
        }
        Value::View(view, _) => {
            let (open, items) = (["dict_keys([", "dict_values([", "dict_items(["], value.iterate(budget)?);
            write_items(open[*view as usize], &items, "])", out, budget)
        }
        Value::Range(range) => {
            let step = if range.step == 1 { String::new() } else { format!(", {}", range.step) };
            out.push(&format!("range({}, {}{step})", range.start, range.stop), budget)
        }
        Value::Live(live) => Err(Fault::unsupported(format!("printing a {}", live.type_name()))),
    }
}

fn write_items(open: &str, items: &Items, close: &str, out: &mut Text, budget: &mut Budget) -> Run<()> {
    out.push(open, budget)?;
    for (i, item) in items.iter().enumerate() {
        out.push(if i == 0 { "" } else { ", " }, budget)?;
        write_repr(item, out, budget)?;
    }
    out.push(close, budget)
}

/// Text in quotes: single ones, unless only those stand in it.
fn write_quoted(text: &str, out: &mut Text, budget: &mut Budget) -> Run<()> {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push_char(quote, budget)?;
    for c in text.chars() {
        match c {
            '\n' => out.push("\\n", budget)?,
            '\r' => out.push("\\r", budget)?,
            '\t' => out.push("\\t", budget)?,
            '\\' => out.push("\\\\", budget)?,
            c if c == quote => {
                out.push("\\", budget)?;
                out.push_char(c, budget)?;
            }
            ' '..='~' => out.push_char(c, budget)?,
            c if is_printable(c) => out.push_char(c, budget)?,
            c => {
                let code = u32::from(c);
                let escape = match code {
                    0..0x100 => format!("\\x{code:02x}"),
                    0x100..0x10000 => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                };
                out.push(&escape, budget)?;
            }
        }
    }
    out.push_char(quote, budget)
}

/// Python's `str.isprintable` for one character beyond ASCII. Rust escapes the same categories when it shows text, but
/// escapes a combining mark only at the beginning.
pub(in super::super) fn is_printable(c: char) -> bool {
    let behind_a_letter = ['a', c].iter().collect::<String>();
    behind_a_letter.escape_debug().nth(1) == Some(c)
}

/// A float in the fewest digits that read back as the same number, with an exponent below 10⁻⁴ and from 10¹⁶ on.
pub(in super::super) fn float(x: f64) -> String {
    if !x.is_finite() {
        return if x.is_nan() { "nan".into() } else { if x > 0.0 { "inf" } else { "-inf" }.into() };
    }
    let scientific = format!("{x:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{x}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
