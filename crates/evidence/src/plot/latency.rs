// SPDX-License-Identifier: MIT OR Apache-2.0
//! Latency: the middle and the tail.

use super::chart::{Chart, Side, arms, places};
use super::scale::{Scale, metric};
use super::svg::Anchor;
use crate::perf::{Perf, Series};

const PERCENTILES: [(&str, &str); 4] =
    [("lat-p50", "p50"), ("lat-p99", "p99"), ("lat-p99.9", "p99.9"), ("lat-max", "max")];

/// Percentiles of one workload's latency (`mix-4k-128k/read`): the median boot
/// of each arm, and from the least to the most of its boots.
#[must_use]
pub fn latency(perf: &Perf, workload: &str) -> String {
    let series: Vec<(usize, &Series)> = perf
        .series
        .iter()
        .filter(|s| s.workload == workload && !s.samples.is_empty())
        .filter_map(|s| Some((PERCENTILES.iter().position(|(m, _)| *m == s.metric)?, s)))
        .collect();
    if series.is_empty() {
        return String::new();
    }
    let x = Side {
        label: "percentile of the requests",
        scale: Scale::Linear,
        values: vec![0.0, 4.0],
        // The ticks part the percentiles; their names stand in between.
        write: |_| String::new(),
    };
    let y = Side {
        label: "latency [s]",
        scale: Scale::Log(10),
        values: series.iter().flat_map(|(_, s)| &s.samples).map(|ns| ns / 1e9).collect(),
        write: |v| format!("{}s", metric(v)),
    };
    let indicative = if perf.indicative { " (emulated: indicative)" } else { "" };
    let mut chart = Chart::new(&format!("Latency of {workload}{indicative}"), &x, &y);
    for (place, (_, name)) in PERCENTILES.iter().enumerate() {
        let (x, y) = chart.at(place as f64 + 0.5, 0.0);
        chart.svg.text("soft", (x, y + 20.0), Anchor::Middle, name);
    }
    let arms = arms(series.iter().map(|(_, s)| s.arm.as_str()));
    let places = places(perf);
    let place = |arm: &str| places.iter().position(|other| *other == arm).unwrap_or(0);
    for (rank, arm) in arms.iter().enumerate() {
        let number = place(arm);
        // Side by side, so that intervals do not hide each other.
        let shift = (rank as f64 + 1.0) / (arms.len() as f64 + 1.0);
        let mut line = Vec::new();
        for (column, one) in series.iter().filter(|(_, s)| s.arm == *arm) {
            let x = *column as f64 + shift;
            let seconds = |pick: fn(f64, f64) -> f64, from| {
                one.samples.iter().copied().fold(from, pick) / 1e9
            };
            let low = chart.at(x, seconds(f64::min, f64::INFINITY));
            let high = chart.at(x, seconds(f64::max, 0.0));
            chart.svg.interval(number, low, high);
            line.push(chart.at(x, one.median().unwrap_or(0.0) / 1e9));
        }
        line.iter().for_each(|&point| chart.svg.marker(number, false, point));
    }
    let names = arms.iter().map(|arm| (place(arm), false, false, (*arm).to_owned()));
    chart.legend(&names.collect::<Vec<_>>());
    chart.svg.finish()
}
