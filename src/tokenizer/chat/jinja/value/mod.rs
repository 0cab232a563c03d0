//! The values of a template: Python's, without those that change.
//!
//! Look first at [`Value`]. Hugging Face runs templates in Jinja's *immutable* sandbox, so a list or dict never changes
//! once it is made. What does change (a namespace, a loop) or belongs to one run (a macro) is a [`Live`] value: a small
//! number that names it. No container holds a live value, so no value can contain itself, and since a container knows its
//! depth when it is built, printing, comparing and dropping go at most [`MAX_VALUE_DEPTH`] deep.
//!
//! | step | file |
//! |---|---|
//! | dicts: keys and their order | `dict` |
//! | arithmetic | `number` |
//! | `==`, `<`, `in` | `compare` |
//! | `str()` and `repr()` | `print` |
//! | `value.name`, `value[key]`, `value[a:b:c]` | `access` |
//!
//! Not here: filters, methods and tests (`library`), and what live values do (`eval`).

pub(super) mod access;
pub(super) mod compare;
mod dict;
pub(super) mod number;
pub(super) mod print;

use super::budget::{Budget, MAX_VALUE_DEPTH};
use super::error::{Fault, Run, name};
pub(super) use dict::{Dict, Key};
use std::sync::Arc;

/// A value. Cloning is cheap: what is large is shared.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// What a name or attribute is that nobody set: prints as nothing, and almost all else is an error.
    Undefined(Missing),
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    /// Text marked by the filters `safe` and `escape`. Python would escape what is added to it.
    Safe(Arc<str>),
    List(Arc<Items>),
    Tuple(Arc<Items>),
    Dict(Arc<Dict>),
    /// What `keys()`, `values()` and `items()` of a dict give.
    View(View, Arc<Dict>),
    Range(Arc<Range>),
    /// A value of this run, held by variables alone.
    Live(Live),
}

/// Why a value is undefined; for the error message.
#[derive(Clone, Debug)]
pub(super) enum Missing {
    Name(Arc<str>),
    Attribute(Arc<str>, &'static str),
    /// An attribute that Python's type has, and that the sandbox does not give.
    Forbidden(Arc<str>, &'static str),
    Argument(Arc<str>),
    Other(&'static str),
}

/// The items of a list or tuple.
#[derive(Debug)]
pub(super) struct Items {
    items: Vec<Value>,
    depth: u16,
}

impl std::ops::Deref for Items {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.items
    }
}

/// Which view of a dict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Keys,
    Values,
    Items,
}

/// `range(start, stop, step)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) start: i64,
    pub(super) stop: i64,
    pub(super) step: i64,
    pub(super) len: usize,
}

impl Range {
    /// The number at an index below `len`.
    pub(super) fn get(&self, index: usize) -> Value {
        Value::Int(self.start + index as i64 * self.step)
    }
}

/// What belongs to one run of a template; the numbers are indices into the interpreter's tables.
#[derive(Clone, Debug)]
pub(super) enum Live {
    Namespace(usize),
    Loop(usize),
    /// Index in the syntax tree and the scope in which it was defined.
    Macro(usize, usize),
    /// A function that is always there, by its name.
    Function(&'static str),
    /// `value.name` that is a method.
    Method(Arc<(Value, Arc<str>)>),
    /// A sequence that can be read once, such as `map` gives.
    Generator(usize),
    Cycler(usize),
    Joiner(usize),
}

impl Value {
    pub(super) fn text(text: impl Into<String>, budget: &mut Budget) -> Run<Self> {
        let text = text.into();
        budget.allocate(text.len())?;
        Ok(Value::Text(text.into()))
    }

    pub(super) fn list(items: Vec<Value>, budget: &mut Budget) -> Run<Self> {
        Ok(Value::List(Arc::new(Items::new(items, budget)?)))
    }

    pub(super) fn tuple(items: Vec<Value>, budget: &mut Budget) -> Run<Self> {
        Ok(Value::Tuple(Arc::new(Items::new(items, budget)?)))
    }

    pub(super) fn dict(entries: Vec<(Value, Value)>, budget: &mut Budget) -> Run<Self> {
        Ok(Value::Dict(Arc::new(Dict::new(entries, budget)?)))
    }

