//! `'%s and %d' % (a, b)`: Python's older way to put values into text.
//!
//! Look first at [`format`].

use super::super::budget::{Budget, Text};
use super::super::error::{Fault, Run};
use super::super::value::number::Number;
use super::super::value::{Value, print};
use super::spec::Spec;
use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

/// `template % given`: a tuple gives one value a field, a dict values by name, anything else the only value.
pub(in super::super) fn format(template: &Arc<str>, given: &Value, budget: &mut Budget) -> Run<Value> {
    budget.scan(template.len())?;
    let mut fields = Fields {
        values: match given {
            Value::Tuple(items) => items.to_vec(),
            other => vec![other.clone()],
        },
        next: 0,
    };
    let mut out = Text::default();
    let mut rest = template.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '%' {
            field(&mut rest, given, &mut fields, &mut out, budget)?;
        } else {
            out.push_char(c, budget)?;
        }
    }
    // What Python could look up by name may hold more than is asked for.
    let is_mapping = matches!(given, Value::Dict(_) | Value::List(_) | Value::Range(_) | Value::Undefined(_));
    if fields.next < fields.values.len() && !is_mapping {
        return Err(Fault::evaluation("there are more values than '%' fields in the text"));
    }
    Value::text(out.into_string(), budget)
}

struct Fields {
    values: Vec<Value>,
    next: usize,
}

impl Fields {
    fn next(&mut self) -> Run<Value> {
        let value = self.values.get(self.next).cloned();
        self.next += 1;
        value.ok_or_else(|| Fault::evaluation("there are more '%' fields in the text than values"))
    }
}

/// One field, from behind its `%`.
fn field(
    rest: &mut Peekable<Chars<'_>>,
    given: &Value,
    fields: &mut Fields,
    out: &mut Text,
    budget: &mut Budget,
) -> Run<()> {
    let mut named = None;
    if rest.next_if_eq(&'(').is_some() {
        let Value::Dict(dict) = given else {
            return Err(Fault::evaluation("'%(name)s' takes its value from a dict"));
        };
        let mut name = String::new();
        let mut open = 1;
        for c in rest.by_ref() {
            open += i32::from(c == '(') - i32::from(c == ')');
            if open == 0 {
                break;
            }
            name.push(c);
        }
        let found = dict.get_text(&name).cloned();
        named =
            Some(found.ok_or_else(|| {
                Fault::evaluation(format!("the dict has no key {}", super::super::error::name(&name)))
            })?);
    }
    let mut spec = Spec { align: Some('>'), ..Spec::default() };
    let mut zero = false;
    while let Some(flag) = rest.next_if(|c| "-+ 0#".contains(*c)) {
        match flag {
            '-' => spec.align = Some('<'),
            '+' => spec.sign = Some('+'),
            ' ' => spec.sign = spec.sign.or(Some(' ')),
            '0' => zero = true,
            _ => spec.alternate = true,
        }
    }
    spec.width = size(rest, fields, &mut spec.align)?.unwrap_or(0);
    if rest.next_if_eq(&'.').is_some() {
        spec.precision = Some(size(rest, fields, &mut None)?.unwrap_or(0));
    }
    while rest.next_if(|c| "hlL".contains(*c)).is_some() {}
    let Some(kind) = rest.next() else { return Err(Fault::evaluation("the text ends inside a '%' field")) };
    if kind == '%' {
        return out.push("%", budget);
    }
    let value = match named {
        Some(value) => {
            fields.next = 1;
            value
        }
        None => fields.next()?,
    };
    if zero && spec.align == Some('>') && !"sraci".contains(kind) {
        (spec.fill, spec.align) = (Some('0'), Some('='));
    }
    if zero && kind == 'i' && spec.align == Some('>') {
        (spec.fill, spec.align) = (Some('0'), Some('='));
    }
    match kind {
        's' => spec.text(&print::to_text(&value, budget)?, out, budget),
        'r' => {
            let mut text = Text::default();
            print::write_repr(&value, &mut text, budget)?;
            spec.text(text.as_str(), out, budget)
        }
        'c' => match &value {
            Value::Text(text) if text.chars().count() == 1 => spec.text(text, out, budget),
            Value::Int(n) => match u32::try_from(*n).ok().and_then(char::from_u32) {
                Some(c) => spec.text(&c.to_string(), out, budget),
                None => Err(Fault::evaluation("'%c' takes the number of a character")),
            },
            _ => Err(Fault::evaluation("'%c' takes one character")),
        },
        'd' | 'i' | 'u' => {
            let n = match Number::of(value.defined()?) {
                Some(Number::Int(n)) => n,
                Some(Number::Float(x)) if x.abs() < 9.2e18 => x.trunc() as i64,
                _ => return Err(Fault::evaluation(format!("'%{kind}' takes a number, not '{}'", value.type_name()))),
            };
            spec.kind = Some('d');
            whole(&spec, n, out, budget)
        }
        'x' | 'X' | 'o' => {
            spec.kind = Some(kind);
            match Number::of(value.defined()?) {
                Some(Number::Int(n)) => whole(&spec, n, out, budget),
                _ => Err(Fault::evaluation(format!("'%{kind}' takes an int, not '{}'", value.type_name()))),
            }
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            spec.kind = Some(kind);
            match Number::of(value.defined()?) {
                Some(_) => spec.apply(&value, out, budget),
                None => Err(Fault::evaluation(format!("'%{kind}' takes a number, not '{}'", value.type_name()))),
            }
        }
        other => {
            let other = super::super::error::shown(&other.to_string(), 1);
            Err(Fault::unsupported(format!("the field '%{other}'")))
        }
    }
}

/// A whole number; a precision is the least number of digits.
fn whole(spec: &Spec, n: i64, out: &mut Text, budget: &mut Budget) -> Run<()> {
    if spec.precision.is_some() {
        return Err(Fault::unsupported("a precision for a whole number in a '%' field"));
    }
    spec.apply(&Value::Int(n), out, budget)
}

/// A width or precision: digits, or `*` for one of the values. A negative width means left.
fn size(rest: &mut Peekable<Chars<'_>>, fields: &mut Fields, align: &mut Option<char>) -> Run<Option<usize>> {
    if rest.next_if_eq(&'*').is_some() {
        let n = super::args::int(&fields.next()?)?;
        if n < 0 {
            *align = Some('<');
        }
        return Ok(Some(usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX)));
    }
    let mut n: Option<usize> = None;
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        let digit = digit.to_digit(10).unwrap_or(0) as usize;
        n = Some(n.unwrap_or(0).saturating_mul(10).saturating_add(digit));
    }
    Ok(n)
}
