//! Filters on lists and dicts.

use super::super::budget::{Budget, Text};
use super::super::error::{Fault, Run};
use super::super::value::compare::order;
use super::super::value::number::{Operator, arithmetic};
use super::super::value::{Key, Missing, Value, print};
use super::args::{Args, flag, given, int, path};
use super::{Made, sort};
use std::cmp::Ordering;
use std::collections::HashSet;

/// `value|name(args)` if it is a filter of this file.
pub(super) fn apply(name: &str, value: &Value, args: &Args, budget: &mut Budget) -> Run<Option<Made>> {
    let args = || args.clone();
    Ok(Some(match name {
        "batch" => Made::Generator(batch(value, args(), budget)?),
        "slice" => Made::Generator(slice(value, args(), budget)?),
        "dictsort" => Made::Value(dictsort(value, args(), budget)?),
        "first" => Made::Value(end(value, args().bind(name, [])?, true, budget)?),
        "last" => Made::Value(end(value, args().bind(name, [])?, false, budget)?),
        "items" => Made::Generator(items(value, args(), budget)?),
        "join" => Made::Value(join(value, args(), budget)?),
        "list" => {
            args().bind(name, [])?;
            Made::Value(Value::list(value.iterate(budget)?.to_vec(), budget)?)
        }
        "max" => Made::Value(extreme(value, args(), Ordering::Greater, budget)?),
        "min" => Made::Value(extreme(value, args(), Ordering::Less, budget)?),
        "reverse" => reverse(value, args(), budget)?,
        "sort" => Made::Value(sort(value, args(), budget)?),
        "sum" => Made::Value(sum(value, args(), budget)?),
        "unique" => Made::Generator(unique(value, args(), budget)?),
        _ => return Ok(None),
    }))
}

/// The items of a value that is defined or may be empty.
fn all(value: &Value, budget: &mut Budget) -> Run<Vec<Value>> {
    let items = value.iterate(budget)?;
    budget.allocate_many(items.len(), size_of::<Value>())?;
    Ok(items.to_vec())
}

fn batch(value: &Value, args: Args, budget: &mut Budget) -> Run<Vec<Value>> {
    let [Some(count), fill] = args.bind("batch", ["linecount", "fill_with"])? else {
        return Err(Fault::evaluation("'batch' takes how many items a batch has"));
    };
    let count = usize::try_from(int(&count)?).ok().filter(|&n| n > 0);
    let count = count.ok_or_else(|| Fault::unsupported("'batch' with fewer than 1 item"))?;
    let mut made = Vec::new();
    for chunk in all(value, budget)?.chunks(count) {
        let mut chunk = chunk.to_vec();
        if let Some(fill) = given(fill.clone()) {
            budget.allocate_many(count - chunk.len(), size_of::<Value>())?;
            chunk.resize(count, fill);
        }
        made.push(Value::list(chunk, budget)?);
    }
    Ok(made)
}

fn slice(value: &Value, args: Args, budget: &mut Budget) -> Run<Vec<Value>> {
    let [Some(slices), fill] = args.bind("slice", ["slices", "fill_with"])? else {
        return Err(Fault::evaluation("'slice' takes how many slices to make"));
    };
    let slices = usize::try_from(int(&slices)?).ok().filter(|&n| n > 0);
    let slices = slices.ok_or_else(|| Fault::unsupported("'slice' into fewer than 1 slice"))?;
    let items = all(value, budget)?;
    let (each, longer) = (items.len() / slices, items.len() % slices);
    let mut made = Vec::new();
    let mut rest = &items[..];
    for i in 0..slices {
        let (slice, behind) = rest.split_at(each + usize::from(i < longer));
        rest = behind;
        let mut slice = slice.to_vec();
        slice.extend(given(fill.clone()).filter(|_| i >= longer));
        made.push(Value::list(slice, budget)?);
    }
    Ok(made)
}

fn items(value: &Value, args: Args, budget: &mut Budget) -> Run<Vec<Value>> {
    args.bind("items", [])?;
    match value {
        Value::Undefined(_) => Ok(Vec::new()),
        Value::Dict(dict) => {
            let pair = |(key, value): &(Value, Value)| Value::tuple(vec![key.clone(), value.clone()], budget);
            dict.entries().iter().map(pair).collect()
        }
        other => Err(Fault::evaluation(format!("'items' takes a dict, not '{}'", other.type_name()))),
    }
}

/// The first or the last item.
fn end(value: &Value, _no_arguments: [Option<Value>; 0], first: bool, budget: &mut Budget) -> Run<Value> {
    let items = match value {
        Value::Text(text) | Value::Safe(text) => {
            let c = if first { text.chars().next() } else { text.chars().next_back() };
            let c = c.map(|c| Value::Text(c.encode_utf8(&mut [0; 4]).into()));
            return Ok(c.unwrap_or(Value::Undefined(Missing::Other("the text has no characters"))));
        }
        value => value.iterate(budget)?,
    };
    let item = if first { items.first() } else { items.last() };
    Ok(item.cloned().unwrap_or(Value::Undefined(Missing::Other("the sequence has no items"))))
}

fn join(value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    let [between, attribute] = args.bind("join", ["d", "attribute"])?;
    let between = match between {
        Some(between) => print::to_text(&between, budget)?,
        None => "".into(),
    };
    let path = given(attribute).map(|attribute| path(&attribute, budget)).transpose()?;
    let mut out = Text::default();
    for (i, item) in value.iterate(budget)?.iter().enumerate() {
        if i > 0 {
            out.push(&between, budget)?;
        }
        match &path {
            Some(path) => print::write(&path.follow(item, None, budget)?, &mut out, budget)?,
            None => print::write(item, &mut out, budget)?,
        }
    }
    Value::text(out.into_string(), budget)
}

