//! `tojson`: Python's `json.dumps`, with the arguments that Hugging Face gives it.
//!
//! Look first at [`tojson`]. Unlike Jinja's own filter this one escapes nothing for HTML.

use super::super::budget::{Budget, Text};
use super::super::error::{Fault, Run};
use super::super::value::{Dict, Items, Value, print};
use super::args::{Args, flag, given, int, text};
use super::sort;
use std::sync::Arc;

/// `value|tojson(ensure_ascii, indent, separators, sort_keys)`.
pub(super) fn tojson(value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    let [ascii, indent, separators, sort] =
        args.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let indent = match given(indent) {
        None => None,
        Some(Value::Text(indent)) => Some(indent),
        Some(n) => {
            let n = usize::try_from(int(&n)?).unwrap_or(0);
            budget.allocate(n)?;
            Some(" ".repeat(n).into())
        }
    };
    let (between, after_key) = match given(separators) {
        None => (if indent.is_some() { "," } else { ", " }.into(), ": ".into()),
        Some(pair) => match &*pair.iterate(budget)? as &[Value] {
            [between, after_key] => (Arc::clone(text(between)?), Arc::clone(text(after_key)?)),
            _ => return Err(Fault::evaluation("'separators' are two texts")),
        },
    };
    let (ascii, sort) = (flag(ascii.as_ref()), flag(sort.as_ref()));
    let mut writer = Writer { indent, between, after_key, ascii, sort, depth: 0, out: Text::default() };
    writer.write(value, budget)?;
    Value::text(writer.out.into_string(), budget)
}

struct Writer {
    indent: Option<Arc<str>>,
    between: Arc<str>,
    after_key: Arc<str>,
    ascii: bool,
    sort: bool,
    depth: usize,
    out: Text,
}

impl Writer {
    fn write(&mut self, value: &Value, budget: &mut Budget) -> Run<()> {
        budget.steps(1)?;
        match value {
            Value::None => self.out.push("null", budget),
            Value::Bool(b) => self.out.push(if *b { "true" } else { "false" }, budget),
            Value::Int(n) => self.out.push(&n.to_string(), budget),
            Value::Float(x) => self.out.push(&float(*x), budget),
            Value::Text(text) | Value::Safe(text) => self.quoted(text, budget),
            Value::List(items) | Value::Tuple(items) => self.list(items, budget),
            Value::Dict(dict) => self.dict(dict, budget),
            Value::Undefined(missing) => Err(missing.fault()),
            other => Err(Fault::evaluation(format!("'{}' cannot be written as JSON", other.type_name()))),
        }
    }

    fn list(&mut self, items: &Items, budget: &mut Budget) -> Run<()> {
        self.out.push("[", budget)?;
        self.depth += 1;
        for (i, item) in items.iter().enumerate() {
            self.next(i, budget)?;
            self.write(item, budget)?;
        }
        self.close("]", items.is_empty(), budget)
    }

    fn dict(&mut self, dict: &Dict, budget: &mut Budget) -> Run<()> {
        self.out.push("{", budget)?;
        self.depth += 1;
        budget.allocate_many(dict.entries().len(), 3 * size_of::<Value>())?;
        let mut entries: Vec<&(Value, Value)> = dict.entries().iter().collect();
        if self.sort {
            entries = sort::by_keys(entries.into_iter().map(|e| (vec![e.0.clone()], e)).collect(), false, budget)?;
        }
        for (i, (key, value)) in entries.into_iter().enumerate() {
            self.next(i, budget)?;
            let key = match key {
                Value::Text(text) | Value::Safe(text) => Arc::clone(text),
                Value::None => "null".into(),
                Value::Bool(b) => b.to_string().into(),
                Value::Float(x) => float(*x).into(),
                Value::Int(n) => n.to_string().into(),
                other => {
                    let what = format!("'{}' cannot be a key in JSON", other.type_name());
                    return Err(Fault::evaluation(what));
                }
            };
            self.quoted(&key, budget)?;
            self.out.push(&self.after_key, budget)?;
            self.write(value, budget)?;
        }
        self.close("}", dict.entries().is_empty(), budget)
    }

    /// What stands before item `i`.
    fn next(&mut self, i: usize, budget: &mut Budget) -> Run<()> {
        if i > 0 {
            self.out.push(&self.between, budget)?;
        }
        self.new_line(budget)
    }

    fn close(&mut self, sign: &str, empty: bool, budget: &mut Budget) -> Run<()> {
        self.depth -= 1;
        if !empty {
            self.new_line(budget)?;
        }
        self.out.push(sign, budget)
    }

    fn new_line(&mut self, budget: &mut Budget) -> Run<()> {
        let Some(indent) = &self.indent else { return Ok(()) };
        self.out.push("\n", budget)?;
        for _ in 0..self.depth {
            self.out.push(indent, budget)?;
        }
        Ok(())
    }

    fn quoted(&mut self, text: &str, budget: &mut Budget) -> Run<()> {
        self.out.push("\"", budget)?;
        for c in text.chars() {
            match c {
                '"' => self.out.push("\\\"", budget)?,
                '\\' => self.out.push("\\\\", budget)?,
                '\n' => self.out.push("\\n", budget)?,
                '\r' => self.out.push("\\r", budget)?,
                '\t' => self.out.push("\\t", budget)?,
                '\x08' => self.out.push("\\b", budget)?,
                '\x0c' => self.out.push("\\f", budget)?,
                c if c < ' ' || (self.ascii && !(' '..='~').contains(&c)) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.out.push(&format!("\\u{unit:04x}"), budget)?;
                    }
                }
                c => self.out.push_char(c, budget)?,
            }
        }
        self.out.push("\"", budget)
    }
}

/// A float as Python's JSON has it.
fn float(x: f64) -> String {
    match x {
        x if x.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        x => print::float(x),
    }
}
