//! `'{} and {name}'.format(a, name=b)`: Python's newer way to put values into text.
//!
//! Look first at [`format`].

use super::super::budget::{Budget, Text};
use super::super::error::{Fault, Run, name as shown_name};
use super::super::value::{Live, Value, access, print};
use super::args::Args;
use super::spec::Spec;

/// `template.format(args)`. Errors: a field without a value, a layout that is not here.
pub(super) fn format(template: &str, args: &Args, budget: &mut Budget) -> Run<Value> {
    let mut out = Text::default();
    let mut rest = template;
    let mut numbering = Numbering::Open;
    while let Some(at) = rest.find(['{', '}']) {
        out.push(&rest[..at], budget)?;
        let sign = &rest[at..=at];
        if rest[at + 1..].starts_with(sign) {
            out.push(sign, budget)?;
            rest = &rest[at + 2..];
            continue;
        }
        let Some((field, behind)) = rest[at + 1..].split_once('}').filter(|_| sign == "{") else {
            return Err(Fault::evaluation("a single '{' or '}' in a text with fields"));
        };
        if field.contains('{') {
            return Err(Fault::unsupported("a field inside a field"));
        }
        write_field(field, args, &mut numbering, &mut out, budget)?;
        rest = behind;
    }
    out.push(rest, budget)?;
    Value::text(out.into_string(), budget)
}

/// Fields are numbered by themselves or by the template, not both.
enum Numbering {
    Open,
    Own(usize),
    Given,
}

fn write_field(field: &str, args: &Args, numbering: &mut Numbering, out: &mut Text, budget: &mut Budget) -> Run<()> {
    let (field, spec) = field.split_once(':').unwrap_or((field, ""));
    let (field, conversion) = match field.split_once('!') {
        Some((field, conversion)) => (field, Some(conversion)),
        None => (field, None),
    };
    let end = field.find(['.', '[']).unwrap_or(field.len());
    budget.steps(1 + args.named.len())?;
    let value = argument(&field[..end], args, numbering)?;
    let value = follow(value, &field[end..], budget)?;
    let value = match conversion {
        None => value,
        Some("s") => Value::Text(print::to_text(&value, budget)?),
        Some("r") => {
            let mut text = Text::default();
            print::write_repr(&value, &mut text, budget)?;
            Value::text(text.into_string(), budget)?
        }
        Some(other) => return Err(Fault::unsupported(format!("the conversion {}", shown_name(other)))),
    };
    if spec.is_empty() {
        return print::write(&value, out, budget);
    }
    parse(spec)?.apply(&value, out, budget)
}

/// The argument that a field names: by number, by name, or the next one.
fn argument(name: &str, args: &Args, numbering: &mut Numbering) -> Run<Value> {
    let position = match (name.parse::<usize>(), &numbering) {
        (Ok(n), Numbering::Open | Numbering::Given) => {
            *numbering = Numbering::Given;
            Some(n)
        }
        (Err(_), _) if !name.is_empty() => None,
        (Err(_), Numbering::Open) => {
            *numbering = Numbering::Own(1);
            Some(0)
        }
        (Err(_), &&mut Numbering::Own(n)) => {
            *numbering = Numbering::Own(n + 1);
            Some(n)
        }
        _ => return Err(Fault::evaluation("fields with numbers beside fields without")),
    };
    let found = match position {
        Some(n) => args.positional.get(n),
        None => args.named.iter().find(|(known, _)| **known == *name).map(|(_, value)| value),
    };
    found.cloned().ok_or_else(|| Fault::evaluation(format!("there is no value for the field {}", shown_name(name))))
}

/// `.attribute` and `[key]` behind the name of a field.
fn follow(mut value: Value, mut path: &str, budget: &mut Budget) -> Run<Value> {
    let broken = || Fault::evaluation("a field has a path that is none");
    while !path.is_empty() {
        if let Some(inside) = path.strip_prefix('[') {
            let (key, behind) = inside.split_once(']').ok_or_else(broken)?;
            let key = key.parse().map_or_else(|_| Value::Text(key.into()), Value::Int);
            value = access::item(&value, &key, budget)?;
            path = behind;
        } else {
            let inside = path.strip_prefix('.').ok_or_else(broken)?;
            let end = inside.find(['.', '[']).unwrap_or(inside.len());
            value = access::attribute(&value, &inside[..end].into(), budget)?;
            path = &inside[end..];
        }
        if let Value::Live(Live::Method(_)) = value {
            return Err(Fault::unsupported("a method in a field"));
        }
    }
    Ok(value)
}

/// The layout behind the `:` of a field.
fn parse(text: &str) -> Run<Spec> {
    let mut spec = Spec::default();
    let mut rest = text.chars().peekable();
    let mut ahead = text.chars();
    match (ahead.next(), ahead.next()) {
        (Some(fill), Some(align)) if "<>^=".contains(align) => {
            (spec.fill, spec.align) = (Some(fill), Some(align));
            rest.next();
            rest.next();
        }
        (Some(align), _) if "<>^=".contains(align) => spec.align = rest.next(),
        _ => {}
    }
    spec.sign = rest.next_if(|c| "+- ".contains(*c));
    spec.alternate = rest.next_if_eq(&'#').is_some();
    if rest.next_if_eq(&'0').is_some() {
        spec.fill = spec.fill.or(Some('0'));
        spec.align = spec.align.or(Some('='));
    }
    let mut digits = |n: &mut usize| {
        let mut any = false;
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            *n = n.saturating_mul(10).saturating_add(digit.to_digit(10).unwrap_or(0) as usize);
            any = true;
        }
        any
    };
    digits(&mut spec.width);
    spec.grouping = rest.next_if(|c| ",_".contains(*c));
    if rest.next_if_eq(&'.').is_some() {
        let mut precision = 0;
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            precision = usize::saturating_mul(precision, 10).saturating_add(digit.to_digit(10).unwrap_or(0) as usize);
        }
        spec.precision = Some(precision);
    }
    spec.kind = rest.next();
    if rest.next().is_some() {
        return Err(Fault::unsupported(format!("the layout {}", shown_name(text))));
    }
    Ok(spec)
}
