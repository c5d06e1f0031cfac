// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every picture has to be.

use super::*;
use crate::load::StaleSample;
use crate::perf::{HitPoint, MemoryPoint, Perf, Series};

/// Names from outside, as bad as they come.
const RUDE: &str = "a<script>alert(1)</script>\"&'";

fn series(metric: &str, arm: &str, factor: f64) -> Series {
    let samples = [100.0, 102.0, 99.0, 101.0].map(|s| s * factor * 1e4);
    Series {
        metric: metric.into(),
        unit: "ns".into(),
        higher_is_better: false,
        workload: "job/read".into(),
        arm: arm.into(),
        samples: samples.into(),
    }
}

fn perf(arm: &str) -> Perf {
    let mut perf = Perf { reference: "base".into(), margin: 0.02, ..Perf::default() };
    for metric in ["iops", "lat-p50", "lat-p99", "lat-p99.9", "lat-max"] {
        let tail = if metric == "iops" { 1.0 } else { metric.len() as f64 };
        perf.series.push(series(metric, "base", tail));
        perf.series.push(series(metric, "base (again)", tail * 1.001));
        perf.series.push(series(metric, arm, tail * 1.013));
    }
    for tib in [1, 10, 100] {
        for (arm, idle, peak) in [(arm, 3744, 3744), ("c", 800 * tib, 36_000 * tib)] {
            perf.memory.push(MemoryPoint {
                arm: arm.into(),
                device_bytes: tib << 40,
                idle_bytes: idle,
                peak_bytes: peak,
                in_flight: 1024,
                slab_growth_bytes: None,
            });
        }
    }
    for in_flight in [8, 32, 256, 1024] {
        for (arm, skipped) in [(arm, in_flight / 100), ("c", (in_flight * 2).min(1000))] {
            perf.hit_ratio.push(HitPoint {
                arm: arm.into(),
                device_bytes: 1 << 30,
                in_flight,
                write_bytes: 4096,
                misses: 1000,
                skipped_needlessly: skipped,
                hit_ratio: None,
            });
        }
    }
    perf
}

fn all(arm: &str) -> Vec<(&'static str, String)> {
    let perf = perf(arm);
    let samples: Vec<StaleSample> =
        (0..8).map(|n| StaleSample { seconds: n as f64 * 1.4, stale_blocks: n * n }).collect();
    let clean: Vec<StaleSample> =
        samples.iter().map(|s| StaleSample { stale_blocks: 0, ..*s }).collect();
    let lines = [StaleLine { arm: "base", samples: &samples }, StaleLine { arm, samples: &clean }];
    vec![
        ("stale", stale_over_time(&lines)),
        ("latency", latency(&perf, "job/read")),
        ("ratios", ratios(&perf, "iops", "job/read", 1)),
        ("memory", memory(&perf)),
        ("hits", hit_ratio(&perf)),
    ]
}

#[test]
fn every_picture_has_axes_units_and_both_schemes() {
    for (name, svg) in all("rust") {
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(svg.contains("prefers-color-scheme:dark") && svg.contains("<title>"), "{name}");
        assert!(svg.contains(">rust</text>"), "{name} does not name the arm");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        // For people to look at: PLOTS=folder cargo test -p evidence plot
        if let Some(folder) = std::env::var_os("PLOTS") {
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.svg")), svg).unwrap();
        }
    }
}

#[test]
fn names_from_outside_never_become_markup() {
    for (name, svg) in all(RUDE) {
        assert!(!svg.contains("<script"), "{name}");
        assert!(svg.contains("a&lt;script&gt;"), "{name}");
    }
}

#[test]
fn nothing_to_show_is_no_picture() {
    let empty = Perf::default();
    assert_eq!(hit_ratio(&empty) + &memory(&empty) + &latency(&empty, "x"), "");
    assert_eq!(ratios(&empty, "iops", "x", 1) + &stale_over_time(&[]), "");
}

/// As many arms as a measurement of ours has.
#[test]
fn a_legend_stays_inside_its_picture() {
    let mut perf = perf("rust");
    for arm in ["v1", "two-pass", "ordered", "ordered (off)", "c"] {
        perf.series.push(series("lat-p50", arm, 1.0));
    }
    let picture = latency(&perf, "job/read");
    let mut seen = 0;
    for name in ["base (again)", "two-pass", "ordered (off)", "c"] {
        let at = picture.find(&format!(">{name}<")).expect(name);
        let start = &picture[..at];
        let x = start.rsplit("x=\"").next().and_then(|rest| rest.split('"').next());
        let x: f64 = x.and_then(|x| x.parse().ok()).expect("x");
        assert!(x + 7.0 * name.len() as f64 <= 720.0, "{name} at {x}");
        seen += 1;
    }
    assert_eq!(seen, 4);
}
