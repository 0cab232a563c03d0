//! Operators, from the one that binds least to the one that binds most.
//!
//! Look first at `conditional`: each function takes operands of the next one. Not here: single values and what stands
//! behind them (`operands`).

use super::super::ast::{Comparison, Expr, ExprKind};
use super::super::error::Run;
use super::super::value::number::Operator;
use super::super::words::Kind;
use super::Parser;

impl Parser<'_> {
    /// Any expression.
    pub(super) fn expression(&mut self) -> Run<Expr> {
        self.deeper(|parser| parser.conditional())
    }

    /// Expressions up to the end of a tag or bracket; with a comma they are a tuple. Without `conditional` an `if` behind
    /// them is not part of them.
    pub(super) fn tuple(&mut self, conditional: bool, may_be_empty: bool) -> Run<Expr> {
        let at = self.at();
        let mut items = Vec::new();
        let mut is_tuple = false;
        while !(self.ends_a_tuple() || (!conditional && self.is_name("recursive"))) {
            items.push(if conditional { self.expression()? } else { self.deeper(|parser| parser.or())? });
            if !self.take_sign(",") {
                break;
            }
            is_tuple = true;
        }
        match items.pop() {
            Some(only) if !is_tuple => Ok(only),
            None if !may_be_empty => self.unexpected("an expression"),
            last => {
                items.extend(last);
                Ok(Expr { at, kind: ExprKind::Tuple(items) })
            }
        }
    }

    fn ends_a_tuple(&self) -> bool {
        matches!(self.kind(), Kind::PrintEnd | Kind::StatementEnd | Kind::Sign(")") | Kind::End)
    }

    /// `value if condition else other`; `other` may be conditional again, and so on.
    fn conditional(&mut self) -> Run<Expr> {
        let at = self.at();
        let mut value = self.or()?;
        let mut branches = Vec::new();
        while self.take_name("if") {
            branches.push((self.or()?, value));
            if !self.take_name("else") {
                if self.is_name("if") {
                    return self.unexpected("'else' before the next 'if'");
                }
                return Ok(Expr { at, kind: ExprKind::Conditional(branches, None) });
            }
            value = self.or()?;
        }
        if branches.is_empty() {
            return Ok(value);
        }
        Ok(Expr { at, kind: ExprKind::Conditional(branches, Some(Box::new(value))) })
    }

    pub(super) fn or(&mut self) -> Run<Expr> {
        let (at, first) = (self.at(), self.and()?);
        if !self.is_name("or") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.take_name("or") {
            items.push(self.and()?);
        }
        Ok(Expr { at, kind: ExprKind::Or(items) })
    }

    fn and(&mut self) -> Run<Expr> {
        let (at, first) = (self.at(), self.not()?);
        if !self.is_name("and") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.take_name("and") {
            items.push(self.not()?);
        }
        Ok(Expr { at, kind: ExprKind::And(items) })
    }

    fn not(&mut self) -> Run<Expr> {
        let at = self.at();
        if self.take_name("not") {
            let inner = self.deeper(|parser| parser.not())?;
            return Ok(Expr { at, kind: ExprKind::Not(Box::new(inner)) });
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Run<Expr> {
        let (at, first) = (self.at(), self.sum()?);
        let mut rest = Vec::new();
        loop {
            let at = self.at();
            let comparison = match self.kind() {
                Kind::Sign("==") => Comparison::Equal,
                Kind::Sign("!=") => Comparison::NotEqual,
                Kind::Sign("<") => Comparison::Less,
                Kind::Sign("<=") => Comparison::LessOrEqual,
                Kind::Sign(">") => Comparison::Greater,
                Kind::Sign(">=") => Comparison::GreaterOrEqual,
                Kind::Name("in") => Comparison::In,
                Kind::Name("not") if matches!(self.kind_after(), Kind::Name("in")) => {
                    self.advance();
                    Comparison::NotIn
                }
                _ => break,
            };
            self.advance();
            rest.push((at, comparison, self.sum()?));
        }
        Ok(if rest.is_empty() { first } else { Expr { at, kind: ExprKind::Compare(Box::new(first), rest) } })
    }

    fn sum(&mut self) -> Run<Expr> {
        self.operators(&[("+", Operator::Add), ("-", Operator::Subtract)], Self::concat)
    }

    fn concat(&mut self) -> Run<Expr> {
        let (at, first) = (self.at(), self.product()?);
        if !self.is_sign("~") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.take_sign("~") {
            items.push(self.product()?);
        }
        Ok(Expr { at, kind: ExprKind::Concat(items) })
    }

    fn product(&mut self) -> Run<Expr> {
        let operators = [
            ("*", Operator::Multiply),
            ("/", Operator::Divide),
            ("//", Operator::FloorDivide),
            ("%", Operator::Remainder),
        ];
        self.operators(&operators, |parser| parser.operators(&[("**", Operator::Power)], |parser| parser.unary(true)))
    }

    /// Operators of one precedence, from left to right. (In Jinja that is also true of `**`.)
    fn operators(&mut self, operators: &[(&str, Operator)], operand: impl Fn(&mut Self) -> Run<Expr>) -> Run<Expr> {
        let (at, first) = (self.at(), operand(self)?);
        let mut rest = Vec::new();
        while let Some(&(_, operator)) = operators.iter().find(|(sign, _)| self.is_sign(sign)) {
            let at = self.at();
            self.advance();
            rest.push((at, operator, operand(self)?));
        }
        Ok(if rest.is_empty() { first } else { Expr { at, kind: ExprKind::Arithmetic(Box::new(first), rest) } })
    }
}
