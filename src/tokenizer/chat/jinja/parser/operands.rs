//! Single values, and what stands behind them: `.name`, `[…]`, `(…)`, `|filter`, `is test`.
//!
//! Look first at `unary`.

use super::super::ast::{Arguments, Expr, ExprKind, Suffix, SuffixKind};
use super::super::budget::MAX_NAMED;
use super::super::error::{Fault, Run};
use super::super::value::Value;
use super::super::words::Kind;
use super::Parser;

impl Parser<'_> {
    /// Signs before a value, and what stands behind it. Filters and tests hold for the value with its sign.
    pub(super) fn unary(&mut self, with_filters: bool) -> Run<Expr> {
        let at = self.at();
        let value = if self.take_sign("-") {
            let inner = self.deeper(|parser| parser.unary(false))?;
            Expr { at, kind: ExprKind::Negative(Box::new(inner)) }
        } else if self.take_sign("+") {
            let inner = self.deeper(|parser| parser.unary(false))?;
            Expr { at, kind: ExprKind::Positive(Box::new(inner)) }
        } else {
            self.primary()?
        };
        let mut suffixes = Vec::new();
        self.accesses(&mut suffixes)?;
        if with_filters {
            self.filters_and_tests(&mut suffixes)?;
        }
        Ok(suffixed(value, suffixes))
    }

    /// `|filter` and `is test` behind a value.
    fn filters_and_tests(&mut self, suffixes: &mut Vec<Suffix>) -> Run<()> {
        loop {
            let at = self.at();
            match self.kind() {
                Kind::Sign("|") => {
                    self.advance();
                    suffixes.push(self.filter()?);
                }
                Kind::Name("is") => {
                    self.advance();
                    suffixes.push(self.test(at)?);
                }
                Kind::Sign("(") => suffixes.push(Suffix { at, kind: SuffixKind::Call(self.arguments()?) }),
                _ => return Ok(()),
            }
        }
    }

    /// `.name`, `[…]` and `(…)` behind a value.
    fn accesses(&mut self, suffixes: &mut Vec<Suffix>) -> Run<()> {
        loop {
            let at = self.at();
            let kind = match self.kind() {
                Kind::Sign(".") => {
                    self.advance();
                    let at = self.at();
                    match self.advance() {
                        Kind::Name(name) => SuffixKind::Attribute(name.into()),
                        Kind::Int(n) => SuffixKind::Item(Expr { at, kind: ExprKind::Literal(Value::Int(n)) }),
                        found => return Err(Fault::syntax(at, format!("expected a name behind '.', found {found}"))),
                    }
                }
                Kind::Sign("[") => {
                    self.advance();
                    self.subscript()?
                }
                Kind::Sign("(") => SuffixKind::Call(self.arguments()?),
                _ => return Ok(()),
            };
            suffixes.push(Suffix { at, kind });
        }
    }

    /// What stands in `[…]`: an expression or a slice.
    fn subscript(&mut self) -> Run<SuffixKind> {
        let mut parts = [None, None, None];
        let mut n_colons = 0;
        while !self.is_sign("]") {
            if self.take_sign(":") {
                n_colons += 1;
                if n_colons > 2 {
                    return self.unexpected("']'");
                }
            } else if parts[n_colons].is_none() && !self.is_sign(",") {
                parts[n_colons] = Some(self.expression()?);
            } else if self.is_sign(",") {
                return Err(Fault::unsupported("more than one index in brackets").at(self.at()));
            } else {
                return self.unexpected("']'");
            }
        }
        match parts {
            [Some(index), None, None] if n_colons == 0 => {
                self.expect_sign("]")?;
                Ok(SuffixKind::Item(index))
            }
            _ if n_colons == 0 => self.unexpected("an index"),
            parts => {
                self.expect_sign("]")?;
                Ok(SuffixKind::Slice(Box::new(parts)))
            }
        }
    }

    /// `(a, b, *more, name=c, **named)`.
    fn arguments(&mut self) -> Run<Arguments> {
        self.expect_sign("(")?;
        let mut arguments = Arguments::default();
        while !self.is_sign(")") {
            let at = self.at();
            let named_follow = !arguments.named.is_empty() || arguments.spread_named.is_some();
            if self.take_sign("*") {
                if arguments.spread.is_some() || arguments.spread_named.is_some() {
                    return Err(Fault::syntax(at, "arguments can be spread only once"));
                }
                arguments.spread = Some(Box::new(self.expression()?));
            } else if self.take_sign("**") {
                if arguments.spread_named.is_some() {
                    return Err(Fault::syntax(at, "arguments can be spread only once"));
                }
                arguments.spread_named = Some(Box::new(self.expression()?));
            } else if let (Kind::Name(name), Kind::Sign("=")) = (self.kind(), self.kind_after()) {
                let name = (*name).into();
                self.advance();
                self.advance();
                if arguments.named.len() == MAX_NAMED {
                    return Err(Fault::over_budget(format!("a call with more than {MAX_NAMED} named arguments")).at(at));
                }
                if arguments.spread_named.is_some() || arguments.named.iter().any(|(known, _)| *known == name) {
                    return Err(Fault::syntax(at, "this argument is given twice or behind '**'"));
                }
                arguments.named.push((name, self.expression()?));
            } else if named_follow || arguments.spread.is_some() {
                return Err(Fault::syntax(at, "an argument without a name stands behind one with a name"));
            } else {
                arguments.positional.push(self.expression()?);
            }
            if !self.is_sign(")") {
                self.expect_sign(",")?;
            }
        }
        self.expect_sign(")")?;
        Ok(arguments)
    }

    /// The name of a filter or test; names in Jinja may have points.
    fn dotted_name(&mut self, what: &str) -> Run<String> {
        let mut name = self.expect_name(what)?.to_owned();
        while self.take_sign(".") {
            name = name + "." + self.expect_name(what)?;
        }
        Ok(name)
    }

    /// A filter, from its name on.
    pub(super) fn filter(&mut self) -> Run<Suffix> {
        let at = self.at();
        let name = self.dotted_name("the name of a filter")?;
        let arguments = if self.is_sign("(") { self.arguments()? } else { Arguments::default() };
        Ok(Suffix { at, kind: SuffixKind::Filter(name.into(), arguments) })
    }

    /// A test, from behind `is`. One argument may stand without brackets.
    fn test(&mut self, at: u32) -> Run<Suffix> {
        let negated = self.take_name("not");
        let name = self.dotted_name("the name of a test")?.into();
        let mut arguments = Arguments::default();
        match self.kind() {
            Kind::Sign("(") => arguments = self.arguments()?,
            Kind::Name("else" | "or" | "and") => {}
            Kind::Name("is") => {
                return Err(Fault::syntax(self.at(), "'is' behind 'is': put the first one in brackets"));
            }
            Kind::Name(_) | Kind::String(_) | Kind::Int(_) | Kind::Float(_) | Kind::Sign("[" | "{") => {
                let value = self.primary()?;
                let mut suffixes = Vec::new();
                self.accesses(&mut suffixes)?;
                arguments.positional.push(suffixed(value, suffixes));
            }
            _ => {}
        }
        Ok(Suffix { at, kind: SuffixKind::Test { name, arguments, negated } })
    }

    /// A name, a literal, or something in brackets.
    pub(super) fn primary(&mut self) -> Run<Expr> {
        let at = self.at();
        let kind = match self.advance() {
            Kind::Name("true" | "True") => ExprKind::Literal(Value::Bool(true)),
            Kind::Name("false" | "False") => ExprKind::Literal(Value::Bool(false)),
            Kind::Name("none" | "None") => ExprKind::Literal(Value::None),
            Kind::Name(name) => {
                self.note(name);
                ExprKind::Name(name.into())
            }
            Kind::Int(n) => ExprKind::Literal(Value::Int(n)),
            Kind::Float(x) => ExprKind::Literal(Value::Float(x)),
            Kind::String(mut text) => {
                while let Kind::String(more) = self.kind() {
                    text.push_str(more);
                    self.advance();
                }
                ExprKind::Literal(Value::Text(text.into()))
            }
            Kind::Sign("(") => {
                let inner = self.tuple(true, true)?;
                self.expect_sign(")")?;
                return Ok(inner);
            }
            Kind::Sign("[") => ExprKind::List(self.items("]", Self::expression)?),
            Kind::Sign("{") => ExprKind::Dict(self.items("}", |parser| {
                let key = parser.expression()?;
                parser.expect_sign(":")?;
                Ok((key, parser.expression()?))
            })?),
            found => return Err(Fault::syntax(at, format!("expected an expression, found {found}"))),
        };
        Ok(Expr { at, kind })
    }

    /// Things between commas up to `end`, which is taken.
    fn items<T>(&mut self, end: &str, item: impl Fn(&mut Self) -> Run<T>) -> Run<Vec<T>> {
        let mut items = Vec::new();
        while !self.is_sign(end) {
            items.push(item(self)?);
            if !self.is_sign(end) {
                self.expect_sign(",")?;
            }
        }
        self.expect_sign(end)?;
        Ok(items)
    }
}

fn suffixed(value: Expr, suffixes: Vec<Suffix>) -> Expr {
    if suffixes.is_empty() {
        return value;
    }
    Expr { at: value.at, kind: ExprKind::Suffixed(Box::new(value), suffixes) }
}
