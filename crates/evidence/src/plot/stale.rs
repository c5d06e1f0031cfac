// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stale blocks over time.

use super::chart::{Chart, Side};
use super::scale::{Scale, metric};
use crate::load::StaleSample;

/// One run of one arm.
#[derive(Clone, Debug)]
pub struct StaleLine<'a> {
    pub arm: &'a str,
    /// Its sweeps, in order of time.
    pub samples: &'a [StaleSample],
}

/// Stale 4 KiB blocks that each sweep found; an arm with several runs has
/// several lines of one colour.
#[must_use]
pub fn stale_over_time(lines: &[StaleLine<'_>]) -> String {
    let all = || lines.iter().flat_map(|line| line.samples);
    if all().next().is_none() {
        return String::new();
    }
    let x = Side {
        label: "seconds of load",
        scale: Scale::Linear,
        values: all().map(|s| s.seconds).chain([0.0]).collect(),
        write: metric,
    };
    let y = Side {
        label: "stale blocks of 4 KiB",
        scale: Scale::Linear,
        values: all().map(|s| s.stale_blocks as f64).chain([0.0, 5.0]).collect(),
        write: metric,
    };
    let mut chart = Chart::new("Stale blocks while the load runs", &x, &y);
    let arms = super::chart::arms(lines.iter().map(|line| line.arm));
    for line in lines {
        let number = arms.iter().position(|arm| *arm == line.arm).unwrap_or(0);
        let points: Vec<(f64, f64)> =
            line.samples.iter().map(|s| chart.at(s.seconds, s.stale_blocks as f64)).collect();
        chart.svg.path(number, false, &points);
        points.iter().for_each(|&point| chart.svg.marker(number, false, point));
    }
    let names = arms.iter().enumerate().map(|(n, arm)| (n, false, false, (*arm).to_owned()));
    chart.legend(&names.collect::<Vec<_>>());
    chart.svg.finish()
}
