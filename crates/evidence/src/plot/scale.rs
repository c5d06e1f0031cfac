// SPDX-License-Identifier: MIT OR Apache-2.0
//! From values to pixels, and where an axis has its ticks.

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps.
    Linear,
    /// Equal factors; a tick at each power of this base.
    Log(u32),
}

/// One axis: values from `min` to `max` on pixels from `from` to `to`.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    pub scale: Scale,
    pub min: f64,
    pub max: f64,
    pub from: f64,
    pub to: f64,
}

impl Axis {
    /// An axis that holds all the values, with round ends.
    pub fn around(scale: Scale, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let usable = values.filter(|v| v.is_finite() && (scale == Scale::Linear || *v > 0.0));
        let (min, max) = usable
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (min, max) = if min <= max { (min, max) } else { (1.0, 1.0) };
        let (min, max) = match scale {
            Scale::Linear => {
                let max = if max > min { max } else { min + min.abs().max(1.0) };
                let step = step(max - min);
                ((min / step).floor() * step, (max / step).ceil() * step)
            }
            Scale::Log(base) => {
                let base = f64::from(base);
                let power = |v: f64| v.log(base);
                // A hair, so that exact powers stay where they are.
                let low = base.powf((power(min) + 1e-9).floor());
                let high = base.powf((power(max) - 1e-9).ceil());
                (low, if high > low { high } else { low * base })
            }
        };
        Self { scale, min, max, from, to }
    }

    /// Where a value stands, in pixels; what is beyond the ends stays on them.
    pub fn at(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.min) / (self.max - self.min),
            Scale::Log(_) => (value.max(self.min) / self.min).ln() / (self.max / self.min).ln(),
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Values with a tick, eight or so at most.
    pub fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let step = step(self.max - self.min);
                let count = ((self.max - self.min) / step).round() as u32;
                (0..=count).map(|n| self.min + f64::from(n) * step).collect()
            }
            Scale::Log(base) => {
                let base = f64::from(base);
                let powers = (self.max / self.min).log(base).round() as i32;
                if powers <= 2 && self.scale == Scale::Log(10) {
                    // Few decades: 2 and 5 as well.
                    let within = (0..powers).flat_map(|n| {
                        [1.0, 2.0, 5.0].map(|factor| self.min * factor * base.powi(n))
                    });
                    return within.chain([self.max]).collect();
                }
                let every = (powers + 7) / 8;
                (0..=powers)
                    .step_by(usize::try_from(every.max(1)).unwrap_or(1))
                    .map(|n| self.min * base.powi(n))
                    .collect()
            }
        }
    }
}

/// A step of 1, 2 or 5 times a power of ten, of which five to eight make up
/// the span.
fn step(span: f64) -> f64 {
    let rough = span / 6.0;
    let power = 10_f64.powf(rough.log10().floor());
    // A hair, so that an axis keeps the step that its ends were rounded to.
    let enough = |f: &f64| f * power >= rough * (1.0 - 1e-9);
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(enough).unwrap_or(10.0);
    factor * power
}

/// A number with a metric prefix.
pub fn metric(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let units = [
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
        (1e-6, "µ"),
        (1e-9, "n"),
    ];
    let fits = units.iter().find(|(unit, _)| value.abs() >= *unit * 0.9999);
    let (unit, name) = fits.copied().unwrap_or((1e-9, "n"));
    format!("{}{name}", short(value / unit))
}

/// Bytes with a binary prefix.
pub fn bytes(value: f64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = units.iter().find(|(shift, _)| value >= 2_f64.powi(*shift) * 0.9999);
    match fits {
        Some((shift, name)) => format!("{} {name}", short(value / 2_f64.powi(*shift))),
        None => format!("{} B", short(value)),
    }
}

/// At most three digits that matter, without zeroes at the end.
fn short(value: f64) -> String {
    let places = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_ends_and_few_ticks() {
        let axis = Axis::around(Scale::Linear, [0.0, 97.0].into_iter(), 0.0, 100.0);
        assert_eq!((axis.min, axis.max), (0.0, 100.0));
        assert_eq!(axis.ticks(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let axis = Axis::around(Scale::Linear, [0.98, 1.0855].into_iter(), 0.0, 100.0);
        let ticks: Vec<String> = axis.ticks().iter().map(|v| format!("{v:.2}")).collect();
        assert_eq!(ticks, ["0.98", "1.00", "1.02", "1.04", "1.06", "1.08", "1.10"]);
        let axis = Axis::around(Scale::Log(2), [8.0, 1024.0].into_iter(), 0.0, 70.0);
        assert_eq!((axis.min, axis.max), (8.0, 1024.0));
        assert!((axis.at(16.0) - 10.0).abs() < 1e-9);
        let axis = Axis::around(Scale::Log(10), [256.0, 6e6].into_iter(), 0.0, 1.0);
        assert_eq!((axis.min, axis.max), (100.0, 1e7));
    }

    #[test]
    fn values_that_cannot_be_shown_do_no_harm() {
        let axis = Axis::around(Scale::Log(10), [0.0, f64::NAN].into_iter(), 0.0, 1.0);
        assert!(axis.at(0.0).is_finite() && axis.max > axis.min);
        let flat = Axis::around(Scale::Linear, [3.0].into_iter(), 0.0, 1.0);
        assert!(flat.max > flat.min && flat.ticks().len() < 12);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(metric(17_025.0), "17k");
        assert_eq!(metric(0.0042), "4.2m");
        assert_eq!(bytes(3744.0), "3.66 KiB");
        assert_eq!(bytes(1e4), "9.77 KiB");
        assert_eq!(bytes(100.0), "100 B");
    }
}
