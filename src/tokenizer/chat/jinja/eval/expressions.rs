//! Expressions.

use super::super::ast::{Comparison, Expr, ExprKind, Suffix, SuffixKind};
use super::super::budget::Text;
use super::super::error::{Fault, Run};
use super::super::library::percent;
use super::super::value::compare::{contains, equal, order};
use super::super::value::number::{Number, Operator, arithmetic};
use super::super::value::{Live, Missing, Value, access, print};
use super::Interpreter;

impl<'t> Interpreter<'t> {
    /// The value of an expression.
    pub(super) fn eval(&mut self, expr: &'t Expr) -> Run<Value> {
        let value = match self.budget.enter() {
            Ok(()) => self.eval_kind(&expr.kind),
            Err(fault) => Err(fault),
        };
        self.budget.leave();
        value.map_err(|fault| fault.at(expr.at))
    }

    // Each kind has a function of its own: one large one would make every step of the recursion take its whole frame.
    fn eval_kind(&mut self, kind: &'t ExprKind) -> Run<Value> {
        match kind {
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::Name(name) => self.lookup(name),
            ExprKind::List(items) => {
                let items = self.eval_all(items)?;
                Value::list(items, &mut self.budget)
            }
            ExprKind::Tuple(items) => {
                let items = self.eval_all(items)?;
                Value::tuple(items, &mut self.budget)
            }
            ExprKind::Dict(entries) => self.eval_dict(entries),
            ExprKind::Conditional(branches, otherwise) => self.eval_conditional(branches, otherwise.as_deref()),
            ExprKind::Or(operands) => self.eval_until(operands, true),
            ExprKind::And(operands) => self.eval_until(operands, false),
            ExprKind::Not(operand) => Ok(Value::Bool(!self.eval(operand)?.is_true())),
            ExprKind::Compare(first, rest) => self.eval_comparison(first, rest),
            ExprKind::Arithmetic(first, rest) => self.eval_arithmetic(first, rest),
            ExprKind::Concat(operands) => self.eval_concat(operands),
            ExprKind::Negative(operand) => {
                let value = self.eval(operand)?;
                negative(&value)
            }
            ExprKind::Positive(operand) => {
                let value = self.eval(operand)?;
                positive(&value)
            }
            ExprKind::Suffixed(base, suffixes) => {
                let mut value = self.eval(base)?;
                for suffix in suffixes {
                    value = self.suffix(value, suffix).map_err(|fault| fault.at(suffix.at))?;
                }
                Ok(value)
            }
        }
    }

    pub(super) fn eval_all(&mut self, exprs: &'t [Expr]) -> Run<Vec<Value>> {
        exprs.iter().map(|expr| self.eval(expr)).collect()
    }

