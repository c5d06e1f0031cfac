// SPDX-License-Identifier: MIT OR Apache-2.0
//! The letter's figures; empty where nothing was measured.

use crate::mail::{item, wrap};
use crate::number::{bytes, short};
use crate::perf_table::summary;
use crate::printable::one_line;
use crate::record::RunRecord;
use std::fmt::Write;

/// Series that a letter spells out; of more there is a table.
const MOST: usize = 24;

pub(super) fn memory(run: &RunRecord) -> String {
    let points = run.perf.as_ref().map_or(&[][..], |perf| &perf.memory);
    if points.is_empty() {
        return String::new();
    }
    let mut out = String::from("arm             device        idle        peak   in flight\n");
    for point in points {
        let _ = writeln!(
            out,
            "{:<12} {:>9} {:>11} {:>11} {:>11}",
            one_line(&point.arm),
            bytes(point.device_bytes),
            bytes(point.idle_bytes),
            bytes(point.peak_bytes),
            point.in_flight
        );
    }
    out
}

pub(super) fn speed(run: &RunRecord) -> String {
    let Some(perf) = run.perf.as_ref().filter(|perf| !perf.series.is_empty()) else {
        return String::new();
    };
    // Its intervals are bootstrapped, so not for nothing.
    let table = (perf.series.len() > MOST).then(|| summary(perf, run.seed));
    if let Some(table) = table.filter(|table| !table.is_empty()) {
        let mut out = String::new();
        table.lines().for_each(|line| {
            let _ = writeln!(out, "{}", one_line(line));
        });
        out.push('\n');
        out.push_str(&wrap(&format!(
            "All {} series, with medians, are in report.html and run.json.",
            perf.series.len()
        )));
        return out;
    }
    let mut out = wrap(&format!(
        "Medians of the boots, and the geometric mean of the ratios to {}, pair by pair, with its \
         95 % bootstrap interval.{}",
        perf.reference,
        if perf.indicative {
            " Wall-clock figures come from an emulated, shared machine: indicative only."
        } else {
            ""
        }
    ));
    out.push_str("\n\n");
    for series in &perf.series {
        let Some(median) = series.median() else { continue };
        let base = perf.find(&series.metric, &series.workload, &perf.reference);
        let base = base.filter(|base| base.arm != series.arm);
        let ratio = match base.and_then(|base| series.compared(base, run.seed)) {
            None => String::new(),
            Some(Ok(r)) => format!(", ratio {:.4} ({:.4} to {:.4})", r.ratio, r.low, r.high),
            Some(Err(ratio)) => format!(", ratio {ratio:.4} (too few pairs for an interval)"),
        };
        out.push_str(&item(&format!(
            "{}, {}, {}: {} {} ({} boots){ratio}",
            series.workload,
            series.metric,
            series.arm,
            short(median),
            series.unit,
            series.samples.len()
        )));
    }
    out
}
