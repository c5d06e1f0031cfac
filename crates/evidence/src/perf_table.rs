// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures of `perf` as text that fits a mail: 72 columns at most.

use crate::perf::{Perf, Series, again};
use crate::stats::paired::{self, Equivalence, Ratio};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Version 2 of the patch (June 2026), as its author published it: bytes of
/// the device, idle, peak.
const V2: [(u64, &str, &str); 2] =
    [(1 << 40, "256 B", "64.25 KB"), (100 << 40, "25 KB", "6.27 MB")];

/// All tables, each with a heading; sections without data are left out.
#[must_use]
pub fn tables(perf: &Perf, seed: u64) -> String {
    let mut text = String::new();
    compared(&mut text, perf, seed);
    alone(&mut text, perf);
    memory(&mut text, perf);
    hits(&mut text, perf);
    for note in &perf.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// One block per metric and workload: every arm against the reference.
fn compared(text: &mut String, perf: &Perf, seed: u64) {
    let margin = perf.margin * 100.0;
    let mut seen = BTreeSet::new();
    let mut any_open = false;
    tracker(text, perf);
    for first in &perf.series {
        if !seen.insert((&first.metric, &first.workload)) {
            continue;
        }
        let Some(reference) = perf.find(&first.metric, &first.workload, &perf.reference) else {
            continue;
        };
        let better = if first.higher_is_better { "more is better" } else { "less is better" };
        let _ = writeln!(text, "\n{}, {} [{}; {better}]", first.metric, first.workload, first.unit);
        let _ = writeln!(
            text,
            "{:<16} {:>10}  {:>6}  {:<16} within ±{margin} %",
            "", "median", "ratio", "95 % interval"
        );
        for series in
            perf.series.iter().filter(|s| s.metric == first.metric && s.workload == first.workload)
        {
            let _ =
                writeln!(text, "{}", row(perf, series, reference, seed, &mut any_open).trim_end());
        }
        if first.metric == "instructions-bcache" {
            extra(text, perf, reference);
        }
    }
    if any_open {
        let _ = writeln!(
            text,
            "\nopen, n = 60: cannot be said with this noise. 60 pairs of boots would\n\
             show it, if the ratio and its scatter stayed what they are. A bare\n\
             \"open\": the ratio itself is at the margin, or beyond it."
        );
    }
    if perf.indicative && perf.series.iter().any(|s| s.unit == "ns") {
        let _ = writeln!(text, "\nTimes are by an emulated processor: indicative only.");
    }
    if let Some(disks) = &perf.disks {
        let _ = writeln!(text, "\nfio's disks: {disks}.");
    }
}

/// The figures that a README has room for: every arm against the reference,
/// one column per measurement, intervals only.
#[must_use]
pub fn summary(perf: &Perf, seed: u64) -> String {
    let mut text = String::new();
    let counted: [(&str, &str, &str); 4] = [
        ("bypass", "instructions", "bypass-write"),
        ("over cached", "instructions", "bypass-write-cached"),
        ("read miss", "instructions", "read-miss"),
        ("read hit", "instructions", "read-hit"),
    ];
    let timed: [(&str, &str, &str); 4] = [
        ("bypass IOPS", "iops", "bypass-4k/write"),
        ("read IOPS", "iops", "mix-4k-128k/read"),
        ("read p99", "lat-p99", "mix-4k-128k/read"),
        ("CPU per I/O", "cpu-per-io", "mix-4k-128k"),
    ];
    let reference = &perf.reference;
    let head = format!("instructions per request, as a ratio to {reference}: 95 % intervals");
    columns(&mut text, perf, seed, &head, &counted);
    let how = if perf.indicative { ", emulated: indicative" } else { "" };
    let head = format!("fio, as a ratio to {reference}: 95 % intervals{how}");
    columns(&mut text, perf, seed, &head, &timed);
    if let Some(disks) = perf.disks.as_ref().filter(|_| text.contains(&head)) {
        let _ = writeln!(text, "fio's disks: {disks}");
    }
    if !text.is_empty() {
        let _ = writeln!(text, "{}: the noise floor", again(reference));
    }
    text
}

/// A row for each arm, under `head`; nothing where nothing was measured.
fn columns(text: &mut String, perf: &Perf, seed: u64, head: &str, of: &[(&str, &str, &str)]) {
    let measured = |s: &&Series| of.iter().any(|(_, m, w)| s.metric == *m && s.workload == *w);
    let mut arms: Vec<&str> = Vec::new();
    for series in perf.series.iter().filter(measured) {
        if series.arm != perf.reference && !arms.contains(&series.arm.as_str()) {
            arms.push(&series.arm);
        }
    }
    if arms.is_empty() {
        return;
    }
    let _ = write!(text, "{head}\n{:<14}", "");
    for (name, ..) in of {
        let _ = write!(text, " {name:>13}");
    }
    for arm in arms {
        let _ = write!(text, "\n{arm:<14}");
        for (_, metric, workload) in of {
            let find = |arm: &str| perf.find(metric, workload, arm);
            let cell = match (find(arm), find(&perf.reference)) {
                (Some(series), Some(reference)) => interval(series, reference, seed),
                _ => "-".to_owned(),
            };
            let _ = write!(text, " {cell:>13}");
        }
    }
    text.push_str("\n\n");
}

fn interval(series: &Series, reference: &Series, seed: u64) -> String {
    match series.compared(reference, seed) {
        Some(Ok(ratio)) => format!("{:.3}..{:.3}", ratio.low, ratio.high),
        _ => "too few".to_owned(),
    }
}

/// What only some arms have, such as fills that the tracker skipped.
fn alone(text: &mut String, perf: &Perf) {
    let own = |s: &&Series| {
        s.metric != "instructions-tracker"
            && perf.find(&s.metric, &s.workload, &perf.reference).is_none()
    };
    let mut before = None;
    for series in perf.series.iter().filter(own) {
        let Some(median) = series.median() else { continue };
        let group = (&series.metric, &series.workload, &series.unit);
        if before.replace(group) != Some(group) {
            let (metric, workload, unit) = group;
            let _ = writeln!(text, "\n{metric}, {workload} [{unit}], least to most");
        }
        let ends =
            |pick: fn(f64, f64) -> f64, from| series.samples.iter().copied().fold(from, pick);
        let (least, most) = (ends(f64::min, f64::INFINITY), ends(f64::max, f64::NEG_INFINITY));
        let _ = writeln!(
            text,
            "{:<16} {:>10}  {}..{}",
            series.arm,
            figure(median),
            figure(least),
            figure(most)
        );
    }
}

/// What the tracker itself runs, which the reference does not have.
fn tracker(text: &mut String, perf: &Perf) {
    let own: Vec<&Series> =
        perf.series.iter().filter(|s| s.metric == "instructions-tracker").collect();
    if own.is_empty() {
        return;
    }
    let _ = writeln!(text, "\ninstructions in the tracker per request, least to most");
    for series in own {
        let whole = perf.find("instructions", &series.workload, &perf.reference);
        let (Some(median), Some(whole)) = (series.median(), whole.and_then(Series::median)) else {
            continue;
        };
        let ends =
            |pick: fn(f64, f64) -> f64, from| series.samples.iter().copied().fold(from, pick);
        let (least, most) = (ends(f64::min, f64::INFINITY), ends(f64::max, 0.0));
        let _ = writeln!(
            text,
            "{:<13} {:<19} {median:>6.1}  {least:.1}..{most:.1}  {:.2} % of {}",
            series.arm,
            series.workload,
            median / whole * 100.0,
            figure(whole),
        );
    }
}

/// `open` is set where more pairs would settle it.
fn row(perf: &Perf, series: &Series, reference: &Series, seed: u64, open: &mut bool) -> String {
    let median = series.median().map_or_else(|| "-".to_owned(), figure);
    let start = format!("{:<16} {median:>10}", series.arm);
    if series.arm == perf.reference {
        return start;
    }
    // The last sample of an interrupted run may have no partner yet.
    let pairs = series.samples.len().min(reference.samples.len());
    let (a, b) = (&series.samples[..pairs], &reference.samples[..pairs]);
    match paired::ratio(a, b, seed) {
        Ok(ratio) => {
            let interval = format!("{:.4}..{:.4}", ratio.low, ratio.high);
            let verdict = if series.arm == again(&perf.reference) {
                "noise floor".to_owned()
            } else {
                verdict(&ratio, (a, b), perf.margin, open)
            };
            format!("{start}  {:>6.4}  {interval:<16} {verdict}", ratio.ratio)
        }
        Err(paired::PairedError::TooFew { had }) => match paired::point(a, b) {
            Ok(ratio) => format!("{start}  {ratio:>6.4}  {had} pairs: too few"),
            Err(_) => start,
        },
        Err(_) => start,
    }
}

/// Whether the arm is equivalent to the reference; where that cannot be said,
/// how many pairs it would take.
fn verdict(ratio: &Ratio, (a, b): (&[f64], &[f64]), margin: f64, open: &mut bool) -> String {
    match ratio.equivalence(margin) {
        Equivalence::Within => "yes".to_owned(),
        Equivalence::Outside => "no".to_owned(),
        Equivalence::Undecided => match paired::pairs_needed(a, b, margin) {
            Ok(Some(pairs)) if pairs > ratio.pairs => {
                *open = true;
                format!("open, n = {pairs}")
            }
            _ => "open".to_owned(),
        },
    }
}

/// Instructions in bcache hardly vary: what they grow by, as a share of all
/// that the reference's kernel runs for the same request.
fn extra(text: &mut String, perf: &Perf, reference: &Series) {
    let whole = perf.find("instructions", &reference.workload, &perf.reference);
    let (Some(whole), Some(own)) = (whole.and_then(Series::median), reference.median()) else {
        return;
    };
    for series in perf.series.iter().filter(|s| {
        s.metric == reference.metric && s.workload == reference.workload && s.arm != reference.arm
    }) {
        let Some(median) = series.median() else { continue };
        let more = median - own;
        let _ = writeln!(
            text,
            "  {:<14} {more:>+10.0}  {:>+6.2} % of all {} per request",
            series.arm,
            more / whole * 100.0,
            figure(whole),
        );
    }
}

fn memory(text: &mut String, perf: &Perf) {
    if perf.memory.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nmemory of the tracker [bytes]");
    let _ = writeln!(
        text,
        "{:<10} {:<8} {:>10} {:>12} {:>10} {:>14}",
        "arm", "device", "idle", "peak", "in flight", "slab growth"
    );
    for point in &perf.memory {
        let growth = point.slab_growth_bytes.map_or_else(|| "-".to_owned(), |g| g.to_string());
        let _ = writeln!(
            text,
            "{:<10} {:<8} {:>10} {:>12} {:>10} {growth:>14}",
            point.arm,
            size(point.device_bytes),
            point.idle_bytes,
            point.peak_bytes,
            point.in_flight,
        );
    }
    for (device, idle, peak) in V2 {
        let _ = writeln!(
            text,
            "{:<10} {:<8} {idle:>10} {peak:>12} {:>10}",
            "v2 (said)",
            size(device),
            "all"
        );
    }
    let _ = writeln!(text, "Slab growth is the guest's, of everything that a write needs.");
}

fn hits(text: &mut String, perf: &Perf) {
    if perf.hit_ratio.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nmisses that overlap no write in flight, not filled all the same");
    let _ = writeln!(
        text,
        "{:<10} {:<8} {:>16} {:>8} {:>8} {:>7} {:>9}",
        "arm", "device", "writes in flight", "misses", "skipped", "share", "re-read"
    );
    for p in &perf.hit_ratio {
        let share = 100.0 * p.skipped_needlessly as f64 / p.misses.max(1) as f64;
        let hit = p.hit_ratio.map_or_else(|| "-".to_owned(), |h| format!("{:.1} %", h * 100.0));
        let writes = format!("{} x {}", p.in_flight, size(p.write_bytes));
        let _ = writeln!(
            text,
            "{:<10} {:<8} {writes:>16} {:>8} {:>8} {share:>5.1} % {hit:>9}",
            p.arm,
            size(p.device_bytes),
            p.misses,
            p.skipped_needlessly,
        );
    }
    let _ = writeln!(text, "Re-read: share of the same reads that the cache served afterwards.");
}

/// A size in the largest unit that divides it.
fn size(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit =
        units.iter().find(|(shift, _)| bytes >= 1 << shift && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(|| format!("{bytes} B"), |(shift, name)| format!("{} {name}", bytes >> shift))
}

/// Four or more digits that matter.
fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 1e9 => format!("{:.3}G", value / 1e9),
        v if v >= 1e7 => format!("{:.2}M", value / 1e6),
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::{HitPoint, MemoryPoint};

    pub(crate) fn sample() -> Perf {
        let series = |metric: &str, arm: &str, samples: &[f64]| Series {
            metric: metric.into(),
            unit: "instructions".into(),
            higher_is_better: false,
            workload: "bypass-write-cached".into(),
            arm: arm.into(),
            samples: samples.into(),
        };
        let base = [17000.0, 17100.0, 16900.0, 17050.0];
        Perf {
            indicative: true,
            reference: "base".into(),
            margin: 0.02,
            disks: Some("cache ssd-consumer, backing hdd-7200".into()),
            series: vec![
                series("instructions", "base", &base),
                series("instructions", "base (again)", &[17010.0, 17090.0, 16950.0, 17000.0]),
                series("instructions", "two-pass", &base.map(|s| s * 1.3)),
                series("instructions", "noisy", &[18700.0, 15390.0, 17745.0, 16368.0]),
                series("instructions", "late", &base[..2]),
                series("instructions-bcache", "base", &[3000.0; 4]),
                series("instructions-tracker", "ordered (off)", &[229.0; 4]),
                series("instructions-bcache", "two-pass", &[3170.0; 4]),
                Series {
                    metric: "skipped-exact".into(),
                    unit: "fills/read".into(),
                    workload: "mix".into(),
                    ..series("", "rust", &[0.02, 0.01, 0.04])
                },
            ],
            memory: vec![MemoryPoint {
                arm: "two-pass".into(),
                device_bytes: 100 << 40,
                idle_bytes: 79_000,
                peak_bytes: 3_700_000,
                in_flight: 1024,
                slab_growth_bytes: Some(4_000_000),
            }],
            hit_ratio: vec![HitPoint {
                arm: "two-pass".into(),
                device_bytes: 1 << 30,
                in_flight: 1024,
                write_bytes: 4096,
                misses: 1000,
                skipped_needlessly: 630,
                hit_ratio: Some(0.37),
            }],
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_tables_fit_a_mail_and_say_what_the_interval_says() {
        let text = tables(&sample(), 1);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 72, "{longest}\n{text}");
        let line = |start: &str| text.lines().find(|l| l.starts_with(start)).unwrap();
        assert!(line("base (again)").ends_with("noise floor"), "{text}");
        assert!(line("two-pass").ends_with(" no"), "{text}");
        assert!(line("noisy").ends_with("open, n = 83"), "{text}");
        assert!(text.contains("cannot be said with this noise"), "{text}");
        assert!(line("late").ends_with("2 pairs: too few"), "{text}");
        assert!(text.contains("+170   +1.00 % of all 17025"), "{text}");
        assert!(text.contains("63.0 %"), "{text}");
        assert!(text.contains("skipped-exact, mix [fills/read], least to most"), "{text}");
        assert!(line("rust").ends_with("0.0200  0.0100..0.0400"), "{text}");
        assert!(line("fio's disks").contains("backing hdd-7200"), "{text}");
    }

    #[test]
    fn the_summary_fits_a_mail_and_has_a_row_for_each_arm() {
        let mut perf = sample();
        let base = [4000.0, 4100.0, 3900.0, 4000.0];
        for (arm, by) in [("base", 1.0), ("base (again)", 1.1), ("two-pass", 0.5)] {
            perf.series.push(Series {
                metric: "lat-p99".into(),
                unit: "ns".into(),
                higher_is_better: false,
                workload: "mix-4k-128k/read".into(),
                arm: arm.into(),
                samples: base.map(|v| v * by).into(),
            });
        }
        let text = summary(&perf, 1);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 72, "{longest}\n{text}");
        let rows = |arm: &str| text.lines().filter(|l| l.starts_with(arm)).collect::<Vec<_>>();
        assert_eq!(rows("two-pass").len(), 2, "{text}");
        assert!(rows("two-pass")[0].contains("1.300..1.300"), "{text}");
        assert!(rows("two-pass")[1].contains("0.500..0.500"), "{text}");
        assert!(rows("late")[0].contains("too few"), "{text}");
        assert!(rows("base (again)").len() == 3 && text.contains("the noise floor"), "{text}");
        assert!(text.contains("fio's disks: cache ssd-consumer, backing hdd-7200\n"), "{text}");
        assert_eq!(summary(&Perf::default(), 1), "");
    }

    #[test]
    fn sizes_and_figures_are_short() {
        assert_eq!([size(4096), size(1 << 40), size(512)], ["4 KiB", "1 TiB", "512 B"]);
        let shown = [0.5, 16.25, 17025.4, 2.5e7].map(figure);
        assert_eq!(shown, ["0.5000", "16.2", "17025", "25.00M"]);
    }
}
