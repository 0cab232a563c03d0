//! Methods of Python's types, by name.
//!
//! Look first at [`call`]. Methods that change their value are not here: see `value::access`.

use super::super::budget::Budget;
use super::super::error::{Fault, Run, name as shown_name};
use super::super::value::compare::equal;
use super::super::value::{Items, Value, View};
use super::args::{Args, int};
use super::text;
use std::sync::Arc;

/// `value.name(args)`. Errors: a method that is not here, wrong arguments.
pub(in super::super) fn call(value: &Value, name: &str, args: Args, budget: &mut Budget) -> Run<Value> {
    match value {
        Value::Text(subject) => text::call(subject, name, args, budget),
        Value::Dict(_) => of_dict(value, name, args, budget),
        Value::List(items) | Value::Tuple(items) => of_list(value, items, name, args, budget),
        Value::Float(x) if name == "is_integer" => {
            args.bind(name, [])?;
            Ok(Value::Bool(x.fract() == 0.0))
        }
        other => {
            let what = format!("the method {} of '{}'", shown_name(name), other.type_name());
            Err(Fault::unsupported(what))
        }
    }
}

fn of_dict(value: &Value, name: &str, args: Args, budget: &mut Budget) -> Run<Value> {
    let Value::Dict(dict) = value else { return Ok(Value::None) };
    let view = match name {
        "keys" => View::Keys,
        "values" => View::Values,
        "items" => View::Items,
        "get" => {
            let [Some(key), default] = args.bind(name, ["key", "default"])? else {
                return Err(Fault::evaluation("'get' takes a key"));
            };
            return Ok(dict.get(&key, budget)?.cloned().unwrap_or_else(|| default.unwrap_or(Value::None)));
        }
        "copy" => {
            args.bind(name, [])?;
            return Ok(value.clone());
        }
        _ => return Err(Fault::unsupported(format!("the method {} of 'dict'", shown_name(name)))),
    };
    args.bind(name, [])?;
    Ok(Value::View(view, Arc::clone(dict)))
}

fn of_list(value: &Value, items: &Items, name: &str, args: Args, budget: &mut Budget) -> Run<Value> {
    match name {
        "copy" => {
            args.bind(name, [])?;
            Ok(value.clone())
        }
        "count" => {
            let [Some(wanted)] = args.bind(name, ["value"])? else {
                return Err(Fault::evaluation("'count' takes a value"));
            };
            let mut n = 0;
            for item in items.iter() {
                n += i64::from(equal(item, &wanted, budget)?);
            }
            Ok(Value::Int(n))
        }
        "index" => {
            let [Some(wanted), start, stop] = args.bind(name, ["value", "start", "stop"])? else {
                return Err(Fault::evaluation("'index' takes a value"));
            };
            let bound = |bound: Option<Value>, default: usize| match bound {
                Some(bound) => {
                    let n = int(&bound)?;
                    let n = if n < 0 { n.saturating_add(items.len() as i64).max(0) } else { n };
                    Ok::<usize, Box<Fault>>(usize::try_from(n).unwrap_or(usize::MAX))
                }
                None => Ok(default),
            };
            let (start, stop) = (bound(start, 0)?, bound(stop, items.len())?);
            for (i, item) in items.iter().enumerate().take(stop).skip(start) {
                if equal(item, &wanted, budget)? {
                    return Ok(Value::Int(i as i64));
                }
            }
            Err(Fault::evaluation("the value is not in the list"))
        }
        _ => {
            let what = format!("the method {} of '{}'", shown_name(name), value.type_name());
            Err(Fault::unsupported(what))
        }
    }
}
