//! Filters and tests by name, and those that apply other ones to each item.
//!
//! Not here: what single ones compute (`library`).

use super::super::error::{Fault, Run, name as shown_name};
use super::super::library::{Args, Made, apply, check, path};
use super::super::value::{Live, Value, print};
use super::Interpreter;
use super::expressions::is_callable;
use std::sync::Arc;

impl Interpreter<'_> {
    /// `value|name(arguments)`.
    pub(super) fn filter(&mut self, name: &str, value: Value, args: Args) -> Run<Value> {
        self.budget.enter()?;
        let result = self.filter_by_name(name, value, args);
        self.budget.leave();
        result
    }

    fn filter_by_name(&mut self, name: &str, value: Value, args: Args) -> Run<Value> {
        match (name, &value) {
            ("map", _) => self.map(&value, args),
            ("select", _) => self.select(&value, args, true, false),
            ("reject", _) => self.select(&value, args, false, false),
            ("selectattr", _) => self.select(&value, args, true, true),
            ("rejectattr", _) => self.select(&value, args, false, true),
            ("default" | "d", Value::Live(_)) => Ok(value),
            ("length" | "count" | "last" | "string" | "tojson", Value::Live(live)) => {
                Err(Fault::unsupported(format!("'{name}' of a {}", live.type_name())))
            }
            _ => {
                let is_generator = matches!(value, Value::Live(Live::Generator(_)));
                let value = self.settle(value)?;
                match apply(name, &value, args, &mut self.budget)? {
                    Made::Value(value) => Ok(value),
                    // Python cannot go backwards through a generator and makes a list of it first.
                    Made::Generator(items) if is_generator && name == "reverse" => Value::list(items, &mut self.budget),
                    Made::Generator(items) => self.generator(items),
                }
            }
        }
    }

    /// `value is name(arguments)`.
    pub(super) fn test(&mut self, name: &str, value: &Value, args: Args) -> Run<bool> {
        self.budget.enter()?;
        let result = match name {
            "callable" => Ok(is_callable(value)),
            _ => check(name, value, args, &mut self.budget),
        };
        self.budget.leave();
        result
    }

    /// `map(attribute=…)` or `map('filter', arguments…)`.
    fn map(&mut self, value: &Value, mut args: Args) -> Run<Value> {
        if !value.is_true() {
            return self.generator(Vec::new()); // whatever it is: Jinja asks for its truth before its items
        }
        let items = self.items(value)?;
        let mut made = Vec::new();
        if args.positional.is_empty() {
            let [attribute, default] = args.bind("map", ["attribute", "default"])?;
            let Some(attribute) = attribute else {
                return Err(Fault::evaluation("'map' takes the name of a filter or 'attribute'"));
            };
            let path = path(&attribute, &mut self.budget)?;
            for item in items.iter() {
                made.push(path.follow(item, default.as_ref(), &mut self.budget)?);
            }
            return self.generator(made);
        }
        let name = print::to_text(&args.positional.remove(0), &mut self.budget)?;
        for item in items.iter() {
            self.budget.allocate_many(1 + args.positional.len() + args.named.len(), size_of::<Value>())?;
            made.push(self.filter(&name, item.clone(), args.clone())?);
        }
        self.generator(made)
    }

    /// The items for which a test has the answer `wanted`; with `by_attribute` it is asked of an attribute of each.
    fn select(&mut self, value: &Value, mut args: Args, wanted: bool, by_attribute: bool) -> Run<Value> {
        if !value.is_true() {
            return self.generator(Vec::new());
        }
        let items = self.items(value)?;
        let path = match by_attribute {
            true if args.positional.is_empty() => {
                return Err(Fault::evaluation("'selectattr' and 'rejectattr' take the name of an attribute"));
            }
            true => Some(path(&args.positional.remove(0), &mut self.budget)?),
            false => None,
        };
        let test: Option<Arc<str>> = match args.positional.is_empty() {
            true => None,
            false => Some(print::to_text(&args.positional.remove(0), &mut self.budget)?),
        };
        if let (None, Some((name, _))) = (&test, args.named.first()) {
            return Err(Fault::evaluation(format!("no test is given for the argument {}", shown_name(name))));
        }
        let mut picked = Vec::new();
        for item in items.iter() {
            let asked = match &path {
                Some(path) => path.follow(item, None, &mut self.budget)?,
                None => item.clone(),
            };
            self.budget.allocate_many(1 + args.positional.len() + args.named.len(), size_of::<Value>())?;
            let answer = match &test {
                Some(test) => self.test(test, &asked, args.clone())?,
                None => asked.is_true(),
            };
            if answer == wanted {
                picked.push(item.clone());
            }
        }
        self.generator(picked)
    }
}
