//! Filters by name, and those on numbers and on any value.
//!
//! Look first at [`apply`].

use super::super::budget::Budget;
use super::super::error::{Fault, Run, name as shown_name};
use super::super::value::number::Number;
use super::super::value::{Live, Value, access, print};
use super::args::{Args, flag, int};
use super::{Made, json, list_filters, percent, text_filters};
use std::sync::Arc;

/// `value|name(args)`. Errors: no such filter, wrong arguments, a value it does not work on.
pub(in super::super) fn apply(name: &str, value: &Value, args: Args, budget: &mut Budget) -> Run<Made> {
    if let Value::Live(live) = value {
        return Err(Fault::unsupported(format!("the filter {} on a {}", shown_name(name), live.type_name())));
    }
    if let Some(made) = list_filters::apply(name, value, &args, budget)? {
        return Ok(made);
    }
    let made = match name {
        "capitalize" | "center" | "escape" | "e" | "indent" | "lower" | "replace" | "safe" | "string" | "title"
        | "trim" | "truncate" | "upper" | "wordcount" => text_filters::apply(name, value, args, budget)?,
        "abs" => abs(value, args)?,
        "attr" => attr(value, args, budget)?,
        "default" | "d" => {
            let [default, boolean] = args.bind(name, ["default_value", "boolean"])?;
            let missing = matches!(value, Value::Undefined(_)) || (flag(boolean.as_ref()) && !value.is_true());
            if missing { default.unwrap_or_else(|| Value::Text("".into())) } else { value.clone() }
        }
        "float" => float(value, args)?,
        "format" => format(value, args, budget)?,
        "int" => whole(value, args)?,
        "length" | "count" => {
            args.bind(name, [])?;
            match value.len(budget)? {
                Some(n) => Value::Int(n as i64),
                None => return Err(Fault::evaluation(format!("'{}' has no length", value.type_name()))),
            }
        }
        "round" => round(value, args)?,
        "tojson" => json::tojson(value, args, budget)?,
        "filesizeformat" | "forceescape" | "groupby" | "pprint" | "random" | "striptags" | "urlencode" | "urlize"
        | "wordwrap" | "xmlattr" => return Err(Fault::unsupported(format!("the filter '{name}'"))),
        unknown => return Err(Fault::evaluation(format!("there is no filter {}", shown_name(unknown)))),
    };
    Ok(Made::Value(made))
}

fn abs(value: &Value, args: Args) -> Run<Value> {
    args.bind("abs", [])?;
    match Number::of(value.defined()?) {
        Some(Number::Int(n)) => n.checked_abs().map(Value::Int).ok_or_else(Fault::overflow),
        Some(Number::Float(x)) => Ok(Value::Float(x.abs())),
        None => Err(Fault::evaluation(format!("'abs' does not work on '{}'", value.type_name()))),
    }
}

/// An attribute and never an item.
fn attr(value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    let [Some(Value::Text(name))] = args.bind("attr", ["name"])? else {
        return Err(Fault::evaluation("'attr' takes the name of an attribute"));
    };
    match access::attribute(value, &name, budget)? {
        Value::Live(method @ Live::Method(_)) => Ok(Value::Live(method)),
        _ => Ok(Value::Undefined(super::super::value::Missing::Attribute(name, value.type_name()))),
    }
}

/// A number as Python's `float()` reads it.
fn parse_float(text: &str) -> Option<f64> {
    let text = without_underscores(text.trim_matches(super::super::words::is_space))?;
    let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let named = ["inf", "infinity", "nan"].contains(&unsigned.as_str());
    if !named && unsigned.bytes().any(|c| c.is_ascii_alphabetic() && c != b'e') {
        return None;
    }
    text.parse().ok()
}

/// Single underscores between digits go; others make a number no number.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    let misplaced = |at: usize| bytes[at] == b'_' && !(digit(at.checked_sub(1)) && digit(Some(at + 1)));
    if (0..bytes.len()).any(misplaced) { None } else { Some(text.replace('_', "")) }
}

