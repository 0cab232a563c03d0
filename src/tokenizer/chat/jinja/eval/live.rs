//! Namespaces, loops and cyclers: what their attributes are and what their methods do.

use super::super::error::{Fault, Run, name as shown_name};
use super::super::library::Args;
use super::super::value::compare::equal;
use super::super::value::{Live, Missing, Value};
use super::Interpreter;
use std::sync::Arc;

impl Interpreter<'_> {
    /// `live.name`.
    pub(super) fn live_attribute(&mut self, live: &Live, name: &Arc<str>) -> Run<Value> {
        self.budget.scan(name.len())?;
        if name.starts_with("__") {
            return Err(Fault::unsupported(format!("the attribute {}", shown_name(name))));
        }
        let found = match (live, &**name) {
            (Live::Namespace(id), name) => self.namespaces[*id].get(name).cloned(),
            (Live::Loop(id), field) => return self.loop_attribute(*id, field, live, name),
            (Live::Cycler(_), "next" | "reset") => Some(method(live, name)),
            (Live::Cycler(id), "current") => {
                let (values, next) = &self.cyclers[*id];
                Some(values[*next].clone())
            }
            (Live::Macro(index, _), "name") => Some(Value::Text(Arc::clone(&self.ast.macros[*index].name))),
            (Live::Generator(_), _) => None,
            (other, _) => {
                let what = format!("the attribute {} of a {}", shown_name(name), other.type_name());
                return Err(Fault::unsupported(what));
            }
        };
        Ok(found.unwrap_or_else(|| Value::Undefined(Missing::Attribute(Arc::clone(name), live.type_name()))))
    }

    fn loop_attribute(&mut self, id: usize, field: &str, live: &Live, name: &Arc<str>) -> Run<Value> {
        if id >= self.loops.len() {
            return Err(Fault::evaluation("this loop has ended"));
        }
        let rounds = self.loops[id].rounds;
        let number = |n: usize| Ok(Value::Int(n as i64));
        let none = |what| Value::Undefined(Missing::Other(what));
        match field {
            "index" => number(rounds),
            "index0" => number(rounds - 1),
            "first" => Ok(Value::Bool(rounds == 1)),
            "last" => Ok(Value::Bool(self.peek_item(id)?.is_none())),
            "length" => number(rounds + self.n_items_left(id)?),
            "revindex" => number(1 + self.n_items_left(id)?),
            "revindex0" => number(self.n_items_left(id)?),
            "depth" => number(1), // loops within loops are not recursive ones: each begins at 1
            "depth0" => number(0),
            "previtem" => Ok(self.loops[id].previous.clone().unwrap_or_else(|| none("there is no previous item"))),
            "nextitem" => Ok(self.peek_item(id)?.unwrap_or_else(|| none("there is no next item"))),
            "cycle" | "changed" => Ok(method(live, name)),
            _ => Ok(Value::Undefined(Missing::Attribute(Arc::clone(name), "loop"))),
        }
    }

    /// `{% set namespace.name = value %}`. Errors: a live value, which could come to contain itself.
    pub(super) fn set_attribute(&mut self, id: usize, name: &Arc<str>, value: Value) -> Run<()> {
        if let Value::Live(live) = &value {
            return Err(Fault::unsupported(format!("a {} inside a namespace", live.type_name())));
        }
        self.budget.allocate(name.len() + 2 * size_of::<Value>())?;
        self.namespaces[id].insert(Arc::clone(name), value);
        Ok(())
    }

    /// `live.name(arguments)`.
    pub(super) fn call_live(&mut self, live: &Live, name: &str, args: Args) -> Run<Value> {
        match (live, name) {
            (Live::Loop(id), "cycle") if *id < self.loops.len() => {
                if args.positional.is_empty() || !args.named.is_empty() {
                    return Err(Fault::evaluation("loop.cycle takes one or more values"));
                }
                Ok(args.positional[(self.loops[*id].rounds - 1) % args.positional.len()].clone())
            }
            (Live::Loop(id), "changed") if *id < self.loops.len() => {
                let Value::List(values) = Value::list(args.positional, &mut self.budget)? else {
                    return Ok(Value::None);
                };
                let same = match &self.loops[*id].changed {
                    Some(before) if before.len() == values.len() => {
                        let mut same = true;
                        for (a, b) in before.iter().zip(values.iter()) {
                            same = same && equal(a, b, &mut self.budget)?;
                        }
                        same
                    }
                    _ => false,
                };
                self.loops[*id].changed = Some(values.to_vec());
                Ok(Value::Bool(!same))
            }
            (Live::Cycler(id), "next") => {
                let (values, next) = &mut self.cyclers[*id];
                let value = values[*next].clone();
                *next = (*next + 1) % values.len();
                Ok(value)
            }
            (Live::Cycler(id), "reset") => {
                self.cyclers[*id].1 = 0;
                Ok(Value::None)
            }
            (other, _) => {
                let what = format!("the method {} of a {}", shown_name(name), other.type_name());
                Err(Fault::unsupported(what))
            }
        }
    }
}

fn method(live: &Live, name: &Arc<str>) -> Value {
    Value::Live(Live::Method(Arc::new((Value::Live(live.clone()), Arc::clone(name)))))
}
