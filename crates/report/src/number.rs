//! Numbers for people.

/// `71.3 %`; `<0.1 %` for what is not nothing but would round to it.
use quantities::grouped;

pub(crate) fn percent(share: f64) -> String {
    if share <= 0.0 {
        return "0 %".to_owned();
    }
    format!("{} %", bare_percent(share))
}

/// As [`percent`], without the sign, and `-` for nothing: for dense tables.
pub(crate) fn bare_percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent <= 0.0 {
        "-".to_owned()
    } else if percent < 0.05 {
        "<0.1".to_owned()
    } else {
        format!("{percent:.1}")
    }
}

/// The share that a part has of a whole; nothing has no parts.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Bytes with a binary unit and three digits: `612.3 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    if number < 1024 {
        return format!("{number} B");
    }
    scaled(number as f64, 1024.0, &["KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// A bandwidth with a decimal unit: `34.1 GB/s`.
pub(crate) fn bytes_per_second(rate: f64) -> String {
    if rate.is_infinite() {
        return "unlimited".to_owned();
    }
    scaled(rate, 1000.0, &["kB/s", "MB/s", "GB/s", "TB/s", "PB/s"])
}

/// `1.35 G`, without a unit.
pub(crate) fn si(number: u64) -> String {
    if number < 10_000 {
        return number.to_string();
    }
    scaled(number as f64, 1000.0, &["k", "M", "G", "T", "P"])
}

/// Seconds with a unit that suits them: `24.69 ms`.
pub(crate) fn seconds(seconds: f64) -> String {
    let (scale, unit) = match seconds {
        s if s <= 0.0 || s >= 1.0 => (1.0, "s"),
        s if s >= 1e-3 => (1e3, "ms"),
        s if s >= 1e-6 => (1e6, "µs"),
        _ => (1e9, "ns"),
    };
    format!("{} {unit}", three_digits(seconds * scale))
}

/// `3.14`, `31.4`, `314`, `31,416`.
pub(crate) fn three_digits(number: f64) -> String {
    if number >= 1000.0 {
        // Saturates; such numbers are not read digit by digit.
        grouped(number.round() as u64)
    } else if number >= 100.0 {
        format!("{number:.0}")
    } else if number >= 10.0 {
        format!("{number:.1}")
    } else {
        format!("{number:.2}")
    }
}

fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let mut number = number / step;
    let mut place = 0;
    while number >= step && place + 1 < units.len() {
        number /= step;
        place += 1;
    }
    format!("{} {}", three_digits(number), units[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_an_engineer_writes_them() {
        assert_eq!(percent(0.7134), "71.3 %");
        assert_eq!(percent(0.0001), "<0.1 %");
        assert_eq!(bare_percent(0.0), "-");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(642_000_000), "612 MiB");
        assert_eq!(bytes_per_second(34.1e9), "34.1 GB/s");
        assert_eq!(bytes_per_second(f64::INFINITY), "unlimited");
        assert_eq!(si(1_349_000_000), "1.35 G");
        assert_eq!(seconds(0.02469), "24.7 ms");
        assert_eq!(seconds(0.0), "0.00 s");
        assert_eq!(three_digits(31_415.9), "31,416");
    }
}
