// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which plots a record has figures for.

use super::hits::hit_ratio;
use super::latency::latency;
use super::memory::memory;
use super::ratio::ratios;
use super::stale::{StaleLine, stale_over_time};
use crate::record::RunRecord;

/// A picture with its name and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// A file's name without its end: letters, digits and dashes.
    pub name: String,
    /// One line.
    pub caption: String,
    pub svg: String,
}

/// What a README shows of a record, in the order in which it is read: stale
/// blocks, instructions per request, fio's reads, memory, precision.
#[must_use]
pub fn plots(run: &RunRecord) -> Vec<Plot> {
    let mut all = Vec::new();
    let mut add = |name: &str, caption: &str, svg: String| {
        if !svg.is_empty() {
            all.push(Plot { name: name.to_owned(), caption: caption.to_owned(), svg });
        }
    };
    for (id, svg) in stale(run) {
        let fine = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String = id.to_lowercase().chars().map(fine).collect();
        add(&format!("stale-{name}"), &format!("{id}: stale blocks while the load runs"), svg);
    }
    if let Some(perf) = &run.perf {
        for work in ["bypass-write", "read-miss"] {
            let caption = format!("instructions per {}, by arm", work.replace('-', " "));
            add(
                &format!("instructions-{work}"),
                &caption,
                ratios(perf, "instructions", work, run.seed),
            );
        }
        let mix = "mix-4k-128k/read";
        add("throughput", "reads per second beside bypass writes, by arm", {
            ratios(perf, "iops", mix, run.seed)
        });
        add("latency", "latency of reads beside bypass writes, by arm", latency(perf, mix));
        add("memory", "memory of the tracker by size of the backing device", memory(perf));
        add("precision", "fills skipped without need, by writes in flight", hit_ratio(perf));
    }
    all
}

/// A picture of each load scenario whose cases were swept, by its id.
pub(crate) fn stale(run: &RunRecord) -> Vec<(&str, String)> {
    let of = |id: &str| {
        let cases = run.cases.iter().filter(|case| case.scenario == id);
        let lines = cases.filter_map(|case| {
            let samples = case.load.as_ref()?.stale_over_time.as_slice();
            Some(StaleLine { arm: &case.arm, samples })
        });
        stale_over_time(&lines.collect::<Vec<_>>())
    };
    run.scenarios.iter().map(|scenario| (scenario.id.as_str(), of(&scenario.id))).collect()
}