    /// The name of the type in Python, which is what templates' authors know.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Undefined(_) => "undefined",
            Value::None => "None",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Text(_) => "str",
            Value::Safe(_) => "Markup",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Dict(_) => "dict",
            Value::View(View::Keys, _) => "dict_keys",
            Value::View(View::Values, _) => "dict_values",
            Value::View(View::Items, _) => "dict_items",
            Value::Range(_) => "range",
            Value::Live(live) => live.type_name(),
        }
    }

    /// Python's `bool(value)`.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Undefined(_) | Value::None => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::Float(x) => *x != 0.0,
            Value::Text(text) | Value::Safe(text) => !text.is_empty(),
            Value::List(items) | Value::Tuple(items) => !items.is_empty(),
            Value::Dict(dict) | Value::View(_, dict) => !dict.entries().is_empty(),
            Value::Range(range) => range.len > 0,
            Value::Live(_) => true,
        }
    }

    /// How deep containers stand in it: 0 for what is none.
    fn depth(&self) -> u16 {
        match self {
            Value::List(items) | Value::Tuple(items) => items.depth,
            Value::Dict(dict) | Value::View(_, dict) => dict.depth(),
            _ => 0,
        }
    }

    /// An error that says why the value is undefined, if it is.
    pub(super) fn defined(&self) -> Run<&Self> {
        match self {
            Value::Undefined(missing) => Err(missing.fault()),
            value => Ok(value),
        }
    }

    /// The items that a loop over the value sees. Errors: it has none; a live value is the interpreter's.
    pub(super) fn iterate(&self, budget: &mut Budget) -> Run<Arc<Items>> {
        let items = match self {
            Value::List(items) | Value::Tuple(items) => return Ok(Arc::clone(items)),
            Value::Undefined(_) => Vec::new(),
            Value::Text(text) | Value::Safe(text) => {
                budget.allocate_many(text.len(), size_of::<Value>())?;
                text.chars().map(|c| Value::Text(c.encode_utf8(&mut [0; 4]).into())).collect()
            }
            Value::Dict(dict) | Value::View(View::Keys, dict) => {
                dict.entries().iter().map(|(key, _)| key.clone()).collect()
            }
            Value::View(View::Values, dict) => dict.entries().iter().map(|(_, value)| value.clone()).collect(),
            Value::View(View::Items, dict) => {
                let mut items = Vec::new();
                for (key, value) in dict.entries() {
                    items.push(Value::tuple(vec![key.clone(), value.clone()], budget)?);
                }
                items
            }
            Value::Range(range) => {
                budget.allocate_many(range.len, size_of::<Value>())?;
                (0..range.len).map(|index| range.get(index)).collect()
            }
            other => return Err(Fault::evaluation(format!("'{}' has no items to go through", other.type_name()))),
        };
        Ok(Arc::new(Items::new(items, budget)?))
    }

    /// Python's `len(value)`, `None` where it has none.
    pub(super) fn len(&self, budget: &mut Budget) -> Run<Option<usize>> {
        Ok(Some(match self {
            Value::Undefined(_) => 0,
            Value::Text(text) | Value::Safe(text) => {
                budget.scan(text.len())?;
                text.chars().count()
            }
            Value::List(items) | Value::Tuple(items) => items.len(),
            Value::Dict(dict) | Value::View(_, dict) => dict.entries().len(),
            Value::Range(range) => range.len,
            _ => return Ok(None),
        }))
    }
}

impl Items {
    fn new(items: Vec<Value>, budget: &mut Budget) -> Run<Self> {
        budget.allocate_many(1 + items.len(), size_of::<Value>())?;
        let depth = depth_of(items.iter(), budget)?;
        Ok(Self { items, depth })
    }
}

/// The depth of a container of these values. Errors: too deep; a live value, which containers do not hold.
fn depth_of<'a>(values: impl Iterator<Item = &'a Value>, budget: &mut Budget) -> Run<u16> {
    let mut depth = 0;
    for value in values {
        budget.steps(1)?;
        if let Value::Live(live) = value {
            let what = format!("a {} inside a list, tuple, dict or namespace", live.type_name());
            return Err(Fault::unsupported(what));
        }
        depth = depth.max(value.depth());
    }
    if depth >= MAX_VALUE_DEPTH {
        let what = format!("lists and dicts stand more than {MAX_VALUE_DEPTH} deep inside each other");
        return Err(Fault::over_budget(what));
    }
    Ok(depth + 1)
}

impl Missing {
    pub(super) fn fault(&self) -> Box<Fault> {
        Fault::evaluation(match self {
            Missing::Name(text) => format!("{} is undefined", name(text)),
            Missing::Attribute(text, of) => format!("'{of}' has no attribute {}", name(text)),
            Missing::Forbidden(text, of) => {
                format!("{} of '{of}' is not allowed: templates run in an immutable sandbox", name(text))
            }
            Missing::Argument(text) => format!("the macro got no argument for {}", name(text)),
            Missing::Other(what) => (*what).to_owned(),
        })
    }
}

impl Live {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Live::Namespace(_) => "namespace",
            Live::Loop(_) => "loop",
            Live::Macro(..) => "macro",
            Live::Function(_) => "function",
            Live::Method(_) => "method",
            Live::Generator(_) => "generator",
            Live::Cycler(_) => "cycler",
            Live::Joiner(_) => "joiner",
        }
    }
}
