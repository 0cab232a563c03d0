//! How a value is laid out: width, sign, precision, base. `percent` and `format` have two ways to write this down and
//! share what it means.
//!
//! Look first at [`Spec::apply`].

use super::super::budget::{Budget, Text};
use super::super::error::{Fault, Run};
use super::super::value::number::Number;
use super::super::value::{Value, print};

/// More digits than this are refused.
const MAX_PRECISION: usize = 1000;

/// A layout.
#[derive(Clone, Debug, Default)]
pub(super) struct Spec {
    pub(super) fill: Option<char>,
    /// `<` left, `>` right, `^` middle, `=` right with the sign before the fill.
    pub(super) align: Option<char>,
    /// `+` or a blank before numbers that are not negative.
    pub(super) sign: Option<char>,
    /// `#`: with the prefix of the base.
    pub(super) alternate: bool,
    pub(super) width: usize,
    /// What stands between groups of three digits.
    pub(super) grouping: Option<char>,
    pub(super) precision: Option<usize>,
    /// The letter at the end.
    pub(super) kind: Option<char>,
}

impl Spec {
    /// Writes a value so. Errors: the kind does not go with the value's type.
    pub(super) fn apply(&self, value: &Value, out: &mut Text, budget: &mut Budget) -> Run<()> {
        if self.precision.is_some_and(|n| n > MAX_PRECISION) {
            return Err(Fault::over_budget(format!("a precision of more than {MAX_PRECISION}")));
        }
        let value = value.defined()?;
        match (Number::of(value), self.kind) {
            (None, None | Some('s')) if matches!(value, Value::Text(_) | Value::Safe(_)) => {
                self.text(&print::to_text(value, budget)?, out, budget)
            }
            (Some(Number::Int(n)), None | Some('d' | 'n' | 'b' | 'o' | 'x' | 'X')) if self.precision.is_none() => {
                self.number(n < 0, &self.digits(n.unsigned_abs()), out, budget)
            }
            (Some(Number::Float(x)), None) if self.precision.is_none() => {
                self.number(x.is_sign_negative(), print::float(x.abs()).as_str(), out, budget)
            }
            (Some(number), Some('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '%')) => {
                let x = number.float();
                self.number(x.is_sign_negative() && !x.is_nan(), &self.float(x.abs()), out, budget)
            }
            (_, kind) => {
                let kind = kind.map_or("no letter".into(), |kind| format!("the letter '{kind}'"));
                Err(Fault::unsupported(format!("laying out '{}' with {kind}", value.type_name())))
            }
        }
    }

    /// Text, cut to the precision and filled up to the width.
    pub(super) fn text(&self, text: &str, out: &mut Text, budget: &mut Budget) -> Run<()> {
        budget.scan(text.len())?;
        let end = self.precision.and_then(|n| text.char_indices().nth(n)).map_or(text.len(), |(at, _)| at);
        self.filled("", &text[..end], '<', out, budget)
    }

    /// A number of these digits.
    pub(super) fn number(&self, negative: bool, digits: &str, out: &mut Text, budget: &mut Budget) -> Run<()> {
        let prefix = match self.kind {
            Some(kind @ ('b' | 'o' | 'x' | 'X')) if self.alternate => format!("0{kind}"),
            _ => String::new(),
        };
        let sign =
            if negative { "-".into() } else { self.sign.filter(|&c| c != '-').map_or(String::new(), String::from) };
        let grouped = match self.grouping {
            Some(between) => grouped(digits, between),
            None => digits.to_owned(),
        };
        self.filled(&(sign + &prefix), &grouped, '>', out, budget)
    }

    fn filled(&self, sign: &str, body: &str, align: char, out: &mut Text, budget: &mut Budget) -> Run<()> {
        let missing = self.width.saturating_sub(sign.chars().count() + body.chars().count());
        let fill = self.fill.unwrap_or(' ');
        let align = self.align.unwrap_or(align);
        if align == '=' && fill == '0' && self.grouping.is_some() && missing > 0 {
            return Err(Fault::unsupported("grouping of zeros that fill up a width"));
        }
        let left = match align {
            '<' => 0,
            '^' => missing / 2,
            _ => missing,
        };
        if align == '=' {
            out.push(sign, budget)?;
            out.pad(fill, left, budget)?;
        } else {
            out.pad(fill, left, budget)?;
            out.push(sign, budget)?;
        }
        out.push(body, budget)?;
        out.pad(fill, missing - left, budget)
    }

    fn digits(&self, n: u64) -> String {
        match self.kind {
            Some('b') => format!("{n:b}"),
            Some('o') => format!("{n:o}"),
            Some('x') => format!("{n:x}"),
            Some('X') => format!("{n:X}"),
            _ => n.to_string(),
        }
    }

    /// A float that is not negative.
    fn float(&self, x: f64) -> String {
        let precision = self.precision.unwrap_or(6);
        let kind = self.kind.unwrap_or('g');
        if !x.is_finite() {
            let text = print::float(x);
            return if kind.is_ascii_uppercase() { text.to_uppercase() } else { text };
        }
        let mut text = match kind.to_ascii_lowercase() {
            'f' => format!("{x:.precision$}"),
            '%' => return format!("{:.precision$}%", x * 100.0),
            'e' => exponent(x, precision),
            _ => {
                let precision = precision.max(1);
                let scientific = exponent(x, precision - 1);
                let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
                let text = if (-4..precision as i32).contains(&power) {
                    format!("{x:.*}", (precision as i32 - 1 - power) as usize)
                } else {
                    scientific
                };
                if self.alternate { text } else { without_zeros(&text) }
            }
        };
        if self.alternate && !text.contains('.') && !text.contains('e') {
            text.push('.');
        }
        if kind.is_ascii_uppercase() { text.to_uppercase() } else { text }
    }
}

/// `1.5e+02`.
fn exponent(x: f64, precision: usize) -> String {
    let text = format!("{x:.precision$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

/// Without the zeros at the end of the fraction.
fn without_zeros(text: &str) -> String {
    let (digits, power) = text.split_at(text.find('e').unwrap_or(text.len()));
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}{power}")
}

/// The digits before the point in groups of three.
fn grouped(digits: &str, between: char) -> String {
    let whole = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let mut made = String::new();
    for (i, c) in digits[..whole].chars().enumerate() {
        if i > 0 && (whole - i) % 3 == 0 {
            made.push(between);
        }
        made.push(c);
    }
    made + &digits[whole..]
}
