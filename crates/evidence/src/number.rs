// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures as an eye takes them in.

/// `64.3 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(value.fract() > 0.0);
    format!("{value:.digits$} {}", units[unit])
}

/// Four digits are enough for an eye.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1e7 {
        return format!("{value:.3e}");
    }
    let digits = match size {
        s if s == 0.0 || s >= 1000.0 => 0,
        s if s >= 100.0 => 1,
        s if s >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// `5,943`.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        let shown = [0, 999, 1000, 5943, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "5,943", "1,234,567"]);
    }
}
