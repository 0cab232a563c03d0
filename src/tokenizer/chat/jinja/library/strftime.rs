//! `strftime_now(format)`: Python's `datetime.strftime` on Linux, for UTC.
//!
//! Look first at [`strftime`]. A time without a zone is what Python's `datetime.now()` is, so `%z` and `%Z` are empty.
//! Python's clock shows local time; this one shows UTC. A directive that is not here is an error, where the C library
//! would leave it as it is.

use super::super::error::{Fault, Run, shown};

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

/// A time taken apart.
struct Time {
    year: u64,
    /// From 1.
    month: u64,
    /// From 1.
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    /// From Sunday, which is 0.
    weekday: u64,
    /// From 1.
    day_of_year: u64,
}

/// The time in seconds since 1970 (UTC), as `format` says. Errors: a directive that is not here.
pub(in super::super) fn strftime(seconds: u64, format: &str) -> Run<String> {
    let time = Time::new(seconds);
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        // glibc's flags: no fill, blanks, zeros, upper case.
        let mut directive = rest.next();
        let flag = directive.filter(|c| "-_0^".contains(*c));
        if flag.is_some() {
            directive = rest.next();
        }
        let field = directive.and_then(|directive| time.field(directive, flag, seconds));
        match field {
            Some(field) if flag == Some('^') => text.push_str(&field.to_uppercase()),
            Some(field) => text.push_str(&field),
            None => {
                let directive: String = ['%'].into_iter().chain(flag).chain(directive).collect();
                let directive = shown(&directive, 4);
                return Err(Fault::unsupported(format!("the directive '{directive}' of strftime_now")));
            }
        }
    }
    Ok(text)
}

impl Time {
    fn new(seconds: u64) -> Self {
        let days = seconds / 86_400;
        let (year, month, day) = civil(days);
        let month_days = (1..month).map(|month| days_in(year, month)).sum::<u64>();
        Self {
            year,
            month,
            day,
            hour: seconds / 3600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            weekday: (days + 4) % 7, // 1970 began on a Thursday
            day_of_year: month_days + day,
        }
    }

    fn field(&self, directive: char, flag: Option<char>, seconds: u64) -> Option<String> {
        let (month, weekday) = (MONTHS[self.month as usize - 1], DAYS[self.weekday as usize]);
        let number = |n: u64, width: usize, fill: char| {
            Some(match flag {
                Some('-') => n.to_string(),
                Some('_') => format!("{n:>width$}"),
                Some('0') => format!("{n:0>width$}"),
                _ if fill == ' ' => format!("{n:>width$}"),
                _ => format!("{n:0>width$}"),
            })
        };
        let twelve = (self.hour + 11) % 12 + 1;
        let several = |fields: &[&str]| {
            let field = |field: &&str| match field.strip_prefix('%') {
                Some(directive) => self.field(directive.chars().next()?, None, seconds),
                None => Some((*field).to_owned()),
            };
            fields.iter().map(field).collect::<Option<String>>()
        };
        let monday = (self.weekday + 6) % 7;
        match directive {
            'Y' => number(self.year, 4, '0'),
            'C' => number(self.year / 100, 2, '0'),
            'y' => number(self.year % 100, 2, '0'),
            'm' => number(self.month, 2, '0'),
            'd' => number(self.day, 2, '0'),
            'e' => number(self.day, 2, ' '),
            'j' => number(self.day_of_year, 3, '0'),
            'H' => number(self.hour, 2, '0'),
            'k' => number(self.hour, 2, ' '),
            'I' => number(twelve, 2, '0'),
            'l' => number(twelve, 2, ' '),
            'M' => number(self.minute, 2, '0'),
            'S' => number(self.second, 2, '0'),
            'f' => Some("000000".to_owned()), // microseconds: this clock counts seconds
            's' => number(seconds, 1, '0'),
            'w' => number(self.weekday, 1, '0'),
            'u' => number(monday + 1, 1, '0'),
            'U' => number((self.day_of_year + 6 - self.weekday) / 7, 2, '0'),
            'W' => number((self.day_of_year + 6 - monday) / 7, 2, '0'),
            'V' => number(self.iso_week().1, 2, '0'),
            'G' => number(self.iso_week().0, 4, '0'),
            'g' => number(self.iso_week().0 % 100, 2, '0'),
            'B' => Some(month.to_owned()),
            'b' | 'h' => Some(month[..3].to_owned()),
            'A' => Some(weekday.to_owned()),
            'a' => Some(weekday[..3].to_owned()),
            'p' => Some(if self.hour < 12 { "AM" } else { "PM" }.to_owned()),
            'P' => Some(if self.hour < 12 { "am" } else { "pm" }.to_owned()),
            'z' | 'Z' => Some(String::new()),
            'F' => several(&["%Y", "-", "%m", "-", "%d"]),
            'T' | 'X' => several(&["%H", ":", "%M", ":", "%S"]),
            'R' => several(&["%H", ":", "%M"]),
            'r' => several(&["%I", ":", "%M", ":", "%S", " ", "%p"]),
            'D' | 'x' => several(&["%m", "/", "%d", "/", "%y"]),
            'c' => several(&["%a", " ", "%b", " ", "%e", " ", "%H", ":", "%M", ":", "%S", " ", "%Y"]),
            'n' => Some("\n".to_owned()),
            't' => Some("\t".to_owned()),
            '%' => Some("%".to_owned()),
            _ => None,
        }
    }

    /// ISO 8601's year and week: the week belongs to the year that has its Thursday.
    fn iso_week(&self) -> (u64, u64) {
        let monday = (self.weekday + 6) % 7;
        let year_length = |year| if is_leap(year) { 366 } else { 365 };
        // The day of the year of this week's Thursday, counted from 1; it may lie in a neighbouring year.
        let thursday = self.day_of_year as i64 + 3 - monday as i64;
        let (year, thursday) = if thursday < 1 {
            (self.year - 1, thursday + year_length(self.year - 1))
        } else if thursday > year_length(self.year) {
            (self.year + 1, thursday - year_length(self.year))
        } else {
            (self.year, thursday)
        };
        (year, (thursday as u64 - 1) / 7 + 1)
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
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
