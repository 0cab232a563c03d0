//! Arguments of calls, and how they find the parameters of what is called.

use super::super::budget::Budget;
use super::super::error::{Fault, Run, name as shown_name};
use super::super::value::number::Number;
use super::super::value::{Value, access, print};
use std::sync::Arc;

/// The arguments of one call.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Args {
    pub(in super::super) positional: Vec<Value>,
    pub(in super::super) named: Vec<(Arc<str>, Value)>,
}

impl Args {
    /// The values of the parameters `names` of `of`. Errors: more arguments than those, or one twice.
    pub(in super::super) fn bind<const N: usize>(self, of: &str, names: [&str; N]) -> Run<[Option<Value>; N]> {
        let mut bound = [const { None }; N];
        let given = self.positional.len();
        if given > N {
            return Err(Fault::evaluation(format!("{} takes at most {N} arguments, not {given}", shown_name(of))));
        }
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            match names.iter().position(|known| **known == *name) {
                Some(at) if bound[at].is_none() => bound[at] = Some(value),
                Some(_) => {
                    let what = format!("{} got the argument {} twice", shown_name(of), shown_name(&name));
                    return Err(Fault::evaluation(what));
                }
                None => {
                    let what = format!("{} has no argument {}", shown_name(of), shown_name(&name));
                    return Err(Fault::evaluation(what));
                }
            }
        }
        Ok(bound)
    }
}

/// A whole number as argument. Errors: it is of another type.
pub(super) fn int(value: &Value) -> Run<i64> {
    match Number::of(value.defined()?) {
        Some(Number::Int(n)) => Ok(n),
        _ => Err(Fault::evaluation(format!("expected a whole number, found '{}'", value.type_name()))),
    }
}

/// Text as argument. Errors: it is of another type.
pub(super) fn text(value: &Value) -> Run<&Arc<str>> {
    match value.defined()? {
        Value::Text(text) => Ok(text),
        other => Err(Fault::evaluation(format!("expected text, found '{}'", other.type_name()))),
    }
}

/// `value` as text, as filters take it: what is no text is printed. Errors: text marked as safe.
pub(super) fn soft_text(value: &Value, budget: &mut Budget) -> Run<Arc<str>> {
    match value {
        Value::Safe(_) => Err(Fault::unsupported("this filter on text marked as safe")),
        value => print::to_text(value, budget),
    }
}

/// An argument that is true or false.
pub(super) fn flag(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_true)
}

/// An argument that was given and is not `none`.
pub(super) fn given(value: Option<Value>) -> Option<Value> {
    value.filter(|value| !matches!(value, Value::None))
}

/// Where to find something in an item: `'a.b.0'`.
#[derive(Debug)]
pub(in super::super) struct Path {
    keys: Vec<Value>,
}

/// The path that an argument `attribute` names.
pub(in super::super) fn path(attribute: &Value, budget: &mut Budget) -> Run<Path> {
    if let Value::Text(text) = attribute {
        budget.allocate_many(1 + text.matches('.').count(), 2 * size_of::<Value>())?;
        budget.scan(text.len())?;
    }
    let keys = match attribute {
        Value::Text(text) => text
            .split('.')
            .map(|part| match part.parse::<i64>() {
                Ok(n) if part.bytes().all(|c| c.is_ascii_digit()) => Value::Int(n),
                _ => Value::Text(part.into()),
            })
            .collect(),
        Value::Int(n) => vec![Value::Int(*n)],
        other => {
            let what = format!("the name of an attribute is text or a number, not '{}'", other.type_name());
            return Err(Fault::evaluation(what));
        }
    };
    Ok(Path { keys })
}

impl Path {
    /// What is found in `item`; `default` where something on the way is undefined.
    pub(in super::super) fn follow(&self, item: &Value, default: Option<&Value>, budget: &mut Budget) -> Run<Value> {
        let mut value = item.clone();
        for key in &self.keys {
            value = access::item(&value, key, budget)?;
            if let (Value::Undefined(_), Some(default)) = (&value, default) {
                value = default.clone();
            }
        }
        Ok(value)
    }
}
