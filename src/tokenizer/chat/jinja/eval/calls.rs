//! Calls: their arguments, macros, and the functions that every template has.

use super::super::ast::Arguments;
use super::super::budget::{MAX_RANGE, Text};
use super::super::error::{Fault, Run, name as shown_name};
use super::super::library::{Args, methods, strftime};
use super::super::value::{Items, Live, Missing, Range, Value, print};
use super::Interpreter;
use std::collections::HashMap;
use std::sync::Arc;

impl<'t> Interpreter<'t> {
    /// The values of arguments.
    pub(super) fn arguments(&mut self, arguments: &'t Arguments) -> Run<Args> {
        let mut args = Args { positional: self.eval_all(&arguments.positional)?, named: Vec::new() };
        if let Some(spread) = &arguments.spread {
            let value = self.eval(spread)?;
            let items = self.items(&value)?;
            self.budget.allocate_many(items.len(), size_of::<Value>())?;
            args.positional.extend(items.iter().cloned());
        }
        for (name, value) in &arguments.named {
            args.named.push((Arc::clone(name), self.eval(value)?));
        }
        if let Some(spread) = &arguments.spread_named {
            let Value::Dict(dict) = self.eval(spread)? else {
                return Err(Fault::evaluation("what is spread with '**' is no dict"));
            };
            for (key, value) in dict.entries() {
                let Value::Text(name) = key else {
                    return Err(Fault::evaluation("what is spread with '**' has keys that are no text"));
                };
                if args.named.iter().any(|(known, _)| known == name) {
                    return Err(Fault::evaluation(format!("the argument {} is given twice", shown_name(name))));
                }
                self.budget.steps(1 + args.named.len())?;
                args.named.push((Arc::clone(name), value.clone()));
            }
        }
        Ok(args)
    }

    /// `callee(arguments)`.
    pub(super) fn call(&mut self, callee: Value, args: Args) -> Run<Value> {
        match callee.defined()? {
            Value::Live(Live::Macro(index, scope)) => self.call_macro(*index, *scope, args),
            Value::Live(Live::Function(function)) => self.call_function(function, args),
            Value::Live(Live::Method(method)) => {
                let (receiver, name) = &**method;
                let mut args = args;
                if let ("join", [items]) = (&**name, &mut args.positional[..]) {
                    *items = self.settle(items.clone())?;
                }
                match receiver {
                    Value::Live(live) => self.call_live(live, name, args),
                    value => methods::call(value, name, args, &mut self.budget),
                }
            }
            Value::Live(Live::Joiner(id)) => {
                args.bind("a joiner", [])?;
                let (between, used) = &mut self.joiners[*id];
                let first = !std::mem::replace(used, true);
                Ok(if first { Value::Text("".into()) } else { between.clone() })
            }
            Value::Live(Live::Loop(_)) => Err(Fault::unsupported("a recursive loop")),
            other => Err(Fault::evaluation(format!("'{}' cannot be called", other.type_name()))),
        }
    }

    fn call_macro(&mut self, index: usize, scope: usize, args: Args) -> Run<Value> {
        self.budget.enter()?;
        let back = self.open(scope);
        self.bind_params(index, args)?;
        self.captures.push(Text::default());
        let ast = self.ast;
        self.run_all(&ast.macros[index].body)?;
        let text = self.captures.pop().unwrap_or_default();
        self.close(back);
        self.budget.leave();
        Value::text(text.into_string(), &mut self.budget)
    }

    /// Gives the parameters of a macro their values, in the scope that is open.
    fn bind_params(&mut self, index: usize, args: Args) -> Run<()> {
        let ast = self.ast;
        let decl = &ast.macros[index];
        let named = args.named.len();
        self.budget.steps(decl.params.len() * (1 + named))?;
        let mut positional = args.positional.into_iter();
        let mut named = args.named;
        let mut missing = Vec::new();
        for (name, default) in &decl.params {
            let by_name = named.iter().position(|(known, _)| known == name);
            let value = match (positional.next(), by_name) {
                (Some(value), _) => Some(value),
                (None, Some(at)) => Some(named.swap_remove(at).1),
                (None, None) => None,
            };
            match (value, default) {
                (Some(value), _) => self.assign_name(name, value)?,
                (None, Some(default)) => missing.push((name, default)),
                (None, None) => self.assign_name(name, Value::Undefined(Missing::Argument(Arc::clone(name))))?,
            }
        }
        for (name, default) in missing {
            let value = self.eval(default)?;
            self.assign_name(name, value)?;
        }

        let caller = named.iter().position(|(name, _)| **name == *"caller").filter(|_| decl.reads.caller);
        if decl.reads.caller {
            let none =
                Value::Undefined(Missing::Other("there is no 'caller': the macro is not called by a 'call' block"));
            let value = caller.map_or(none, |at| named.swap_remove(at).1);
            self.assign_name("caller", value)?;
        }
        if decl.reads.kwargs {
            let entries = named.drain(..).map(|(name, value)| (Value::Text(name), value)).collect();
            let kwargs = Value::dict(entries, &mut self.budget)?;
            self.assign_name("kwargs", kwargs)?;
        } else if let Some((name, _)) = named.first() {
            let what = format!("the macro {} has no parameter {}", shown_name(&decl.name), shown_name(name));
            return Err(Fault::evaluation(what));
        }
        let more: Vec<Value> = positional.collect();
        if decl.reads.varargs {
            let varargs = Value::tuple(more, &mut self.budget)?;
            self.assign_name("varargs", varargs)?;
        } else if !more.is_empty() {
            let n = decl.params.len();
            let what = format!("the macro {} has {n} parameters, not {}", shown_name(&decl.name), n + more.len());
            return Err(Fault::evaluation(what));
        }
        Ok(())
    }