    fn eval_dict(&mut self, entries: &'t [(Expr, Expr)]) -> Run<Value> {
        let mut values = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            values.push((self.eval(key)?, self.eval(value)?));
        }
        Value::dict(values, &mut self.budget)
    }

    fn eval_conditional(&mut self, branches: &'t [(Expr, Expr)], otherwise: Option<&'t Expr>) -> Run<Value> {
        for (condition, value) in branches {
            if self.eval(condition)?.is_true() {
                return self.eval(value);
            }
        }
        match otherwise {
            Some(value) => self.eval(value),
            None => Ok(Value::Undefined(Missing::Other("the condition of an 'if' without 'else' does not hold"))),
        }
    }

    /// `or` and `and`: the first operand whose truth decides, or the last one.
    fn eval_until(&mut self, operands: &'t [Expr], decides: bool) -> Run<Value> {
        let mut value = Value::None;
        for operand in operands {
            value = self.eval(operand)?;
            if value.is_true() == decides {
                break;
            }
        }
        Ok(value)
    }

    fn eval_comparison(&mut self, first: &'t Expr, rest: &'t [(u32, Comparison, Expr)]) -> Run<Value> {
        let mut left = self.eval(first)?;
        for (at, comparison, right) in rest {
            let right = self.eval(right)?;
            if !self.compare(*comparison, &left, &right).map_err(|fault| fault.at(*at))? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn compare(&mut self, comparison: Comparison, left: &Value, right: &Value) -> Run<bool> {
        let budget = &mut self.budget;
        Ok(match comparison {
            Comparison::Equal => equal(left, right, budget)?,
            Comparison::NotEqual => !equal(left, right, budget)?,
            Comparison::Less => order(left, right, budget)?.is_some_and(|order| order.is_lt()),
            Comparison::LessOrEqual => order(left, right, budget)?.is_some_and(|order| order.is_le()),
            Comparison::Greater => order(left, right, budget)?.is_some_and(|order| order.is_gt()),
            Comparison::GreaterOrEqual => order(left, right, budget)?.is_some_and(|order| order.is_ge()),
            Comparison::In | Comparison::NotIn => {
                let container = self.settle(right.clone())?;
                contains(&container, left, &mut self.budget)? == (comparison == Comparison::In)
            }
        })
    }

    fn eval_arithmetic(&mut self, first: &'t Expr, rest: &'t [(u32, Operator, Expr)]) -> Run<Value> {
        let mut left = self.eval(first)?;
        for (at, operator, right) in rest {
            let right = self.eval(right)?;
            left = match (operator, &left) {
                (Operator::Remainder, Value::Text(format)) => percent::format(format, &right, &mut self.budget),
                _ => arithmetic(*operator, &left, &right, &mut self.budget),
            }
            .map_err(|fault| fault.at(*at))?;
        }
        Ok(left)
    }

    fn eval_concat(&mut self, operands: &'t [Expr]) -> Run<Value> {
        let mut text = Text::default();
        for operand in operands {
            let value = self.eval(operand)?;
            print::write(&value, &mut text, &mut self.budget).map_err(|fault| fault.at(operand.at))?;
        }
        Value::text(text.into_string(), &mut self.budget)
    }

    fn suffix(&mut self, value: Value, suffix: &'t Suffix) -> Run<Value> {
        self.budget.steps(1)?;
        match &suffix.kind {
            SuffixKind::Attribute(name) => match &value {
                Value::Live(live) => self.live_attribute(live, name),
                value => access::attribute(value, name, &mut self.budget),
            },
            SuffixKind::Item(key) => {
                let key = self.eval(key)?;
                match (&value, &key) {
                    (Value::Live(live), Value::Text(name)) => self.live_attribute(live, name),
                    (value, key) => access::item(value, key, &mut self.budget),
                }
            }
            SuffixKind::Slice(bounds) => self.slice(&value, bounds),
            SuffixKind::Call(arguments) => {
                let args = self.arguments(arguments)?;
                self.call(value, args)
            }
            SuffixKind::Filter(name, arguments) => {
                let args = self.arguments(arguments)?;
                self.filter(name, value, args)
            }
            SuffixKind::Test { name, arguments, negated } => {
                let args = self.arguments(arguments)?;
                Ok(Value::Bool(self.test(name, &value, args)? != *negated))
            }
        }
    }

    fn slice(&mut self, value: &Value, bounds: &'t [Option<Expr>; 3]) -> Run<Value> {
        let mut values = [Value::None, Value::None, Value::None];
        for (value, bound) in values.iter_mut().zip(bounds) {
            if let Some(bound) = bound {
                *value = self.eval(bound)?;
            }
        }
        let [start, stop, step] = &values;
        access::slice(value, [start, stop, step], &mut self.budget)
    }

    /// A call as [`eval`](Self::eval) does it, with one more argument: the body of a `call` block.
    pub(super) fn eval_call_with(&mut self, expr: &'t Expr, caller: Value) -> Run<Value> {
        let ExprKind::Suffixed(base, suffixes) = &expr.kind else {
            return Err(Fault::evaluation("this is no call").at(expr.at));
        };
        let mut value = self.eval(base)?;
        for (i, suffix) in suffixes.iter().enumerate() {
            let result = match &suffix.kind {
                SuffixKind::Call(arguments) if i + 1 == suffixes.len() => {
                    let mut args = self.arguments(arguments)?;
                    args.named.push(("caller".into(), caller.clone()));
                    self.call(value, args)
                }
                _ => self.suffix(value, suffix),
            };
            value = result.map_err(|fault| fault.at(suffix.at))?;
        }
        Ok(value)
    }
}

fn negative(value: &Value) -> Run<Value> {
    match Number::of(value.defined()?) {
        Some(Number::Int(n)) => n.checked_neg().map(Value::Int).ok_or_else(Fault::overflow),
        Some(Number::Float(x)) => Ok(Value::Float(-x)),
        None => Err(Fault::evaluation(format!("'-' does not work on '{}'", value.type_name()))),
    }
}

fn positive(value: &Value) -> Run<Value> {
    match Number::of(value.defined()?) {
        Some(Number::Int(n)) => Ok(Value::Int(n)),
        Some(Number::Float(x)) => Ok(Value::Float(x)),
        None => Err(Fault::evaluation(format!("'+' does not work on '{}'", value.type_name()))),
    }
}

/// Is the value something that can be called? What is undefined says yes in Jinja.
pub(super) fn is_callable(value: &Value) -> bool {
    matches!(
        value,
        Value::Undefined(_)
            | Value::Live(Live::Macro(..) | Live::Function(_) | Live::Method(_) | Live::Joiner(_) | Live::Loop(_))
    )
}
