//! Dicts: in the order of insertion, found by key.
//!
//! Look first at [`Dict::get`]. Keys are equal where Python's are: `1`, `1.0` and `True` are one key.

use super::super::budget::Budget;
use super::super::error::{Fault, Run};
use super::{Items, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Up to so many entries are found by looking at each.
const FEW: usize = 8;

/// A dict.
#[derive(Debug)]
pub(in super::super) struct Dict {
    entries: Vec<(Value, Value)>,
    /// Where each text that is a key stands; empty where the entries are few.
    texts: HashMap<Arc<str>, usize>,
    /// Where each other key stands.
    others: HashMap<Key, usize>,
    depth: u16,
}

/// A key without its type's accidents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum Key {
    Undefined,
    None,
    Int(i64),
    /// A number that is no `i64`, by its bits.
    Float(u64),
    Text(Arc<str>),
    Tuple(Vec<Key>),
}

impl Key {
    /// The key that a value is. Errors: lists and dicts are none, as in Python.
    pub(in super::super) fn of(value: &Value, budget: &mut Budget) -> Run<Self> {
        budget.steps(1)?;
        Ok(match value {
            Value::Undefined(_) => Key::Undefined,
            Value::None => Key::None,
            Value::Bool(b) => Key::Int(i64::from(*b)),
            Value::Int(n) => Key::Int(*n),
            // Below 2⁶³ a whole float is the whole number that equals it.
            Value::Float(x) if x.fract() == 0.0 && x.abs() < 9.2e18 => Key::Int(*x as i64),
            Value::Float(x) => Key::Float(x.to_bits()),
            Value::Text(text) | Value::Safe(text) => {
                budget.scan(text.len())?;
                Key::Text(Arc::clone(text))
            }
            Value::Tuple(items) => Key::Tuple(Self::tuple(items, budget)?),
            Value::Range(_) | Value::View(..) => {
                return Err(Fault::unsupported(format!("'{}' as a key", value.type_name())));
            }
            other => {
                let what = format!("'{}' cannot be a key or be told apart by value", other.type_name());
                return Err(Fault::evaluation(what));
            }
        })
    }

    fn tuple(items: &Items, budget: &mut Budget) -> Run<Vec<Key>> {
        budget.allocate_many(items.len(), size_of::<Key>())?;
        items.iter().map(|item| Self::of(item, budget)).collect()
    }
}

impl Dict {
    /// A dict; where a key comes twice the later value holds, in the place of the first.
    pub(in super::super) fn new(given: Vec<(Value, Value)>, budget: &mut Budget) -> Run<Self> {
        budget.allocate_many(1 + given.len(), 4 * size_of::<Value>())?;
        let depth = super::depth_of(given.iter().flat_map(|(key, value)| [key, value]), budget)?;
        let mut dict = Self { entries: Vec::new(), texts: HashMap::new(), others: HashMap::new(), depth };
        let mut known: HashMap<Key, usize> = HashMap::new();
        for (key, value) in given {
            match known.entry(Key::of(&key, budget)?) {
                std::collections::hash_map::Entry::Occupied(at) => dict.entries[*at.get()].1 = value,
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(dict.entries.len());
                    dict.entries.push((key, value));
                }
            }
        }
        let few = known.len() <= FEW;
        for (key, at) in known {
            match key {
                Key::Text(_) if few => {}
                Key::Text(text) => drop(dict.texts.insert(text, at)),
                other => drop(dict.others.insert(other, at)),
            }
        }
        Ok(dict)
    }

    pub(in super::super) fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }

    pub(super) fn depth(&self) -> u16 {
        self.depth
    }

    /// The value of a key that is text.
    pub(in super::super) fn get_text(&self, name: &str) -> Option<&Value> {
        if self.entries.len() > FEW {
            return self.texts.get(name).map(|&at| &self.entries[at].1);
        }
        let is_it = |key: &Value| matches!(key, Value::Text(text) | Value::Safe(text) if **text == *name);
        self.entries.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
    }

    /// The value of a key. Errors: it cannot be one.
    pub(in super::super) fn get(&self, key: &Value, budget: &mut Budget) -> Run<Option<&Value>> {
        if let Value::Text(name) | Value::Safe(name) = key {
            budget.scan(name.len())?;
            return Ok(self.get_text(name));
        }
        let key = Key::of(key, budget)?;
        Ok(self.others.get(&key).map(|&at| &self.entries[at].1))
    }
}
