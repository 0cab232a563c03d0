//! Runs a syntax tree.
//!
//! Look first at [`Interpreter`], then `statements`, `expressions`. Variables live in scopes: loops, macros and blocks
//! open one, whose parent is the scope around them (for a macro: around its definition), and `set` writes into the
//! innermost. Live values are indices into the tables here, so nothing of a run outlives it.
//!
//! | what | file |
//! |---|---|
//! | statements, loops | `statements`, `loops` |
//! | expressions | `expressions` |
//! | functions, macros, arguments | `calls` |
//! | attributes of namespaces and loops | `live` |
//! | filters and tests that apply other ones | `filters` |
//!
//! Not here: what single filters, tests and methods compute (`library`).

mod calls;
mod expressions;
mod filters;
mod live;
mod loops;
mod statements;

use super::ast::Ast;
use super::budget::{Budget, Text};
use super::error::{Fault, Run};
use super::value::{Items, Live, Missing, Value};
use loops::LoopState;
use std::collections::HashMap;
use std::sync::Arc;

/// Functions that every template has. (`lipsum`, which Jinja has too, writes random text.)
const FUNCTIONS: [&str; 8] =
    ["range", "dict", "namespace", "cycler", "joiner", "raise_exception", "strftime_now", "lipsum"];

/// The text that a template makes of `variables`. `time` is what it is told of the time, in seconds since 1970.
pub(super) fn run(ast: &Ast, variables: Vec<(&str, Value)>, time: u64, budget: Budget) -> Run<String> {
    let mut interpreter = Interpreter {
        ast,
        time,
        budget,
        scopes: vec![
            Scope { names: variables.into_iter().collect(), parent: None },
            Scope { names: HashMap::new(), parent: Some(0) },
        ],
        scope: 1,
        output: String::new(),
        captures: Vec::new(),
        namespaces: Vec::new(),
        loops: Vec::new(),
        generators: Vec::new(),
        cyclers: Vec::new(),
        joiners: Vec::new(),
    };
    interpreter.run_all(&ast.body)?;
    Ok(interpreter.output)
}

struct Interpreter<'t> {
    ast: &'t Ast,
    time: u64,
    budget: Budget,
    /// A stack; a macro's scope stands on top, though its parent is further down.
    scopes: Vec<Scope<'t>>,
    /// The index of the scope that names are looked up in first.
    scope: usize,
    output: String,
    /// What blocks that are not printed in their place have written so far, the innermost last.
    captures: Vec<Text>,
    namespaces: Vec<HashMap<Arc<str>, Value>>,
    /// Loops that run, the innermost last.
    loops: Vec<LoopState<'t>>,
    /// Sequences that can be read once; `None` once they were.
    generators: Vec<Option<Arc<Items>>>,
    /// Their values, and which is next.
    cyclers: Vec<(Vec<Value>, usize)>,
    /// What they put between, and whether they were called.
    joiners: Vec<(Value, bool)>,
}

struct Scope<'t> {
    names: HashMap<&'t str, Value>,
    parent: Option<usize>,
}

impl<'t> Interpreter<'t> {
    /// Opens a scope below `parent`. Gives the scope to go back to with [`close`](Self::close).
    fn open(&mut self, parent: usize) -> usize {
        self.scopes.push(Scope { names: HashMap::new(), parent: Some(parent) });
        std::mem::replace(&mut self.scope, self.scopes.len() - 1)
    }

    /// Ends the scope opened last.
    fn close(&mut self, back: usize) {
        self.scopes.pop();
        self.scope = back;
    }

    fn assign_name(&mut self, name: &'t str, value: Value) -> Run<()> {
        self.budget.allocate(name.len() + 2 * size_of::<Value>())?;
        self.scopes[self.scope].names.insert(name, value);
        Ok(())
    }

    /// The value of a name, from the innermost scope outwards.
    fn lookup(&mut self, name: &Arc<str>) -> Run<Value> {
        self.budget.scan(name.len())?;
        let mut scope = Some(self.scope);
        while let Some(index) = scope {
            self.budget.steps(1)?;
            if let Some(value) = self.scopes[index].names.get(&**name) {
                return Ok(value.clone());
            }
            scope = self.scopes[index].parent;
        }
        if let Some(function) = FUNCTIONS.into_iter().find(|function| *function == &**name) {
            return Ok(Value::Live(Live::Function(function)));
        }
        Ok(Value::Undefined(Missing::Name(Arc::clone(name))))
    }

    /// Writes text to where the block around prints.
    fn write(&mut self, text: &str) -> Run<()> {
        match self.captures.last_mut() {
            Some(capture) => capture.push(text, &mut self.budget),
            None => {
                self.budget.output(text.len())?;
                self.output.push_str(text);
                Ok(())
            }
        }
    }

    /// A sequence that can be read once.
    fn generator(&mut self, items: Vec<Value>) -> Run<Value> {
        let Value::List(items) = Value::list(items, &mut self.budget)? else { return Ok(Value::None) };
        self.budget.allocate(size_of::<Value>())?;
        self.generators.push(Some(items));
        Ok(Value::Live(Live::Generator(self.generators.len() - 1)))
    }

    /// The items that a loop over the value sees.
    fn items(&mut self, value: &Value) -> Run<Arc<Items>> {
        match value {
            Value::Live(Live::Generator(id)) => self.generators[*id].take().ok_or_else(|| {
                Fault::unsupported("reading the result of a filter twice (put '|list' behind it to keep it)")
            }),
            value => value.iterate(&mut self.budget),
        }
    }

    /// The value, or a list in place of a generator.
    fn settle(&mut self, value: Value) -> Run<Value> {
        match value {
            Value::Live(Live::Generator(_)) => Ok(Value::List(self.items(&value)?)),
            value => Ok(value),
        }
    }
}
