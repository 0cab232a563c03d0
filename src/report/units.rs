//! Numbers for people: three significant digits, a unit, and powers of a thousand.
//!
//! What it deliberately does not do: round what programs read. JSON holds the raw numbers.

/// Three significant digits, without zeros behind the last that matters: `0.00213`, `1.87`, `84.2`, `1,250`.
pub fn number(x: f64) -> String {
    if !x.is_finite() {
        return "unknown".to_owned();
    }
    let size = x.abs();
    match size {
        0.0 => "0".to_owned(),
        _ if size < 1e-4 => format!("{x:.1e}"),
        _ if size >= 999.5 => {
            let sign = if x < 0.0 { "-" } else { "" };
            format!("{sign}{}", count(size.round() as u64))
        }
        _ => {
            let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
            let decimals = (2.0 - rounded.abs().log10().floor()).max(0.0) as usize;
            format!("{rounded:.decimals$}")
        }
    }
}

/// `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// A value in powers of a thousand: `84.2 MB`, `12.5 GFLOP/s`.
pub fn scaled(x: f64, unit: &str) -> String {
    let (mut value, mut power) = (x, 0);
    while value.abs() >= 999.5 && power < 4 {
        value /= 1000.0;
        power += 1;
    }
    format!("{} {}{unit}", number(value), ["", "k", "M", "G", "T"][power])
}

/// `84.2 MB`.
pub fn bytes(n: f64) -> String {
    scaled(n, "B")
}

/// A time in nanoseconds: `1.87 ms`.
pub fn time(ns: f64) -> String {
    let (mut value, mut unit) = (ns, 0);
    while value.abs() >= 999.5 && unit < 3 {
        value /= 1000.0;
        unit += 1;
    }
    format!("{} {}", number(value), ["ns", "µs", "ms", "s"][unit])
}

/// A share: `71 %`, `0.42 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        _ if !percent.is_finite() => "unknown".to_owned(),
        size if size >= 10.0 => format!("{percent:.0} %"),
        size if size >= 1.0 => format!("{percent:.1} %"),
        _ => format!("{} %", number(percent)),
    }
}

/// `1 token`, `32 tokens`.
pub fn plural(n: usize, what: &str) -> String {
    format!("{} {what}{}", count(n as u64), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.0, 0.002_134, 1.874, 84.23, 99.96, 999.4, 999.6, 1_250.4, 3e-6, -1.5].map(number);
        assert_eq!(shown, ["0", "0.00213", "1.87", "84.2", "100", "999", "1,000", "1,250", "3.0e-6", "-1.50"]);
        assert_eq!(number(f64::NAN), "unknown");
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn units_are_powers_of_a_thousand() {
        assert_eq!([84_234_000.0, 999.6, 12.0].map(bytes), ["84.2 MB", "1.00 kB", "12.0 B"]);
        assert_eq!([1_874_000.0, 35.0, 999.9, 2.5e12].map(time), ["1.87 ms", "35.0 ns", "1.00 µs", "2,500 s"]);
        assert_eq!([0.714, 0.0123, 0.001, 1.25].map(percent), ["71 %", "1.2 %", "0.100 %", "125 %"]);
        assert_eq!((plural(1, "token"), plural(2000, "token")), ("1 token".into(), "2,000 tokens".into()));
    }
}
