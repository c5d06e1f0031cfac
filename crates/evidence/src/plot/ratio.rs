// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arms against the reference, with the noise floor.

use super::chart::places;
use super::scale::{Axis, Scale};
use super::svg::{Anchor, Svg};
use crate::perf::{Perf, Series, again};
use crate::stats::paired::Ratio;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 150.0;
const ROW: f64 = 26.0;
const TOP: f64 = 64.0;

/// Ratios of one metric and workload to the reference with their 95 %
/// intervals (none where there are too few pairs); the band is the noise
/// floor, the dashed lines are the margin.
#[must_use]
pub fn ratios(perf: &Perf, metric: &str, workload: &str, seed: u64) -> String {
    let Some(reference) = perf.find(metric, workload, &perf.reference) else {
        return String::new();
    };
    let of = |series: &Series| series.compared(reference, seed);
    let again = again(&perf.reference);
    let all = perf.series.iter().filter(|s| s.metric == metric && s.workload == workload);
    let rows: Vec<(&str, Result<Ratio, f64>)> = all
        .filter(|s| s.arm != perf.reference)
        .filter_map(|s| Some((s.arm.as_str(), of(s)?)))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let bottom = TOP + ROW * rows.len() as f64 + 8.0;
    let values = rows.iter().flat_map(|(_, row)| match row {
        Ok(ratio) => [ratio.low, ratio.high],
        Err(point) => [*point, *point],
    });
    let margins = [1.0 - perf.margin, 1.0 + perf.margin, 1.0];
    let x = Axis::around(Scale::Linear, values.chain(margins), LEFT, WIDTH - 30.0);
    let better = if reference.higher_is_better { "more" } else { "less" };
    let title = format!("{metric} of {workload}, as a ratio to {}", perf.reference);
    let mut svg = Svg::new(WIDTH, bottom + 50.0, &title);
    svg.text("head", (20.0, 22.0), Anchor::Start, &title);
    let per_cent = perf.margin * 100.0;
    let intervals = match rows.iter().find_map(|(_, row)| row.as_ref().ok()) {
        Some(ratio) => format!("95 % intervals, {} pairs of boots", ratio.pairs),
        None => "too few pairs of boots for an interval".to_owned(),
    };
    let sub = format!("{intervals}; band: noise floor; dashed: ±{per_cent} %");
    svg.text("soft", (20.0, 44.0), Anchor::Start, &sub);
    for value in x.ticks() {
        let at = x.at(value);
        svg.line("grid", (at, TOP), (at, bottom));
        let text = format!("{value:.4}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        svg.text("soft", (at, bottom + 18.0), Anchor::Middle, text);
    }
    if let Some((_, Ok(floor))) = rows.iter().find(|(arm, _)| *arm == again) {
        let (low, high) = (x.at(floor.low), x.at(floor.high));
        svg.band((low, TOP), (high - low, bottom - TOP));
    }
    for value in &margins[..2] {
        svg.line("axis dash", (x.at(*value), TOP), (x.at(*value), bottom));
    }
    svg.line("axis", (x.at(1.0), TOP), (x.at(1.0), bottom));
    let places = places(perf);
    for (rank, (arm, row)) in rows.iter().enumerate() {
        let number = places.iter().position(|other| other == arm).unwrap_or(0);
        let y = TOP + ROW * (rank as f64 + 0.5) + 4.0;
        svg.text("", (LEFT - 12.0, y + 4.5), Anchor::End, arm);
        if let Ok(ratio) = row {
            svg.interval(number, (x.at(ratio.low), y), (x.at(ratio.high), y));
        }
        let point = row.as_ref().map_or_else(|point| *point, |ratio| ratio.ratio);
        svg.marker(number, false, (x.at(point), y));
    }
    let label = format!("ratio ({better} is better)");
    let middle = f64::midpoint(LEFT, WIDTH - 30.0);
    svg.text("soft", (middle, bottom + 40.0), Anchor::Middle, &label);
    svg.finish()
}