fn reverse(value: &Value, args: Args, budget: &mut Budget) -> Run<Made> {
    args.bind("reverse", [])?;
    if let Value::Text(text) = value {
        budget.allocate(text.len())?;
        return Ok(Made::Value(Value::text(text.chars().rev().collect::<String>(), budget)?));
    }
    let mut items = all(value, budget)?;
    items.reverse();
    Ok(Made::Generator(items))
}

/// What items are compared by: lower case unless case counts.
fn key(item: &Value, case_sensitive: bool, budget: &mut Budget) -> Run<Value> {
    match item {
        Value::Text(text) if !case_sensitive => Value::text(text.to_lowercase(), budget),
        item => Ok(item.clone()),
    }
}

fn sort(value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    let [reverse, case, attribute] = args.bind("sort", ["reverse", "case_sensitive", "attribute"])?;
    let paths = match given(attribute) {
        Some(Value::Text(names)) => {
            names.split(',').map(|name| path(&Value::Text(name.into()), budget)).collect::<Run<Vec<_>>>()?
        }
        Some(other) => vec![path(&other, budget)?],
        None => Vec::new(),
    };
    let mut pairs = Vec::new();
    for item in all(value, budget)? {
        let mut keys = Vec::new();
        for path in &paths {
            keys.push(key(&path.follow(&item, None, budget)?, flag(case.as_ref()), budget)?);
        }
        if paths.is_empty() {
            keys.push(key(&item, flag(case.as_ref()), budget)?);
        }
        budget.allocate_many(keys.len() + 1, size_of::<Value>())?;
        pairs.push((keys, item));
    }
    Value::list(sort::by_keys(pairs, flag(reverse.as_ref()), budget)?, budget)
}

fn dictsort(value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    let [case, by, reverse] = args.bind("dictsort", ["case_sensitive", "by", "reverse"])?;
    let by_value = match by {
        None => false,
        Some(Value::Text(by)) if *by == *"key" => false,
        Some(Value::Text(by)) if *by == *"value" => true,
        Some(_) => return Err(Fault::evaluation("'dictsort' sorts by 'key' or 'value'")),
    };
    let Value::Dict(dict) = value.defined()? else {
        return Err(Fault::evaluation(format!("'dictsort' takes a dict, not '{}'", value.type_name())));
    };
    let mut pairs = Vec::new();
    for (name, value) in dict.entries() {
        let by = key(if by_value { value } else { name }, flag(case.as_ref()), budget)?;
        pairs.push((vec![by], Value::tuple(vec![name.clone(), value.clone()], budget)?));
    }
    Value::list(sort::by_keys(pairs, flag(reverse.as_ref()), budget)?, budget)
}

fn sum(value: &Value, args: Args, budget: &mut Budget) -> Run<Value> {
    let [attribute, start] = args.bind("sum", ["attribute", "start"])?;
    let path = given(attribute).map(|attribute| path(&attribute, budget)).transpose()?;
    let mut sum = start.unwrap_or(Value::Int(0));
    if let Value::Text(_) = sum {
        return Err(Fault::evaluation("'sum' does not add text: use 'join'"));
    }
    for item in value.iterate(budget)?.iter() {
        let item = match &path {
            Some(path) => path.follow(item, None, budget)?,
            None => item.clone(),
        };
        // Python 3.12 began to add floats with less rounding; this is the plain sum of 3.11.
        sum = arithmetic(Operator::Add, &sum, &item, budget)?;
    }
    Ok(sum)
}

fn unique(value: &Value, args: Args, budget: &mut Budget) -> Run<Vec<Value>> {
    let [case, attribute] = args.bind("unique", ["case_sensitive", "attribute"])?;
    let path = given(attribute).map(|attribute| path(&attribute, budget)).transpose()?;
    let mut seen = HashSet::new();
    let mut made = Vec::new();
    for item in value.iterate(budget)?.iter() {
        let by = match &path {
            Some(path) => path.follow(item, None, budget)?,
            None => item.clone(),
        };
        budget.allocate(4 * size_of::<Value>())?;
        if seen.insert(Key::of(&key(&by, flag(case.as_ref()), budget)?, budget)?) {
            made.push(item.clone());
        }
    }
    Ok(made)
}

/// The first of the largest or smallest items.
fn extreme(value: &Value, args: Args, wanted: Ordering, budget: &mut Budget) -> Run<Value> {
    let [case, attribute] = args.bind("min or max", ["case_sensitive", "attribute"])?;
    let path = given(attribute).map(|attribute| path(&attribute, budget)).transpose()?;
    let mut best: Option<(Value, Value)> = None;
    for item in value.iterate(budget)?.iter() {
        let by = match &path {
            Some(path) => path.follow(item, None, budget)?,
            None => item.clone(),
        };
        let by = key(&by, flag(case.as_ref()), budget)?;
        let better = match &best {
            Some((best, _)) => order(&by, best, budget)? == Some(wanted),
            None => true,
        };
        if better {
            best = Some((by, item.clone()));
        }
    }
    Ok(best.map_or(Value::Undefined(Missing::Other("the sequence has no items")), |(_, item)| item))
}
