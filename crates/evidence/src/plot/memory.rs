// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory of the tracker against the size of the backing device.

use super::chart::{Chart, Side, arms, places};
use super::scale::{Scale, bytes};
use crate::perf::{MemoryPoint, Perf};

/// Version 2 of the patch (June 2026) by its author's table: bytes of the
/// device, idle, peak, in bytes.
const V2: [(f64, f64, f64); 2] = [
    ((1_u64 << 40) as f64, 256.0, 64.25 * 1024.0),
    ((100_u64 << 40) as f64, 25.0 * 1024.0, 6.27 * 1_048_576.0),
];

/// Peak (whole lines) and idle (dashed) of each arm that has a tracker; hollow
/// markers are what the author of version 2 published.
#[must_use]
pub fn memory(perf: &Perf) -> String {
    let points: Vec<&MemoryPoint> = perf.memory.iter().filter(|p| p.peak_bytes > 0).collect();
    if points.is_empty() {
        return String::new();
    }
    let sizes = points.iter().map(|p| p.device_bytes as f64);
    let x = Side {
        label: "backing device",
        scale: Scale::Log(10),
        // In TiB, so that the ticks are whole.
        values: sizes.map(|bytes| bytes / V2[0].0).collect(),
        write: |v| format!("{v:.0} TiB"),
    };
    let both = points.iter().flat_map(|p| [p.idle_bytes as f64, p.peak_bytes as f64]);
    let y = Side {
        label: "memory of the tracker",
        scale: Scale::Log(4),
        values: both.chain(V2.iter().flat_map(|v| [v.1, v.2])).collect(),
        write: bytes,
    };
    let mut chart = Chart::new("Memory: peak, and idle (dashed)", &x, &y);
    let arms = arms(points.iter().map(|p| p.arm.as_str()));
    let mut names: Vec<(usize, bool, bool, String)> = Vec::new();
    let places = places(perf);
    let place = |arm: &str| places.iter().position(|other| *other == arm).unwrap_or(0);
    for (number, arm) in arms.iter().map(|arm| (place(arm), arm)) {
        let own: Vec<&&MemoryPoint> = points.iter().filter(|p| p.arm == *arm).collect();
        for (dashed, value) in [
            (true, (|p: &MemoryPoint| p.idle_bytes) as fn(&MemoryPoint) -> u64),
            (false, |p: &MemoryPoint| p.peak_bytes),
        ] {
            let line: Vec<(f64, f64)> = own
                .iter()
                .map(|p| chart.at(p.device_bytes as f64 / V2[0].0, value(p) as f64))
                .collect();
            chart.svg.path(number, dashed, &line);
            line.iter().for_each(|&point| chart.svg.marker(number, false, point));
        }
        names.push((number, false, false, (*arm).to_owned()));
    }
    for (device, idle, peak) in V2 {
        for value in [idle, peak] {
            let at = chart.at(device / V2[0].0, value);
            chart.svg.marker(places.len(), true, at);
        }
    }
    names.push((places.len(), false, true, "version 2, as published".to_owned()));
    chart.legend(&names);
    chart.svg.finish()
}
