// SPDX-License-Identifier: MIT OR Apache-2.0
//! Needless skips against writes in flight.

use super::chart::{Chart, Side, arms, places};
use super::scale::Scale;
use crate::perf::{HitPoint, Perf};
use crate::stats::proportion::wilson;

/// Share of the misses that overlap no write in flight and are kept out of the
/// cache all the same, with Wilson's 95 % interval.
#[must_use]
pub fn hit_ratio(perf: &Perf) -> String {
    let points = &perf.hit_ratio;
    if points.is_empty() {
        return String::new();
    }
    let x = Side {
        label: "random 4 KiB bypass writes in flight",
        scale: Scale::Log(2),
        values: points.iter().map(|p| p.in_flight as f64).collect(),
        write: |v| format!("{v:.0}"),
    };
    let y = Side {
        label: "needlessly not cached",
        scale: Scale::Linear,
        values: vec![0.0, 100.0],
        write: |v| format!("{v:.0} %"),
    };
    let mut chart = Chart::new("Read misses that overlap no write, yet are not cached", &x, &y);
    let arms = arms(points.iter().map(|p| p.arm.as_str()));
    let places = places(perf);
    let place = |arm: &str| places.iter().position(|other| *other == arm).unwrap_or(0);
    for (number, arm) in arms.iter().map(|arm| (place(arm), arm)) {
        let own: Vec<&HitPoint> = points.iter().filter(|p| p.arm == *arm).collect();
        let share = |p: &HitPoint| 100.0 * p.skipped_needlessly as f64 / p.misses.max(1) as f64;
        let line: Vec<(f64, f64)> =
            own.iter().map(|p| chart.at(p.in_flight as f64, share(p))).collect();
        chart.svg.path(number, false, &line);
        for p in own {
            let at = |v: f64| chart.at(p.in_flight as f64, v * 100.0);
            let point = at(share(p) / 100.0);
            let interval = wilson(p.skipped_needlessly, p.misses, 0.95);
            if let Ok((from, to)) = interval.map(|i| (at(i.low), at(i.high))) {
                chart.svg.interval(number, from, to);
            }
            chart.svg.marker(number, false, point);
        }
    }
    let names = arms.iter().map(|arm| (place(arm), false, false, (*arm).to_owned()));
    chart.legend(&names.collect::<Vec<_>>());
    chart.svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::proportion::Interval;

    /// scipy 1.17.1, `binomtest(298, 500).proportion_ci(method="wilson")`.
    #[test]
    fn the_interval_is_scipys() {
        let Interval { low, high, .. } = wilson(298, 500, 0.95).unwrap();
        assert!((low - 0.552_415_351).abs() < 1e-8, "{low}");
        assert!((high - 0.638_120_775).abs() < 1e-8, "{high}");
    }
}
