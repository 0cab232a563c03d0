//! `value.name`, `value[key]`, `value[start:stop:step]`.
//!
//! Look first at [`attribute`] and [`item`]. Python has two name spaces, and Jinja looks into both: `.name` means the
//! attribute first (so `dict.items` is the method, whatever keys there are), `[key]` the item first. What is not found is
//! undefined, not an error; only an attribute of something undefined is.
//!
//! Not here: attributes of live values, which the interpreter knows.

use super::super::budget::Budget;
use super::super::error::{Fault, Run};
use super::{Live, Missing, Value};
use std::sync::Arc;

const TEXT_METHODS: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const DICT_METHODS: &[&str] =
    &["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
const LIST_METHODS: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const TUPLE_METHODS: &[&str] = &["count", "index"];
const NUMBER_METHODS: &[&str] = &[
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "conjugate",
    "denominator",
    "from_bytes",
    "fromhex",
    "hex",
    "imag",
    "is_integer",
    "numerator",
    "real",
    "to_bytes",
];
const RANGE_METHODS: &[&str] = &["count", "index", "start", "step", "stop"];

/// The methods and other attributes that Python's type has.
fn attributes_of(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Text(_) | Value::Safe(_) => TEXT_METHODS,
        Value::Dict(_) => DICT_METHODS,
        Value::List(_) => LIST_METHODS,
        Value::Tuple(_) => TUPLE_METHODS,
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => NUMBER_METHODS,
        Value::View(..) => &["isdisjoint", "mapping"],
        Value::Range(_) => RANGE_METHODS,
        _ => &[],
    }
}

/// Methods that change their value. Hugging Face's sandbox is immutable: there they are undefined.
const CHANGES: &[&str] =
    &["append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update"];

/// The method of that name, if Python's type has one.
fn method(value: &Value, name: &Arc<str>) -> Option<Value> {
    if !attributes_of(value).contains(&&**name) {
        return None;
    }
    if CHANGES.contains(&&**name) && matches!(value, Value::List(_) | Value::Dict(_)) {
        return Some(Value::Undefined(Missing::Forbidden(Arc::clone(name), value.type_name())));
    }
    Some(Value::Live(Live::Method(Arc::new((value.clone(), Arc::clone(name))))))
}

/// `value.name`. Errors: the value is undefined. Python's inner parts, whose names begin with `__`, are undefined here.
pub(in super::super) fn attribute(value: &Value, name: &Arc<str>, budget: &mut Budget) -> Run<Value> {
    budget.scan(name.len())?;
    value.defined()?;
    if name.starts_with("__") {
        return Ok(Value::Undefined(Missing::Forbidden(Arc::clone(name), value.type_name())));
    }
    if let Some(method) = method(value, name) {
        return Ok(method);
    }
    let found = if let Value::Dict(dict) = value { dict.get_text(name) } else { None };
    if let Some(found) = found {
        return Ok(found.clone());
    }
    Ok(Value::Undefined(Missing::Attribute(Arc::clone(name), value.type_name())))
}

/// `value[key]`. Errors: the value is undefined.
pub(in super::super) fn item(value: &Value, key: &Value, budget: &mut Budget) -> Run<Value> {
    budget.steps(1)?;
    let index = match key {
        Value::Int(n) => Some(*n),
        Value::Bool(b) => Some(i64::from(*b)),
        _ => None,
    };
    let found = match (value.defined()?, index) {
        (Value::Dict(_), _) if matches!(key, Value::List(_) | Value::Dict(_)) => None,
        (Value::Dict(dict), _) => dict.get(key, budget)?.cloned(),
        (Value::List(items) | Value::Tuple(items), Some(index)) => {
            position(index, items.len()).map(|at| items[at].clone())
        }
        (Value::Range(range), Some(index)) => position(index, range.len).map(|at| range.get(at)),
        (Value::Text(text) | Value::Safe(text), Some(index)) => {
            budget.scan(text.len())?;
            let n = if index < 0 { text.chars().count() } else { usize::MAX };
            let c = position(index, n).and_then(|at| text.chars().nth(at));
            c.map(|c| Value::Text(c.encode_utf8(&mut [0; 4]).into()))
        }
        _ => None,
    };
    match (found, key) {
        (Some(found), _) => Ok(found),
        (None, Value::Text(name)) => attribute(value, name, budget),
        (None, Value::Int(_)) => Ok(Value::Undefined(Missing::Other("there is no item with this index"))),
        (None, _) => Ok(Value::Undefined(Missing::Other("there is no item with this key"))),
    }
}

/// An index as Python counts, from the end if it is negative.
fn position(index: i64, len: usize) -> Option<usize> {
    let from_start = if index < 0 { usize::try_from(index + len as i64) } else { usize::try_from(index) };
    from_start.ok().filter(|&at| at < len)
}

/// `value[start:stop:step]`. Errors: the value has no order, a bound is no whole number, the step is 0.
pub(in super::super) fn slice(value: &Value, bounds: [&Value; 3], budget: &mut Budget) -> Run<Value> {
    let bound = |value: &Value| match value.defined()? {
        Value::None => Ok(None),
        Value::Int(n) => Ok(Some(*n)),
        Value::Bool(b) => Ok(Some(i64::from(*b))),
        other => Err(Fault::evaluation(format!("a slice has bounds of type 'int', not '{}'", other.type_name()))),
    };
    let value = value.defined()?;
    let Some(len) = value.len(budget)?.filter(|_| !matches!(value, Value::Dict(_) | Value::View(..))) else {
        return Err(Fault::evaluation(format!("'{}' cannot be sliced", value.type_name())));
    };
    let [start, stop, step] = [bound(bounds[0])?, bound(bounds[1])?, bound(bounds[2])?];
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Fault::evaluation("the step of a slice is 0"));
    }
    // As `slice.indices` of Python: bounds count from the end if negative, and are cut to the sequence.
    let len = len as i64;
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let cut = |n: i64| if n < 0 { n.saturating_add(len).max(lowest) } else { n.min(highest) };
    let start = start.map_or(if step > 0 { lowest } else { highest }, cut);
    let stop = stop.map_or(if step > 0 { highest } else { lowest }, cut);
    let n = if step > 0 { (stop - start).max(0) } else { (start - stop).max(0) } as u64;
    let n = n.div_ceil(step.unsigned_abs()) as usize;
    let at = |i: usize| (start + i as i64 * step) as usize;

    match value {
        Value::List(items) | Value::Tuple(items) => {
            budget.allocate_many(n, size_of::<Value>())?;
            let picked = (0..n).map(|i| items[at(i)].clone()).collect();
            if matches!(value, Value::List(_)) { Value::list(picked, budget) } else { Value::tuple(picked, budget) }
        }
        Value::Text(text) => {
            budget.allocate(text.len())?;
            let picked: String = if step == 1 {
                text.chars().skip(start as usize).take(n).collect()
            } else {
                budget.allocate_many(text.len(), size_of::<char>())?;
                let chars: Vec<char> = text.chars().collect();
                (0..n).map(|i| chars[at(i)]).collect()
            };
            Ok(Value::Text(picked.into()))
        }
        Value::Range(_) => Err(Fault::unsupported("a slice of a range")),
        Value::Undefined(_) => Err(Fault::evaluation("a slice of something undefined")),
        _ => Err(Fault::unsupported("a slice of text marked as safe")),
    }
}