/// A whole number as Python's `int(text, base)` reads it. Errors: it has more than 64 bits, or an unusual base.
fn parse_int(text: &str, base: i64) -> Run<Option<i64>> {
    if ![2, 8, 10, 16].contains(&base) {
        return Err(Fault::unsupported("'int' with a base other than 2, 8, 10, 16"));
    }
    let Some(text) = without_underscores(text.trim_matches(super::super::words::is_space)) else { return Ok(None) };
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (&text[..1], rest),
        None => ("", &*text),
    };
    let prefix = match base {
        2 => ["0b", "0B"],
        8 => ["0o", "0O"],
        16 => ["0x", "0X"],
        _ => ["", ""],
    };
    let digits = prefix.iter().find_map(|prefix| digits.strip_prefix(prefix)).unwrap_or(digits);
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base as u32)) {
        if !digits.is_ascii() {
            return Err(Fault::unsupported("'int' of digits beyond ASCII"));
        }
        return Ok(None);
    }
    match i64::from_str_radix(&format!("{sign}{digits}"), base as u32) {
        Ok(n) => Ok(Some(n)),
        Err(_) => Err(Fault::overflow()),
    }
}

/// A float cut to a whole number.
fn truncate(x: f64) -> Run<Option<i64>> {
    if !x.is_finite() {
        return Ok(None);
    }
    if x.abs() >= 9.2e18 {
        return Err(Fault::overflow());
    }
    Ok(Some(x.trunc() as i64))
}

fn whole(value: &Value, args: Args) -> Run<Value> {
    let [default, base] = args.bind("int", ["default", "base"])?;
    let parsed = match value.defined()? {
        Value::Text(text) => match parse_int(text, base.map_or(Ok(10), |base| int(&base))?)? {
            Some(n) => Some(n),
            None => parse_float(text).map_or(Ok(None), truncate)?,
        },
        // Python has no `int` of infinity, and an error that this filter does not catch.
        Value::Float(x) if x.is_infinite() => {
            return Err(Fault::evaluation("infinity is no whole number"));
        }
        other => match Number::of(other) {
            Some(Number::Int(n)) => Some(n),
            Some(Number::Float(x)) => truncate(x)?,
            None => None,
        },
    };
    Ok(parsed.map_or_else(|| default.unwrap_or(Value::Int(0)), Value::Int))
}

fn float(value: &Value, args: Args) -> Run<Value> {
    let [default] = args.bind("float", ["default"])?;
    let parsed = match value.defined()? {
        Value::Text(text) => parse_float(text),
        other => Number::of(other).map(Number::float),
    };
    Ok(parsed.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
}

fn round(value: &Value, args: Args) -> Run<Value> {
    let [precision, method] = args.bind("round", ["precision", "method"])?;
    let precision = precision.map_or(Ok(0), |precision| int(&precision))?;
    let method = match &method {
        None => "common",
        Some(Value::Text(method)) => method,
        Some(_) => "",
    };
    if !(0..=300).contains(&precision) {
        return Err(Fault::unsupported("'round' with a precision below 0 or above 300"));
    }
    let Some(number) = Number::of(value.defined()?) else {
        return Err(Fault::evaluation(format!("'round' does not work on '{}'", value.type_name())));
    };
    let scale = 10f64.powi(precision as i32);
    match (method, number) {
        ("common", Number::Int(n)) => Ok(Value::Int(n)),
        // Formatting rounds the exact value of the float, ties to even, as Python's `round` does.
        ("common", Number::Float(x)) if x.is_finite() => {
            Ok(Value::Float(format!("{x:.*}", precision as usize).parse().unwrap_or(x)))
        }
        ("common", Number::Float(x)) => Ok(Value::Float(x)),
        ("ceil", number) => Ok(Value::Float((number.float() * scale).ceil() / scale)),
        ("floor", number) => Ok(Value::Float((number.float() * scale).floor() / scale)),
        _ => Err(Fault::evaluation("'round' knows the methods 'common', 'ceil' and 'floor'")),
    }
}

/// `text|format(args)`, which is `text % args`.
fn format(value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    let template = print::to_text(value, budget)?;
    let given = match (args.positional.is_empty(), args.named.is_empty()) {
        (false, false) => return Err(Fault::evaluation("'format' takes values or named values, not both")),
        (true, false) => {
            let named = args.named.into_iter().map(|(name, value)| (Value::Text(name), value));
            Value::dict(named.collect(), budget)?
        }
        _ => Value::tuple(args.positional, budget)?,
    };
    percent::format(&Arc::clone(&template), &given, budget)
}
