//! `==`, `<` and `in`, as Python has them.
//!
//! Look first at [`equal`]. Every pair that is compared is a step of the budget: two small values that share their parts
//! many times over take as long as what they stand for, and so end.

use super::super::budget::Budget;
use super::super::error::{Fault, Run};
use super::number::Number;
use super::{Dict, Live, Value, View};
use std::cmp::Ordering;

/// `left == right`.
pub(in super::super) fn equal(left: &Value, right: &Value, budget: &mut Budget) -> Run<bool> {
    budget.steps(1)?;
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return Ok(a.order(b) == Some(Ordering::Equal));
    }
    Ok(match (left, right) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::Text(a) | Value::Safe(a), Value::Text(b) | Value::Safe(b)) => {
            budget.scan(a.len().min(b.len()))?;
            a == b
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => all_equal(a, b, budget)?,
        (Value::Dict(a), Value::Dict(b)) => dicts_equal(a, b, budget)?,
        (Value::Range(a), Value::Range(b)) => {
            a.len == b.len && (a.len == 0 || a.start == b.start) && (a.len < 2 || a.step == b.step)
        }
        (Value::View(View::Values, a), Value::View(View::Values, b)) => std::sync::Arc::ptr_eq(a, b),
        (Value::View(..), Value::View(..)) => return Err(Fault::unsupported("comparing two views of dicts")),
        (Value::Live(a), Value::Live(b)) => lives_equal(a, b)?,
        _ => false,
    })
}

fn all_equal(a: &[Value], b: &[Value], budget: &mut Budget) -> Run<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        if !equal(a, b, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn dicts_equal(a: &Dict, b: &Dict, budget: &mut Budget) -> Run<bool> {
    if a.entries().len() != b.entries().len() {
        return Ok(false);
    }
    for (key, value) in a.entries() {
        match b.get(key, budget)? {
            Some(other) if equal(value, other, budget)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn lives_equal(a: &Live, b: &Live) -> Run<bool> {
    Ok(match (a, b) {
        (Live::Namespace(a), Live::Namespace(b)) | (Live::Loop(a), Live::Loop(b)) => a == b,
        (Live::Generator(a), Live::Generator(b)) | (Live::Cycler(a), Live::Cycler(b)) => a == b,
        (Live::Macro(a, _), Live::Macro(b, _)) => a == b,
        (Live::Function(a), Live::Function(b)) => a == b,
        (Live::Method(_), Live::Method(_)) => return Err(Fault::unsupported("comparing two methods")),
        _ => false,
    })
}

/// Which of two values is larger; `None` where neither is, beside NaN. Errors: types without an order.
pub(in super::super) fn order(left: &Value, right: &Value, budget: &mut Budget) -> Run<Option<Ordering>> {
    budget.steps(1)?;
    let (left, right) = (left.defined()?, right.defined()?);
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return Ok(a.order(b));
    }
    match (left, right) {
        (Value::Text(a) | Value::Safe(a), Value::Text(b) | Value::Safe(b)) => {
            budget.scan(a.len().min(b.len()))?;
            Ok(Some(a.cmp(b))) // UTF-8 sorts as its code points do
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal(a, b, budget)? {
                    return order(a, b, budget);
                }
            }
            Ok(Some(a.len().cmp(&b.len())))
        }
        (Value::View(..), Value::View(..)) => Err(Fault::unsupported("comparing two views of dicts")),
        _ => {
            let (left, right) = (left.type_name(), right.type_name());
            Err(Fault::evaluation(format!("'{left}' and '{right}' have no order")))
        }
    }
}

/// `value in container`.
pub(in super::super) fn contains(container: &Value, value: &Value, budget: &mut Budget) -> Run<bool> {
    match container {
        Value::Text(text) | Value::Safe(text) => match value {
            Value::Text(part) | Value::Safe(part) => {
                budget.scan(text.len())?;
                Ok(text.contains(&**part))
            }
            other => {
                other.defined()?;
                let what = format!("'in' looks for text in text, not for '{}'", other.type_name());
                Err(Fault::evaluation(what))
            }
        },
        Value::Dict(dict) | Value::View(View::Keys, dict) => Ok(dict.get(value, budget)?.is_some()),
        Value::Undefined(_) => Ok(false),
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Live(_) => {
            let what = format!("'in' does not work on '{}', which has no items", container.type_name());
            Err(Fault::evaluation(what))
        }
        sequence => {
            for item in sequence.iterate(budget)?.iter() {
                if equal(item, value, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}
