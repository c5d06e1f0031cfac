// SPDX-License-Identifier: MIT OR Apache-2.0
//! The letter's figures, or what would bring them.

use super::{item, wrap};
use crate::export::one_line;
use crate::record::{Case, Outcome, RunRecord};
use crate::report::{bytes, spread};
use crate::verdict::Verdict;
use std::fmt::Write;

fn missing(what: &str, command: &str) -> String {
    wrap(&format!("{what} not measured in this run: \"{command}\" does it."))
}

/// Per arm, how often the race was lost under load.
pub(super) fn rates(run: &RunRecord) -> String {
    if run.cases.iter().all(|case| case.load.is_none()) {
        return missing(
            "How often blocks go stale by themselves was",
            "cargo xtask run --scenario L1 --full",
        );
    }
    let mut out = wrap(
        "Stale blocks of 4 KiB after fio's readers and bypass writers have run side by side, by \
         comparing bcache with its clean backing device. An opportunity is a read miss that \
         overlapped a write in flight.",
    );
    out.push_str("\n\n");
    for scenario in &run.scenarios {
        for arm in &run.arms {
            let of = |case: &&Case| case.arm == arm.name && case.scenario == scenario.id;
            let loads: Vec<_> =
                run.cases.iter().filter(of).filter_map(|case| case.load.as_ref()).collect();
            if loads.is_empty() {
                continue;
            }
            let sum =
                |what: fn(&crate::load::Load) -> u64| loads.iter().map(|l| what(l)).sum::<u64>();
            let bad = loads.iter().filter(|load| load.stale_blocks > 0).count();
            out.push_str(&item(&format!(
                "{} {}: {} stale blocks in {bad} of {} runs; {} opportunities, {} read misses, \
                 {} bypass writes, {:.0} s of load",
                scenario.id,
                arm.name,
                sum(|l| l.stale_blocks),
                loads.len(),
                sum(|l| l.opportunities),
                sum(|l| l.cache_misses),
                sum(|l| l.bypass_writes),
                loads.iter().map(|load| load.seconds).sum::<f64>(),
            )));
        }
    }
    let _ = write!(out, "\n{}", verdict_rates(run));
    out
}

/// Cases with a verdict, and how many of them were bad.
fn verdict_rates(run: &RunRecord) -> String {
    let judged = |case: &&Case| matches!(case.outcome, Outcome::Verdict { .. });
    let bad = |case: &&Case| !matches!(case.outcome, Outcome::Verdict { verdict: Verdict::Ok });
    let each: Vec<String> = run
        .arms
        .iter()
        .map(|arm| {
            let all = run.cases.iter().filter(|case| case.arm == arm.name).filter(judged);
            format!("{} {} of {}", arm.name, all.clone().filter(bad).count(), all.count())
        })
        .collect();
    wrap(&format!("Cases with bad data, over all scenarios: {}.", each.join(", ")))
}

pub(super) fn memory(run: &RunRecord) -> String {
    let points = run.perf.as_ref().map_or(&[][..], |perf| &perf.memory);
    if points.is_empty() {
        return missing("The tracker's memory was", "cargo xtask perf");
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
        return missing("Speed was", "cargo xtask perf");
    };
    let mut out = wrap(&format!(
        "Medians of {} boots an arm, and of the ratios to {} pair by pair, with the lowest and \
         the highest pair.{}",
        perf.series.iter().map(|series| series.samples.len()).max().unwrap_or(0),
        perf.reference,
        if perf.indicative {
            " Wall-clock figures come from an emulated, shared machine: indicative only."
        } else {
            ""
        }
    ));
    out.push_str("\n\n");
    for series in &perf.series {
        let Some((_, median, _)) = spread(&series.samples) else { continue };
        let base = perf.series.iter().find(|base| {
            base.arm == perf.reference
                && base.metric == series.metric
                && base.workload == series.workload
        });
        let ratios: Vec<f64> = base.map_or(Vec::new(), |base| {
            let pairs = series.samples.iter().zip(&base.samples);
            pairs.filter(|(_, b)| **b != 0.0).map(|(a, b)| a / b).collect()
        });
        let ratio = match spread(&ratios).filter(|_| series.arm != perf.reference) {
            Some((low, middle, high)) => format!(", ratio {middle:.3} ({low:.3} to {high:.3})"),
            None => String::new(),
        };
        out.push_str(&item(&format!(
            "{}, {}, {}: {median:.4} {}{ratio}",
            series.workload, series.metric, series.arm, series.unit
        )));
    }
    out
}
