//! Statements.

use super::super::ast::{Expr, Statement, Suffix, SuffixKind, Target, TargetKind};
use super::super::budget::Text;
use super::super::error::{Fault, Run, name as shown_name};
use super::super::library::Args;
use super::super::value::{Live, Value, print};
use super::Interpreter;
use std::sync::Arc;

/// How a block ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl<'t> Interpreter<'t> {
    /// Runs statements one after the other, up to a `break` or `continue`.
    pub(super) fn run_all(&mut self, body: &'t [Statement]) -> Run<Flow> {
        self.budget.enter()?;
        for statement in body {
            let flow = self.run_one(statement)?;
            if flow != Flow::Next {
                self.budget.leave();
                return Ok(flow);
            }
        }
        self.budget.leave();
        Ok(Flow::Next)
    }

    fn run_one(&mut self, statement: &'t Statement) -> Run<Flow> {
        self.budget.steps(1)?;
        match statement {
            Statement::Text(at, text) => self.write(text).map_err(|fault| fault.at(*at))?,
            Statement::Print(expr) => self.print(expr)?,
            Statement::If { branches, otherwise } => return self.run_if(branches, otherwise),
            Statement::For(for_) => return self.run_for(for_),
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Set(target, expr) => {
                let value = self.eval(expr)?;
                self.assign(target, value)?;
            }
            Statement::SetBlock(target, filters, body) => self.set_block(target, filters, body)?,
            Statement::With(assigned, body) => return self.run_with(assigned, body),
            Statement::FilterBlock(filters, body) => {
                let text = self.captured(body)?;
                let text = self.filtered(text, filters)?;
                self.print_value(&text)?;
            }
            Statement::Macro(index) => {
                let ast = self.ast;
                self.assign_name(&ast.macros[*index].name, Value::Live(Live::Macro(*index, self.scope)))?;
            }
            Statement::Call(index, call) => self.run_call(*index, call)?,
            Statement::Generation(body) => {
                let back = self.open(self.scope);
                self.run_all(body)?;
                self.close(back);
            }
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, expr: &'t Expr) -> Run<()> {
        let value = self.eval(expr)?;
        self.print_value(&value).map_err(|fault| fault.at(expr.at))
    }

    fn print_value(&mut self, value: &Value) -> Run<()> {
        match value {
            Value::Text(text) | Value::Safe(text) => self.write(text),
            other => {
                let mut text = Text::default();
                print::write(other, &mut text, &mut self.budget)?;
                self.write(text.as_str())
            }
        }
    }

    fn run_if(&mut self, branches: &'t [(Expr, Vec<Statement>)], otherwise: &'t [Statement]) -> Run<Flow> {
        for (condition, body) in branches {
            if self.eval(condition)?.is_true() {
                return self.run_all(body);
            }
        }
        self.run_all(otherwise)
    }

    fn run_with(&mut self, assigned: &'t [(Target, Expr)], body: &'t [Statement]) -> Run<Flow> {
        let values = assigned.iter().map(|(_, expr)| self.eval(expr)).collect::<Run<Vec<_>>>()?;
        let back = self.open(self.scope);
        for ((target, _), value) in assigned.iter().zip(values) {
            self.assign(target, value)?;
        }
        let flow = self.run_all(body)?;
        self.close(back);
        Ok(flow)
    }

    fn set_block(&mut self, target: &'t Target, filters: &'t [Suffix], body: &'t [Statement]) -> Run<()> {
        let text = self.captured(body)?;
        let text = self.filtered(text, filters)?;
        self.assign(target, text)
    }

    fn run_call(&mut self, index: usize, call: &'t Expr) -> Run<()> {
        let caller = Value::Live(Live::Macro(index, self.scope));
        let value = self.eval_call_with(call, caller)?;
        self.print_value(&value).map_err(|fault| fault.at(call.at))
    }

    /// What a block prints, as a text, run in a scope of its own.
    pub(super) fn captured(&mut self, body: &'t [Statement]) -> Run<Value> {
        let back = self.open(self.scope);
        self.captures.push(Text::default());
        self.run_all(body)?;
        self.close(back);
        let text = self.captures.pop().unwrap_or_default();
        Value::text(text.into_string(), &mut self.budget)
    }

    fn filtered(&mut self, mut value: Value, filters: &'t [Suffix]) -> Run<Value> {
        for filter in filters {
            if let SuffixKind::Filter(name, arguments) = &filter.kind {
                let args: Args = self.arguments(arguments)?;
                value = self.filter(name, value, args).map_err(|fault| fault.at(filter.at))?;
            }
        }
        Ok(value)
    }

    /// Assigns a value to what stands left of `=` or `in`.
    pub(super) fn assign(&mut self, target: &'t Target, value: Value) -> Run<()> {
        self.assign_to(target, value).map_err(|fault| fault.at(target.at))
    }

    fn assign_to(&mut self, target: &'t Target, value: Value) -> Run<()> {
        match &target.kind {
            TargetKind::Name(name) => self.assign_name(name, value),
            TargetKind::Attribute(name, attribute) => match self.lookup(name)? {
                Value::Live(Live::Namespace(id)) => self.set_attribute(id, attribute, value),
                _ => {
                    let what = format!("{} is no namespace, so nothing can be set in it", shown_name(name));
                    Err(Fault::evaluation(what))
                }
            },
            TargetKind::Tuple(targets) => {
                let items = Arc::clone(&self.items(value.defined()?)?);
                if items.len() != targets.len() {
                    let what = format!("{} values for {} names", items.len(), targets.len());
                    return Err(Fault::evaluation(what));
                }
                for (target, item) in targets.iter().zip(items.iter()) {
                    self.assign(target, item.clone())?;
                }
                Ok(())
            }
        }
    }
}
