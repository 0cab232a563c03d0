//! The two pieces of Python that chat templates rely on: `json.dumps` and `strftime`.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// Writes `value` as Python's `json.dumps(value, indent=indent)` does: a space behind `:` and, on one line, behind
/// `,`; keys in the order they have. Text beyond ASCII stays as it is (`ensure_ascii=False`).
pub(super) fn write_json(value: &Value, indent: Option<usize>, depth: usize, out: &mut String) -> Result<(), Error> {
    let kind = value.kind();
    let (open, close) = match kind {
        ValueKind::Seq | ValueKind::Iterable => ('[', ']'),
        ValueKind::Map => ('{', '}'),
        _ => {
            out.push_str(&match kind {
                ValueKind::None | ValueKind::Undefined => "null".to_owned(),
                ValueKind::Bool => value.is_true().to_string(),
                ValueKind::Number => value.to_string(),
                ValueKind::String => quoted(value),
                _ => return Err(Error::new(ErrorKind::BadSerialization, format!("{kind} is nothing JSON can write"))),
            });
            return Ok(());
        }
    };
    let new_line = |out: &mut String, depth: usize| {
        if let Some(indent) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    };
    out.push(open);
    let mut empty = true;
    for item in value.try_iter()? {
        if !std::mem::take(&mut empty) {
            out.push_str(if indent.is_some() { "," } else { ", " });
        }
        new_line(out, depth + 1);
        if open == '{' {
            out.push_str(&quoted(&item));
            out.push_str(": ");
            write_json(&value.get_item(&item)?, indent, depth + 1, out)?;
        } else {
            write_json(&item, indent, depth + 1, out)?;
        }
    }
    if !empty {
        new_line(out, depth);
    }
    out.push(close);
    Ok(())
}

/// A JSON string.
fn quoted(value: &Value) -> String {
    serde_json::Value::from(value.to_string()).to_string()
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// C's `strftime` for a time in seconds since 1970, UTC. Fields it does not know stay as they are written.
pub(super) fn strftime(seconds: u64, format: &str) -> String {
    let days = seconds / 86_400;
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let month_name = MONTHS[month as usize - 1];
    let day_name = DAYS[(days as usize + 4) % 7]; // 1970 began on a Thursday

    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let field = match rest.next() {
            Some('Y') => year.to_string(),
            Some('y') => format!("{:02}", year % 100),
            Some('m') => format!("{month:02}"),
            Some('B') => month_name.to_owned(),
            Some('b') => month_name[..3].to_owned(),
            Some('d') => format!("{day:02}"),
            Some('A') => day_name.to_owned(),
            Some('a') => day_name[..3].to_owned(),
            Some('H') => format!("{hour:02}"),
            Some('M') => format!("{minute:02}"),
            Some('S') => format!("{second:02}"),
            Some('F') => format!("{year}-{month:02}-{day:02}"),
            Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('%') => "%".to_owned(),
            Some(other) => format!("%{other}"),
            None => "%".to_owned(),
        };
        text.push_str(&field);
    }
    text
}

/// Year, month and day of the month, of a day counted from 1 January 1970.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`: years begin in March, so
/// that the leap day comes last, and 400 of them are one era of 146,097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // from 1 March of the year 0
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(strftime(0, "%A %d %B %Y %H:%M:%S"), "Thursday 01 January 1970 00:00:00");
        assert_eq!(strftime(951_782_400, "%F %a"), "2000-02-29 Tue");
        assert_eq!(strftime(1_735_689_599, "%d %b %Y, %T, 100%% %Q %"), "31 Dec 2024, 23:59:59, 100% %Q %");
        assert_eq!(strftime(1_709_251_200, "%y/%m/%d"), "24/03/01");
    }

    #[test]
    fn json_as_python_writes_it() {
        let value = minijinja::context! { b => [Value::from(1), Value::from(2.5), Value::from(())], a => "é <&> \"\n" };
        let mut line = String::new();
        write_json(&value, None, 0, &mut line).unwrap();
        assert_eq!(line, r#"{"b": [1, 2.5, null], "a": "é <&> \"\n"}"#);
        let mut block = String::new();
        let nested = Value::from(vec![Value::from(vec![true]), Value::from(Vec::<Value>::new())]);
        write_json(&nested, Some(2), 0, &mut block).unwrap();
        assert_eq!(block, "[\n  [\n    true\n  ],\n  []\n]");
    }
}
