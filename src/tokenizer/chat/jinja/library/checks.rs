//! Tests: `value is name`.
//!
//! Look first at [`check`].

use super::super::budget::Budget;
use super::super::error::{Fault, Run, name as shown_name};
use super::super::value::compare::{contains, equal, order};
use super::super::value::number::{Operator, arithmetic};
use super::super::value::{Live, Value, print};
use super::args::Args;
use super::{case, percent};
use std::cmp::Ordering;

/// `value is name(args)`. Errors: no such test, wrong arguments, a value it does not work on.
pub(in super::super) fn check(name: &str, value: &Value, args: Args, budget: &mut Budget) -> Run<bool> {
    if let Some(answer) = compares(name, value, &args, budget)? {
        return Ok(answer);
    }
    args.bind(name, [])?;
    Ok(match name {
        "boolean" => matches!(value, Value::Bool(_)),
        "defined" => !matches!(value, Value::Undefined(_)),
        "escaped" => matches!(value, Value::Safe(_)),
        "even" => remainder(value, 2, budget)? == 0.0,
        "odd" => remainder(value, 2, budget)? == 1.0,
        "false" => matches!(value, Value::Bool(false)),
        "true" => matches!(value, Value::Bool(true)),
        "float" => matches!(value, Value::Float(_)),
        "integer" => matches!(value, Value::Int(_)),
        "number" => matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_)),
        "iterable" => match value {
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
            Value::Live(live) => matches!(live, Live::Generator(_) | Live::Loop(_)),
            _ => true,
        },
        "lower" | "upper" => {
            let text = print::to_text(value, budget)?;
            budget.scan(text.len())?;
            if name == "lower" { case::is_lower(&text) } else { case::is_upper(&text) }
        }
        "mapping" => matches!(value, Value::Dict(_)),
        "none" => matches!(value, Value::None),
        // Python's: it has a length and items by index or key. Text and dicts have; what is undefined has too.
        "sequence" => matches!(
            value,
            Value::Text(_)
                | Value::Safe(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Dict(_)
                | Value::Range(_)
                | Value::Undefined(_)
        ),
        "string" => matches!(value, Value::Text(_) | Value::Safe(_)),
        "undefined" => matches!(value, Value::Undefined(_)),
        "filter" | "test" => return Err(Fault::unsupported(format!("the test '{name}'"))),
        unknown => return Err(Fault::evaluation(format!("there is no test {}", shown_name(unknown)))),
    })
}

/// Tests that compare the value with another one; `None` for other tests.
fn compares(name: &str, value: &Value, args: &Args, budget: &mut Budget) -> Run<Option<bool>> {
    let other = || match &args.clone().bind(name, ["other"])? {
        [Some(other)] => Ok(other.clone()),
        [None] => Err(Fault::evaluation(format!("the test '{name}' takes a value to compare with"))),
    };
    let ordered = |wanted: fn(Ordering) -> bool, budget: &mut Budget| {
        Ok::<_, Box<Fault>>(order(value, &other()?, budget)?.is_some_and(wanted))
    };
    Ok(Some(match name {
        "eq" | "==" | "equalto" => equal(value, &other()?, budget)?,
        "ne" | "!=" => !equal(value, &other()?, budget)?,
        "lt" | "<" | "lessthan" => ordered(Ordering::is_lt, budget)?,
        "le" | "<=" => ordered(Ordering::is_le, budget)?,
        "gt" | ">" | "greaterthan" => ordered(Ordering::is_gt, budget)?,
        "ge" | ">=" => ordered(Ordering::is_ge, budget)?,
        "in" => contains(&other()?, value, budget)?,
        "divisibleby" => {
            let rest = modulo(value, &other()?, budget)?;
            equal(&rest, &Value::Int(0), budget)?
        }
        "sameas" => same(value, &other()?)?,
        _ => return Ok(None),
    }))
}

/// Is it the same object? Python has one `None`, `True` and `False`; of other values it depends on more than the value.
fn same(a: &Value, b: &Value) -> Run<bool> {
    let one_of_its_kind = |value: &Value| matches!(value, Value::None | Value::Bool(_));
    match (a, b) {
        (Value::None, Value::None) => Ok(true),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (a, b) if one_of_its_kind(a) || one_of_its_kind(b) => Ok(false),
        _ => Err(Fault::unsupported("'sameas' with something other than none, true, false")),
    }
}

fn remainder(value: &Value, by: i64, budget: &mut Budget) -> Run<f64> {
    Ok(match modulo(value, &Value::Int(by), budget)? {
        Value::Float(rest) => rest,
        Value::Int(rest) => rest as f64,
        _ => f64::NAN,
    })
}

/// `value % by`, which for text puts `by` into it.
fn modulo(value: &Value, by: &Value, budget: &mut Budget) -> Run<Value> {
    match value {
        Value::Text(text) => percent::format(text, by, budget),
        value => arithmetic(Operator::Remainder, value, by, budget),
    }
}
