//! Tokens → syntax tree, by recursive descent.
//!
//! Look first at `statements`, then `operators`, `operands`. All are methods of [`Parser`], which walks over the tokens, counts how
//! deep brackets and blocks stand inside each other, and notes which special names the macros around it read.
//!
//! Source: Jinja 3.1.6, `parser.py`; the grammar is the same, statements that no chat template uses are refused by name.

mod operands;
mod operators;
mod statements;

use super::ast::{Ast, Macro, Reads};
use super::budget::MAX_SOURCE_DEPTH;
use super::error::{Fault, Run};
use super::words::{Kind, Token};

/// The tree of a template.
pub(super) fn parse(tokens: Vec<Token<'_>>) -> Run<Ast> {
    let mut parser = Parser { tokens, next: 0, depth: 0, macros: Vec::new(), reads: Vec::new(), loops: 0 };
    let body = parser.statements(&[])?;
    Ok(Ast { body, macros: parser.macros })
}

struct Parser<'s> {
    /// Ends with [`Kind::End`].
    tokens: Vec<Token<'s>>,
    next: usize,
    depth: usize,
    macros: Vec<Macro>,
    /// For each macro around: what its body reads so far.
    reads: Vec<Reads>,
    /// Loops around, within the innermost macro: `break` needs one.
    loops: usize,
}

impl<'s> Parser<'s> {
    fn kind(&self) -> &Kind<'s> {
        &self.tokens[self.next].kind
    }

    fn kind_after(&self) -> &Kind<'s> {
        &self.tokens[(self.next + 1).min(self.tokens.len() - 1)].kind
    }

    fn at(&self) -> u32 {
        self.tokens[self.next].at
    }

    /// Goes to the next token and gives the one before it; the last one stays.
    fn advance(&mut self) -> Kind<'s> {
        let kind = if self.next + 1 == self.tokens.len() {
            Kind::End
        } else {
            std::mem::replace(&mut self.tokens[self.next].kind, Kind::End)
        };
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        kind
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.kind(), Kind::Sign(found) if *found == sign)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.kind(), Kind::Name(found) if *found == name)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        if found {
            self.advance();
        }
        found
    }

    fn unexpected<T>(&self, expected: &str) -> Run<T> {
        Err(Fault::syntax(self.at(), format!("expected {expected}, found {}", self.kind())))
    }

    fn expect_sign(&mut self, sign: &str) -> Run<()> {
        if self.take_sign(sign) { Ok(()) } else { self.unexpected(&format!("'{sign}'")) }
    }

    fn expect(&mut self, kind: Kind<'_>) -> Run<()> {
        if *self.kind() == kind {
            self.advance();
            return Ok(());
        }
        self.unexpected(&kind.to_string())
    }

    fn expect_name(&mut self, what: &str) -> Run<&'s str> {
        match *self.kind() {
            Kind::Name(name) => {
                self.advance();
                Ok(name)
            }
            _ => self.unexpected(what),
        }
    }

    /// Runs `inner` one bracket or block deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Run<T>) -> Run<T> {
        if self.depth == MAX_SOURCE_DEPTH {
            let what = format!("brackets and blocks stand more than {MAX_SOURCE_DEPTH} deep inside each other");
            return Err(Fault::over_budget(what).at(self.at()));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// A name is read: macros must know if it is one of their special names.
    fn note(&mut self, name: &str) {
        let note = |reads: &mut Reads| match name {
            "varargs" => reads.varargs = true,
            "kwargs" => reads.kwargs = true,
            "caller" => reads.caller = true,
            _ => {}
        };
        self.reads.iter_mut().for_each(note);
    }
}
