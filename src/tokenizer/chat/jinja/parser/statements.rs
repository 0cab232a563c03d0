//! Statements: `{% … %}` and what stands between them.

use super::super::ast::{Expr, ExprKind};
use super::super::ast::{For, Macro, Reads, Statement, Suffix, SuffixKind, Target, TargetKind};
use super::super::error::{Fault, Run, name};
use super::super::words::Kind;
use super::Parser;
use std::sync::Arc;

impl Parser<'_> {
    /// Statements up to `{% end`, where `end` is one of the given names; the parser then stands on that name. With no
    /// names: up to the end of the template.
    pub(super) fn statements(&mut self, ends: &[&str]) -> Run<Vec<Statement>> {
        let mut body = Vec::new();
        loop {
            let at = self.at();
            match self.advance() {
                Kind::Data(text) => body.push(Statement::Text(at, text.into())),
                Kind::PrintStart => {
                    body.push(Statement::Print(self.deeper(|parser| parser.tuple(true, false))?));
                    self.expect(Kind::PrintEnd)?;
                }
                Kind::StatementStart => {
                    if matches!(self.kind(), Kind::Name(found) if ends.contains(found)) {
                        return Ok(body);
                    }
                    let statement = self.deeper(|parser| parser.statement())?;
                    body.extend(statement);
                    self.expect(Kind::StatementEnd)?;
                }
                Kind::End if ends.is_empty() => return Ok(body),
                Kind::End => {
                    let ends = ends.join("' or '");
                    return Err(Fault::syntax(at, format!("the template ends where '{ends}' is expected")));
                }
                found => return Err(Fault::syntax(at, format!("unexpected {found}"))),
            }
        }
    }

    /// The body of a statement: behind its `%}` up to `end`.
    fn body(&mut self, ends: &[&str]) -> Run<Vec<Statement>> {
        self.take_sign(":");
        self.expect(Kind::StatementEnd)?;
        self.statements(ends)
    }

    /// The same where only one end is possible, which is taken.
    fn body_up_to(&mut self, end: &str) -> Run<Vec<Statement>> {
        let body = self.body(&[end])?;
        self.advance();
        Ok(body)
    }

    /// The body of what is not run in its place: a `break` in it has no loop.
    fn body_without_loop(&mut self, end: &str) -> Run<Vec<Statement>> {
        let loops = std::mem::take(&mut self.loops);
        let body = self.body_up_to(end)?;
        self.loops = loops;
        Ok(body)
    }

    /// One statement, from its name up to its last `%}`, which stays.
    fn statement(&mut self) -> Run<Vec<Statement>> {
        let at = self.at();
        let tag = self.expect_name("the name of a statement")?;
        let statement = match tag {
            "if" => self.if_()?,
            "for" => self.for_()?,
            "set" => self.set()?,
            "macro" => self.macro_()?,
            "call" => self.call()?,
            "filter" => {
                let filters = vec![self.filter()?];
                let filters = self.more_filters(filters)?;
                Statement::FilterBlock(filters, self.body_without_loop("endfilter")?)
            }
            "with" => self.with()?,
            "generation" => Statement::Generation(self.body_without_loop("endgeneration")?),
            "print" => return self.print(),
            "break" | "continue" if self.loops == 0 => {
                return Err(Fault::syntax(at, format!("'{tag}' stands in no loop")));
            }
            "break" => Statement::Break,
            "continue" => Statement::Continue,
            "include" | "import" | "from" | "extends" | "block" | "autoescape" | "do" | "trans" => {
                return Err(Fault::unsupported(format!("the statement '{tag}'")).at(at));
            }
            tag if tag.starts_with("end") || ["else", "elif"].contains(&tag) => {
                return Err(Fault::syntax(at, format!("{} ends nothing that is open here", name(tag))));
            }
            tag => return Err(Fault::syntax(at, format!("unknown statement {}", name(tag)))),
        };
        Ok(vec![statement])
    }

    fn print(&mut self) -> Run<Vec<Statement>> {
        let mut printed = Vec::new();
        while *self.kind() != Kind::StatementEnd {
            if !printed.is_empty() {
                self.expect_sign(",")?;
            }
            printed.push(Statement::Print(self.expression()?));
        }
        Ok(printed)
    }

    fn if_(&mut self) -> Run<Statement> {
        let mut branches = Vec::new();
        loop {
            let condition = self.tuple(false, false)?;
            branches.push((condition, self.body(&["elif", "else", "endif"])?));
            match self.advance() {
                Kind::Name("elif") => {}
                Kind::Name("else") => {
                    let otherwise = self.body_up_to("endif")?;
                    return Ok(Statement::If { branches, otherwise });
                }
                _ => return Ok(Statement::If { branches, otherwise: Vec::new() }),
            }
        }
    }

    fn for_(&mut self) -> Run<Statement> {
        let target = self.target(false)?;
        if !self.take_name("in") {
            return self.unexpected("'in'");
        }
        let iterable = self.tuple(false, false)?;
        let condition = if self.take_name("if") { Some(self.expression()?) } else { None };
        if self.is_name("recursive") {
            return Err(Fault::unsupported("a recursive loop").at(self.at()));
        }
        self.loops += 1;
        let body = self.body(&["endfor", "else"])?;
        self.loops -= 1;
        let otherwise = match self.advance() {
            Kind::Name("else") => self.body_up_to("endfor")?,
            _ => Vec::new(),
        };
        Ok(Statement::For(Box::new(For { target, iterable, condition, body, otherwise })))
    }

    fn set(&mut self) -> Run<Statement> {
        let target = self.target(true)?;
        if self.take_sign("=") {
            return Ok(Statement::Set(target, self.tuple(true, false)?));
        }
        let filters = self.more_filters(Vec::new())?;
        Ok(Statement::SetBlock(target, filters, self.body_without_loop("endset")?))
    }

    fn more_filters(&mut self, mut filters: Vec<Suffix>) -> Run<Vec<Suffix>> {
        while self.take_sign("|") {
            filters.push(self.filter()?);
        }
        Ok(filters)
    }

    fn with(&mut self) -> Run<Statement> {
        let mut assigned = Vec::new();
        while *self.kind() != Kind::StatementEnd {
            if !assigned.is_empty() {
                self.expect_sign(",")?;
            }
            let target = self.target(false)?;
            self.expect_sign("=")?;
            assigned.push((target, self.expression()?));
        }
        Ok(Statement::With(assigned, self.body_up_to("endwith")?))
    }

    fn macro_(&mut self) -> Run<Statement> {
        let name: Arc<str> = self.expect_name("the name of the macro")?.into();
        let params = self.params()?;
        Ok(Statement::Macro(self.macro_body(name, params, "endmacro")?))
    }

    /// `{% call(params) macro(arguments) %}body{% endcall %}`: the body is what the macro calls as `caller(…)`.
    fn call(&mut self) -> Run<Statement> {
        let params = if self.is_sign("(") { self.params()? } else { Vec::new() };
        let call = self.expression()?;
        let is_call = matches!(&call.kind, ExprKind::Suffixed(_, suffixes)
            if matches!(suffixes.last(), Some(Suffix { kind: SuffixKind::Call(_), .. })));
        if !is_call {
            return Err(Fault::syntax(call.at, "expected the call of a macro"));
        }
        Ok(Statement::Call(self.macro_body("caller".into(), params, "endcall")?, call))
    }

    fn macro_body(&mut self, name: Arc<str>, params: Vec<(Arc<str>, Option<Expr>)>, end: &str) -> Run<usize> {
        self.reads.push(Reads::default());
        let body = self.body_without_loop(end)?;
        let reads = self.reads.pop().unwrap_or_default();
        self.macros.push(Macro { name, params, body, reads });
        Ok(self.macros.len() - 1)
    }

    fn params(&mut self) -> Run<Vec<(Arc<str>, Option<Expr>)>> {
        self.expect_sign("(")?;
        let mut params: Vec<(Arc<str>, Option<Expr>)> = Vec::new();
        while !self.take_sign(")") {
            if !params.is_empty() {
                self.expect_sign(",")?;
            }
            let at = self.at();
            let param = self.expect_name("the name of a parameter")?;
            if ["varargs", "kwargs", "caller"].contains(&param) {
                return Err(Fault::unsupported(format!("a parameter with the name '{param}'")).at(at));
            }
            let default = if self.take_sign("=") { Some(self.expression()?) } else { None };
            if default.is_none() && params.last().is_some_and(|(_, default)| default.is_some()) {
                return Err(Fault::syntax(at, "a parameter without a default stands behind one with a default"));
            }
            params.push((param.into(), default));
        }
        Ok(params)
    }

    /// What a value is assigned to: a name, several between commas, or, for `set`, the attribute of a namespace.
    fn target(&mut self, attributes: bool) -> Run<Target> {
        let at = self.at();
        let mut items = Vec::new();
        loop {
            items.push(self.single_target(attributes)?);
            if !self.take_sign(",") {
                break;
            }
            if self.is_name("in") || matches!(self.kind(), Kind::Sign("=" | ")") | Kind::StatementEnd) {
                return Ok(Target { at, kind: TargetKind::Tuple(items) });
            }
        }
        match items.pop() {
            Some(only) if items.is_empty() => Ok(only),
            last => {
                items.extend(last);
                Ok(Target { at, kind: TargetKind::Tuple(items) })
            }
        }
    }

    fn single_target(&mut self, attributes: bool) -> Run<Target> {
        let at = self.at();
        if self.take_sign("(") {
            let inner = self.deeper(|parser| parser.target(attributes))?;
            self.expect_sign(")")?;
            return Ok(inner);
        }
        let assigned = self.expect_name("the name of a variable")?;
        if ["true", "false", "none", "True", "False", "None"].contains(&assigned) {
            return Err(Fault::syntax(at, format!("'{assigned}' cannot be assigned")));
        }
        if attributes && self.take_sign(".") {
            let attribute = self.expect_name("the name of an attribute")?;
            return Ok(Target { at, kind: TargetKind::Attribute(assigned.into(), attribute.into()) });
        }
        Ok(Target { at, kind: TargetKind::Name(assigned.into()) })
    }
}
