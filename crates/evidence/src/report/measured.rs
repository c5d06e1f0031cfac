// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was counted and measured, beside the verdicts. What a run does not
//! have has no section.

use super::parts::{clean, drawn, head, laid_out, number, table, text};
use crate::load::Load;
use crate::load_table::load_table;
use crate::number::{bytes, grouped, short};
use crate::perf::{Perf, Series};
use crate::perf_table::summary;
use crate::plot;
use crate::record::{Case, RunRecord};
use maud::{Markup, html};

pub(super) fn load(run: &RunRecord) -> Option<Markup> {
    let loads: Vec<(&Case, &Load)> =
        run.cases.iter().filter_map(|case| Some((case, case.load.as_ref()?))).collect();
    let rows: Vec<Vec<Markup>> = loads.iter().map(|(case, load)| load_row(case, load)).collect();
    let heads = [
        "case",
        "windows",
        "blocks",
        "fills skipped",
        "misses",
        "bypass writes",
        "cached reads",
        "refused by fio",
        "bypass by",
        "mode",
        "job",
        "seconds",
        "cuts",
    ];
    (!loads.is_empty()).then(|| {
        html! {
            (laid_out("windows and outcomes under load", &load_table(run)))
            @for (id, svg) in plot::stale(run) {
                (drawn(&format!("{id}: stale blocks while the load runs"), svg))
            }
            details {
                summary { "Every run: " (loads.len()) " of them" }
                (table("Runs under load", &heads, &rows))
            }
        }
    })
}

fn load_row(case: &Case, load: &Load) -> Vec<Markup> {
    let skipped = match (load.skipped_exactly, load.skipped_by_collision) {
        (None, None) => "–".to_owned(),
        (exact, collision) => {
            format!("{} + {} by collision", exact.unwrap_or(0), collision.unwrap_or(0))
        }
    };
    vec![
        head(&case.id),
        number(grouped(load.opportunities)),
        number(load.stale_blocks),
        number(skipped),
        number(grouped(load.cache_misses)),
        number(grouped(load.bypass_writes)),
        number(grouped(load.cached_reads)),
        number(load.verify_errors),
        text(&load.bypass),
        text(&load.cache_mode),
        text(&load.job),
        number(short(load.seconds)),
        number(load.cuts),
    ]
}

pub(super) fn speed(run: &RunRecord) -> Option<Markup> {
    let perf = run.perf.as_ref().filter(|perf| !perf.series.is_empty())?;
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for series in &perf.series {
        let key = (series.workload.as_str(), series.metric.as_str());
        if !groups.contains(&key) {
            groups.push(key);
        }
    }
    let short_form = summary(perf, run.seed);
    Some(html! {
        p {
            "Compared with arm " code { (clean(&perf.reference)) } ", pair by pair: one boot is one \
             sample, the same index the same pair; intervals of the ratio's geometric mean, 95 %, \
             bootstrapped."
            @if perf.indicative { " Wall-clock figures of an emulated, shared machine: indicative." }
        }
        @if !short_form.is_empty() { (laid_out("cost by arm", &short_form)) }
        details {
            summary { "Every measurement: " (groups.len()) " of them, with medians and plots" }
            @for note in &perf.notes { p.words { (clean(note)) } }
            @for (workload, _) in groups.iter().filter(|(_, metric)| *metric == "lat-p50") {
                (drawn(&format!("{workload}: latency"), plot::latency(perf, workload)))
            }
            @for (workload, metric) in groups { (group(run, perf, workload, metric)) }
        }
    })
}

fn group(run: &RunRecord, perf: &Perf, workload: &str, metric: &str) -> Markup {
    let name = format!("{workload}: {metric}");
    let of = perf.series.iter().filter(|s| s.workload == workload && s.metric == metric);
    let row = |series: &Series| {
        let (low, middle, high) = spread(&series.samples)?;
        let median = format!("{} {}", short(middle), series.unit);
        Some(vec![
            head(&series.arm),
            number(median),
            number(short(low)),
            number(short(high)),
            number(series.samples.len()),
        ])
    };
    let rows: Vec<Vec<Markup>> = of.filter_map(row).collect();
    html! {
        h3 { (clean(&name)) }
        (drawn(&format!("{name}, as ratios"), plot::ratios(perf, metric, workload, run.seed)))
        (table(&name, &["arm", "median", "lowest", "highest", "boots"], &rows))
    }
}

/// Lowest, median, highest.
pub(crate) fn spread(samples: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted: Vec<f64> = samples.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        sorted[middle - 1].midpoint(sorted[middle])
    };
    Some((low, median, high))
}

pub(super) fn memory(run: &RunRecord) -> Option<Markup> {
    let perf = run.perf.as_ref()?;
    let memory: Vec<Vec<Markup>> = perf
        .memory
        .iter()
        .map(|point| {
            vec![
                head(&point.arm),
                number(bytes(point.device_bytes)),
                number(bytes(point.idle_bytes)),
                number(bytes(point.peak_bytes)),
                number(point.in_flight),
            ]
        })
        .collect();
    let hits: Vec<Vec<Markup>> = perf
        .hit_ratio
        .iter()
        .map(|point| {
            vec![
                head(&point.arm),
                number(bytes(point.device_bytes)),
                number(point.in_flight),
                number(bytes(point.write_bytes)),
                number(point.misses),
                number(point.skipped_needlessly),
                number(point.hit_ratio.map_or("–".to_owned(), short)),
            ]
        })
        .collect();
    let columns = ["arm", "device", "idle", "peak", "writes in flight"];
    let more =
        ["arm", "device", "writes in flight", "of", "misses", "skipped needlessly", "hit ratio"];
    (!memory.is_empty() || !hits.is_empty()).then(|| {
        html! {
            @if !memory.is_empty() { (table("Memory of the tracker", &columns, &memory)) }
            @if !hits.is_empty() { (table("Fills skipped without need", &more, &hits)) }
            (drawn("memory by size of the device", plot::memory(perf)))
            (drawn("needless skips by writes in flight", plot::hit_ratio(perf)))
        }
    })
}
