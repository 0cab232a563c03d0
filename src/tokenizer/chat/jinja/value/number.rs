//! Arithmetic with Python's rules, on numbers, text and lists.
//!
//! Look first at [`arithmetic`]. Whole numbers have 64 bits: where Python's would grow beyond, the result is an error.
//! `//` rounds down and `%` has the sign of its right side.
//!
//! Not here: `%` as text formatting (`library::percent`).

use super::super::budget::Budget;
use super::super::error::{Fault, Run};
use super::Value;
use std::cmp::Ordering;

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

/// A number, with bools as whole numbers.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(in super::super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(Number::Int(i64::from(*b))),
            Value::Int(n) => Some(Number::Int(*n)),
            Value::Float(x) => Some(Number::Float(*x)),
            _ => None,
        }
    }

    pub(in super::super) fn float(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(x) => x,
        }
    }

    /// Which is larger, exactly; `None` beside NaN.
    pub(in super::super) fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
            (Number::Float(_), Number::Int(_)) => other.order(self).map(Ordering::reverse),
            (Number::Int(a), Number::Float(b)) => {
                // Beyond 2⁶³ the sign decides; below, the whole part does, then the fraction.
                if b.is_nan() || b.abs() >= 9_223_372_036_854_775_808.0 {
                    return 0.0.partial_cmp(&b);
                }
                Some(a.cmp(&(b.trunc() as i64)).then_with(|| 0.0.partial_cmp(&b.fract()).unwrap_or(Ordering::Equal)))
            }
        }
    }
}

fn by_zero() -> Box<Fault> {
    Fault::evaluation("division by zero")
}

/// `left operator right`. Errors: types that do not go together, division by zero, a result that is too large.
pub(in super::super) fn arithmetic(operator: Operator, left: &Value, right: &Value, budget: &mut Budget) -> Run<Value> {
    let (left, right) = (left.defined()?, right.defined()?);
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return match (a, b) {
            (Number::Int(a), Number::Int(b)) => ints(operator, a, b),
            _ => floats(operator, a.float(), b.float()).map(Value::Float),
        };
    }
    match (operator, left, right) {
        (_, Value::Safe(_), _) | (_, _, Value::Safe(_)) => {
            Err(Fault::unsupported(format!("'{}' with text marked as safe", sign(operator))))
        }
        (Operator::Add, Value::Text(a), Value::Text(b)) => {
            budget.allocate(a.len() + b.len())?;
            Ok(Value::Text([&**a, &**b].concat().into()))
        }
        (Operator::Add, Value::List(a), Value::List(b)) => {
            budget.allocate_many(a.len() + b.len(), size_of::<Value>())?;
            Value::list(a.iter().chain(b.iter()).cloned().collect(), budget)
        }
        (Operator::Add, Value::Tuple(a), Value::Tuple(b)) => {
            budget.allocate_many(a.len() + b.len(), size_of::<Value>())?;
            Value::tuple(a.iter().chain(b.iter()).cloned().collect(), budget)
        }
        (Operator::Multiply, value, Value::Int(_) | Value::Bool(_)) => repeat(value, right, budget),
        (Operator::Multiply, Value::Int(_) | Value::Bool(_), value) => repeat(value, left, budget),
        _ => Err(wrong_types(operator, left, right)),
    }
}

/// A sequence so many times over.
fn repeat(value: &Value, times: &Value, budget: &mut Budget) -> Run<Value> {
    let times = match Number::of(times) {
        Some(Number::Int(n)) => usize::try_from(n.max(0)).unwrap_or(usize::MAX),
        _ => 0,
    };
    match value {
        Value::Text(text) => {
            budget.allocate_many(text.len(), times)?;
            Ok(Value::Text(text.repeat(times).into()))
        }
        Value::List(items) | Value::Tuple(items) => {
            budget.allocate_many(items.len().saturating_mul(times), size_of::<Value>())?;
            let times = if items.is_empty() { 0 } else { times };
            let items = std::iter::repeat_n(items, times).flat_map(|items| items.iter().cloned()).collect();
            if matches!(value, Value::List(_)) { Value::list(items, budget) } else { Value::tuple(items, budget) }
        }
        other => Err(wrong_types(Operator::Multiply, other, &Value::Int(0))),
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::FloorDivide => "//",
        Operator::Remainder => "%",
        Operator::Power => "**",
    }
}

fn wrong_types(operator: Operator, left: &Value, right: &Value) -> Box<Fault> {
    let (left, right) = (left.type_name(), right.type_name());
    Fault::evaluation(format!("'{}' does not work on '{left}' and '{right}'", sign(operator)))
}

fn ints(operator: Operator, a: i64, b: i64) -> Run<Value> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => return floats(operator, a as f64, b as f64).map(Value::Float),
        Operator::FloorDivide | Operator::Remainder if b == 0 => return Err(by_zero()),
        // Rust rounds towards zero; Python rounds down, so that the remainder has the sign of `b`.
        Operator::FloorDivide => {
            a.checked_div(b).map(|n| if a.wrapping_rem(b) != 0 && (a < 0) != (b < 0) { n - 1 } else { n })
        }
        Operator::Remainder => {
            let rest = a.wrapping_rem(b);
            Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        }
        Operator::Power if b < 0 => return floats(operator, a as f64, b as f64).map(Value::Float),
        Operator::Power => match (a, u32::try_from(b)) {
            (0 | 1, _) => Some(if b == 0 { 1 } else { a }),
            (-1, _) => Some(if b % 2 == 0 { 1 } else { -1 }),
            (a, Ok(b)) => a.checked_pow(b),
            (_, Err(_)) => None,
        },
    };
    result.map(Value::Int).ok_or_else(Fault::overflow)
}

fn floats(operator: Operator, a: f64, b: f64) -> Run<f64> {
    let divides = matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Remainder);
    if b == 0.0 && divides || (operator == Operator::Power && a == 0.0 && b < 0.0) {
        return Err(by_zero());
    }
    Ok(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::FloorDivide => floor_divide(a, b).0,
        Operator::Remainder => floor_divide(a, b).1,
        Operator::Power => {
            if a < 0.0 && b.fract() != 0.0 && a.is_finite() && b.is_finite() {
                return Err(Fault::beyond("a negative number to a fraction is no real number"));
            }
            let power = a.powf(b);
            if power.is_infinite() && a.is_finite() && b.is_finite() {
                return Err(Fault::evaluation("the result is too large for a float"));
            }
            power
        }
    })
}

/// Quotient and remainder as Python's `float_divmod` computes them.
fn floor_divide(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 {
        if (b < 0.0) != (rest < 0.0) {
            rest += b;
            quotient -= 1.0;
        }
    } else {
        rest = 0.0_f64.copysign(b);
    }
    let mut floor = quotient.floor();
    if quotient == 0.0 {
        floor = 0.0_f64.copysign(a / b);
    } else if quotient - floor > 0.5 {
        floor += 1.0;
    }
    (floor, rest)
}
