// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was counted and measured, beside the verdicts.

use super::parts::{clean, missing};
use crate::load::Load;
use crate::load_table::load_table;
use crate::number::{bytes, short};
use crate::perf::Series;
use crate::plot;
use crate::record::{Case, RunRecord};
use maud::{Markup, PreEscaped, html};

pub(super) fn load(run: &RunRecord) -> Markup {
    let loads: Vec<(&Case, &Load)> =
        run.cases.iter().filter_map(|case| Some((case, case.load.as_ref()?))).collect();
    if loads.is_empty() {
        return missing(
            "No load case is in this run. Blocks that go stale by themselves are counted by",
            "cargo xtask run --scenario L1 --full",
        );
    }
    html! {
        p { "Blocks of 4 KiB that bcache and its clean backing device disagree on, after the load. \
             An opportunity is a read miss that overlapped a write in flight, as the disks saw it." }
        @for (id, svg) in plot::stale(run) {
            @if !svg.is_empty() { h3 { (clean(id)) } (drawn(svg)) }
        }
        pre { (clean(&load_table(run))) }
        div.scroll {
            table {
                thead {
                    tr {
                        th { "case" } th { "job" } th { "bypass" } th { "mode" } th { "seconds" }
                        th { "cuts" } th { "cached reads" } th { "misses" } th { "bypass writes" }
                        th { "opportunities" } th { "fills skipped" } th { "stale" }
                        th { "fio verify" }
                    }
                }
                tbody { @for (case, load) in &loads { (load_row(case, load)) } }
            }
        }
    }
}

/// A plot, which escapes what it writes itself.
fn drawn(svg: String) -> Markup {
    html! { div.scroll { (PreEscaped(svg)) } }
}

fn load_row(case: &Case, load: &Load) -> Markup {
    let skipped = match (load.skipped_exactly, load.skipped_by_collision) {
        (None, None) => "–".to_owned(),
        (exact, collision) => {
            format!("{} + {} by collision", exact.unwrap_or(0), collision.unwrap_or(0))
        }
    };
    html! {
        tr {
            th { (clean(&case.id)) } td { (clean(&load.job)) } td { (clean(&load.bypass)) }
            td { (clean(&load.cache_mode)) } td.n { (short(load.seconds)) } td.n { (load.cuts) }
            td.n { (load.cached_reads) } td.n { (load.cache_misses) } td.n { (load.bypass_writes) }
            td.n { (load.opportunities) } td.n { (skipped) } td.n { b { (load.stale_blocks) } }
            td.n { (load.verify_errors) }
        }
    }
}

pub(super) fn speed(run: &RunRecord) -> Markup {
    let Some(perf) = run.perf.as_ref().filter(|perf| !perf.series.is_empty()) else {
        return missing("Speed was not measured in this run:", "cargo xtask perf");
    };
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for series in &perf.series {
        let key = (series.workload.as_str(), series.metric.as_str());
        if !groups.contains(&key) {
            groups.push(key);
        }
    }
    html! {
        p {
            "Compared with arm " code { (clean(&perf.reference)) } ", pair by pair: one boot is one \
             sample, the same index the same pair. The marker is the geometric mean of the \
             ratios, the line its 95 % bootstrap interval (no line: too few pairs)."
            @if perf.indicative { " Wall-clock figures of an emulated, shared machine: indicative." }
        }
        @for note in &perf.notes { p.missing { (clean(note)) } }
        @for (workload, _) in groups.iter().filter(|(_, metric)| *metric == "lat-p50") {
            (drawn(plot::latency(perf, workload)))
        }
        @for (workload, metric) in groups {
            @let of = || perf.series.iter().filter(|s| s.workload == workload && s.metric == metric);
            h3 { (clean(workload)) ": " (clean(metric)) }
            (drawn(plot::ratios(perf, metric, workload, run.seed)))
            (medians(&of().collect::<Vec<_>>()))
        }
    }
}

fn medians(all: &[&Series]) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { th { "arm" } th { "median" } th { "lowest" } th { "highest" } th { "n" } } }
                tbody {
                    @for series in all {
                        @if let Some((low, middle, high)) = spread(&series.samples) {
                            tr {
                                th { (clean(&series.arm)) }
                                td.n { (short(middle)) " " (clean(&series.unit)) }
                                td.n { (short(low)) } td.n { (short(high)) }
                                td.n { (series.samples.len()) }
                            }
                        }
                    }
                }
            }
        }
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

pub(super) fn memory(run: &RunRecord) -> Markup {
    let perf = run.perf.as_ref();
    let memory = perf.map_or(&[][..], |perf| &perf.memory);
    let hits = perf.map_or(&[][..], |perf| &perf.hit_ratio);
    html! {
        @if let Some(perf) = perf {
            (drawn(plot::memory(perf))) (drawn(plot::hit_ratio(perf)))
        }
        @if memory.is_empty() {
            (missing("The tracker's memory was not measured in this run:", "cargo xtask perf"))
        } @else {
            div.scroll {
                table {
                    thead {
                        tr { th { "arm" } th { "device" } th { "idle" } th { "peak" }
                             th { "writes in flight" } }
                    }
                    tbody {
                        @for point in memory {
                            tr {
                                th { (clean(&point.arm)) } td.n { (bytes(point.device_bytes)) }
                                td.n { (bytes(point.idle_bytes)) } td.n { (bytes(point.peak_bytes)) }
                                td.n { (point.in_flight) }
                            }
                        }
                    }
                }
            }
        }
        @if hits.is_empty() {
            (missing("How many fills are skipped needlessly was not measured in this run:",
                     "cargo xtask perf"))
        } @else {
            div.scroll {
                table {
                    thead {
                        tr { th { "arm" } th { "device" } th { "writes in flight" } th { "of" }
                             th { "misses" } th { "skipped needlessly" } th { "hit ratio" } }
                    }
                    tbody {
                        @for point in hits {
                            tr {
                                th { (clean(&point.arm)) } td.n { (bytes(point.device_bytes)) }
                                td.n { (point.in_flight) } td.n { (bytes(point.write_bytes)) }
                                td.n { (point.misses) } td.n { (point.skipped_needlessly) }
                                td.n { (point.hit_ratio.map_or("–".to_owned(), short)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
