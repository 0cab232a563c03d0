//! What a template is told: data from outside, made into values.
//!
//! Look first at [`Data`]. JSON may be nested as deep as whoever made it likes; what becomes a value is not.

use super::budget::{Budget, MAX_VALUE_DEPTH};
use super::error::{Fault, Run};
use super::value::Value;

/// A variable of a template.
#[derive(Clone, Debug)]
pub(in super::super) enum Data<'a> {
    Bool(bool),
    Text(&'a str),
    List(Vec<Data<'a>>),
    /// A dict in this order.
    Dict(Vec<(&'static str, Data<'a>)>),
    Json(&'a serde_json::Value),
}

impl Data<'_> {
    /// Bytes of text in it, and some for each value: what the limits of a run are measured by.
    pub(super) fn size(&self) -> usize {
        match self {
            Data::Bool(_) => 8,
            Data::Text(text) => 8 + text.len(),
            Data::List(items) => 8 + items.iter().map(Self::size).sum::<usize>(),
            Data::Dict(entries) => 8 + entries.iter().map(|(key, value)| key.len() + value.size()).sum::<usize>(),
            Data::Json(json) => json_size(json, 0),
        }
    }

    pub(super) fn value(&self, budget: &mut Budget) -> Run<Value> {
        match self {
            Data::Bool(b) => Ok(Value::Bool(*b)),
            Data::Text(text) => Value::text(*text, budget),
            Data::List(items) => {
                let items = items.iter().map(|item| item.value(budget)).collect::<Run<_>>()?;
                Value::list(items, budget)
            }
            Data::Dict(entries) => {
                let entry = |(key, value): &(&str, Data<'_>)| Ok((Value::Text((*key).into()), value.value(budget)?));
                let entries = entries.iter().map(entry).collect::<Run<_>>()?;
                Value::dict(entries, budget)
            }
            Data::Json(json) => json_value(json, 0, budget),
        }
    }
}

/// The size of what is not too deep; the rest is refused when it is made a value.
fn json_size(json: &serde_json::Value, depth: u16) -> usize {
    use serde_json::Value::{Array, Object, String};
    8 + match json {
        String(text) => text.len(),
        Array(items) if depth < MAX_VALUE_DEPTH => items.iter().map(|item| json_size(item, depth + 1)).sum(),
        Object(entries) if depth < MAX_VALUE_DEPTH => {
            entries.iter().map(|(key, value)| 8 + key.len() + json_size(value, depth + 1)).sum()
        }
        _ => 0,
    }
}

fn json_value(json: &serde_json::Value, depth: u16, budget: &mut Budget) -> Run<Value> {
    if depth > MAX_VALUE_DEPTH {
        let what = format!("the tools are JSON that is nested more than {MAX_VALUE_DEPTH} deep");
        return Err(Fault::over_budget(what));
    }
    match json {
        serde_json::Value::Null => Ok(Value::None),
        serde_json::Value::Bool(b) => Ok(Value::Bool(*b)),
        serde_json::Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(n), _) => Ok(Value::Int(n)),
            (None, Some(x)) if n.is_f64() => Ok(Value::Float(x)),
            _ => Err(Fault::evaluation(format!("the number {n} does not fit into 64 bits"))),
        },
        serde_json::Value::String(text) => Value::text(text.as_str(), budget),
        serde_json::Value::Array(items) => {
            let items = items.iter().map(|item| json_value(item, depth + 1, budget)).collect::<Run<_>>()?;
            Value::list(items, budget)
        }
        serde_json::Value::Object(entries) => {
            let mut made = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                made.push((Value::text(key.as_str(), budget)?, json_value(value, depth + 1, budget)?));
            }
            Value::dict(made, budget)
        }
    }
}