    fn call_function(&mut self, function: &'static str, args: Args) -> Run<Value> {
        match function {
            "range" => range(args),
            "dict" => {
                let entries = self.entries(args)?;
                Value::dict(entries, &mut self.budget)
            }
            "namespace" => {
                let entries = self.entries(args)?;
                self.namespace(entries)
            }
            "cycler" => {
                if args.positional.is_empty() || !args.named.is_empty() {
                    return Err(Fault::evaluation("a cycler takes one or more values"));
                }
                let Value::List(items) = Value::list(args.positional, &mut self.budget)? else {
                    return Ok(Value::None);
                };
                self.cyclers.push((items.to_vec(), 0));
                Ok(Value::Live(Live::Cycler(self.cyclers.len() - 1)))
            }
            "joiner" => {
                let [between] = args.bind("joiner", ["sep"])?;
                let between = between.unwrap_or_else(|| Value::Text(", ".into()));
                Value::list(vec![between.clone()], &mut self.budget)?; // refuses what no container may hold
                self.joiners.push((between, false));
                Ok(Value::Live(Live::Joiner(self.joiners.len() - 1)))
            }
            "raise_exception" => {
                let [message] = args.bind("raise_exception", ["message"])?;
                let message = message.ok_or_else(|| Fault::evaluation("raise_exception takes a message"))?;
                Err(Fault::raised(&print::to_text(&message, &mut self.budget)?))
            }
            "strftime_now" => {
                let [format] = args.bind("strftime_now", ["format"])?;
                match format {
                    Some(Value::Text(format)) => {
                        self.budget.scan(format.len())?;
                        self.budget.allocate_many(format.len(), 16)?;
                        Value::text(strftime::strftime(self.time, &format)?, &mut self.budget)
                    }
                    _ => Err(Fault::evaluation("strftime_now takes a format of type 'str'")),
                }
            }
            other => Err(Fault::unsupported(format!("the function '{other}'"))),
        }
    }

    /// The entries that `dict(…)` and `namespace(…)` make of their arguments.
    fn entries(&mut self, args: Args) -> Run<Vec<(Value, Value)>> {
        let mut entries = Vec::new();
        if args.positional.len() > 1 {
            return Err(Fault::evaluation("'dict' and 'namespace' take one dict or list of pairs, and named values"));
        }
        for given in &args.positional {
            if let Value::Dict(dict) = given {
                self.budget.allocate_many(dict.entries().len(), 2 * size_of::<Value>())?;
                entries.extend(dict.entries().iter().cloned());
                continue;
            }
            let items: Arc<Items> = self.items(given.defined()?)?;
            for item in items.iter() {
                match &**self.items(item)? {
                    [key, value] => entries.push((key.clone(), value.clone())),
                    _ => return Err(Fault::evaluation("a dict is made of pairs")),
                }
            }
        }
        entries.extend(args.named.into_iter().map(|(name, value)| (Value::Text(name), value)));
        Ok(entries)
    }

    fn namespace(&mut self, entries: Vec<(Value, Value)>) -> Run<Value> {
        self.budget.allocate(size_of::<HashMap<Arc<str>, Value>>())?;
        self.namespaces.push(HashMap::new());
        let id = self.namespaces.len() - 1;
        for (key, value) in entries {
            let Value::Text(name) = key else {
                return Err(Fault::evaluation("the attributes of a namespace have names of type 'str'"));
            };
            self.set_attribute(id, &name, value)?;
        }
        Ok(Value::Live(Live::Namespace(id)))
    }
}

fn range(args: Args) -> Run<Value> {
    let mut bounds = Vec::new();
    for bound in args.bind("range", ["start", "stop", "step"])?.into_iter().flatten() {
        match bound.defined()? {
            Value::Int(n) => bounds.push(*n),
            Value::Bool(b) => bounds.push(i64::from(*b)),
            other => return Err(Fault::evaluation(format!("'range' takes 'int', not '{}'", other.type_name()))),
        }
    }
    let (start, stop, step) = match bounds[..] {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return Err(Fault::evaluation("'range' takes one to three numbers")),
    };
    let distance = i128::from(stop) - i128::from(start);
    let len = match step {
        0 => return Err(Fault::evaluation("the step of 'range' is 0")),
        step if (step > 0) != (distance > 0) => 0,
        step => distance.unsigned_abs().div_ceil(u128::from(step.unsigned_abs())),
    };
    if len > u128::from(MAX_RANGE) {
        return Err(Fault::over_budget(format!("a range of more than {MAX_RANGE} numbers")));
    }
    Ok(Value::Range(Arc::new(Range { start, stop, step, len: len as usize })))
}
