// SPDX-License-Identifier: MIT OR Apache-2.0
//! fio's figures: by the guest's clock, so indicative only under emulation.

use crate::bench::{Bench, Setup};
use crate::error::PerfError;
use crate::figure::Figure;
use crate::work::Work;
use lab::{ArmImage, Tools, bcache};
use proc::Cancel;
use scenario::{CacheMode, Disks, Volume};
use serde_json::Value;
use std::path::Path;
use std::time::Instant;
use wire::{Device, Extent};

/// A job file of fio, and what is done before it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Name of the file without its ending.
    pub name: String,
    /// The file.
    pub text: String,
    /// Where writes go.
    pub mode: CacheMode,
    /// So many MiB from the start on are read into the cache before.
    pub cached_mib: u64,
}

impl Job {
    /// The lab's jobs, in order.
    const NAMES: [(&str, u64); 4] =
        [("randread-4k", 0), ("bypass-4k", 0), ("overwrite-4k", 16), ("mix-4k-128k", 0)];

    /// Name of the one that runs first.
    #[must_use]
    pub fn first() -> &'static str {
        Self::NAMES[0].0
    }

    /// Loads them from `workloads/perf`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn load_all(folder: &Path) -> Result<Vec<Self>, PerfError> {
        let load = |(name, cached_mib): (&str, u64)| {
            let text = read(&folder.join(format!("{name}.fio")))?;
            Ok(Self { name: name.to_owned(), text, mode: CacheMode::Writearound, cached_mib })
        };
        Self::NAMES.into_iter().map(load).collect()
    }

    /// The jobs of each cache mode, of which `modes.fio` has one for all: its `@NAME` and
    /// `@MIB` are the name and where the job begins.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn load_modes(folder: &Path) -> Result<Vec<Self>, PerfError> {
        let text = read(&folder.join("modes.fio"))?;
        // What is dirty at the end of one must not be in another's way.
        let jobs = Work::MODES.into_iter().zip(1..).map(|(work, n)| {
            let (name, cached) = (work.name(), work.cached());
            let first = if cached { 0 } else { n * MODE_MIB };
            let text = text.replace("@NAME", &name).replace("@MIB", &first.to_string());
            Self { name, text, mode: work.mode(), cached_mib: if cached { 16 } else { 0 } }
        });
        Ok(jobs.collect())
    }
}

/// From the start of one mode's job to that of the next.
const MODE_MIB: u64 = 64;

fn read(path: &Path) -> Result<String, PerfError> {
    std::fs::read_to_string(path).map_err(PerfError::io(path))
}

/// The disks that the jobs run on: `disks.toml` beside them.
///
/// # Errors
/// A file that cannot be read, or says something else.
pub fn disks(folder: &Path) -> Result<Disks, PerfError> {
    let path = folder.join("disks.toml");
    let text = read(&path)?;
    toml::from_str(&text).map_err(|error| PerfError::File { path, why: error.to_string() })
}

/// Boots once and runs the jobs one after the other.
///
/// # Errors
/// [`PerfError`]; fio's own words when it fails.
pub fn speed(
    arm: &ArmImage,
    tools: &Tools,
    setup: &Setup,
    attributes: &[(String, String)],
    jobs: &[Job],
    logs: &Path,
    cancel: &Cancel,
) -> Result<Vec<Figure>, PerfError> {
    let bench = Bench::start(setup, arm, tools, logs, cancel)?;
    bench.set(attributes)?;
    fine_clock(&bench)?;
    let mut figures = Vec::new();
    let began = (uptime(&bench)?, Instant::now());
    for job in jobs {
        bcache::set_cache_mode(&bench.guest(), &[Volume::Hdd], job.mode)?;
        // Reads of 64 KiB from the start on, past what primed the cache.
        let piece = |n: u64| Extent { sector: n * 128, sectors: 128 };
        let fill: Vec<Extent> = (0..job.cached_mib * 16).map(piece).collect();
        if !fill.is_empty() {
            bench.guest().drive(Device::Bcache, false, fill)?;
            bench.settle(std::time::Duration::from_millis(100))?;
        }
        figures.extend(run(&bench, job)?);
    }
    right_clock(uptime(&bench)? - began.0, began.1.elapsed().as_secs_f64())?;
    Ok(figures)
}

/// Seconds of the guest's clock, which is also fio's (`clocksource` in the
/// jobs), since it booted.
fn uptime(bench: &Bench<'_>) -> Result<f64, PerfError> {
    let text = bench.guest().read_file("/proc/uptime")?;
    let first = text.split_whitespace().next().and_then(|word| word.parse().ok());
    first.ok_or_else(|| PerfError::Closed(format!("unexpected /proc/uptime: {text:.80}")))
}

/// Whether the guest's clock went as fast as the host's: an emulated processor
/// may have measured its own speed wrongly, on a busy machine at boot.
fn right_clock(guest: f64, host: f64) -> Result<(), PerfError> {
    // What asking takes, at both ends, is a second at worst.
    let off = (guest - host).abs() - 1.0;
    if off <= 0.01 * host {
        return Ok(());
    }
    Err(PerfError::Closed(format!("the guest's clock ran {guest:.2} s in {host:.2} s")))
}

/// Latencies by a clock of 4 ms steps would be worthless.
fn fine_clock(bench: &Bench<'_>) -> Result<(), PerfError> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let clock = bench.guest().read_file(path)?;
    if clock.contains("jiffies") {
        return Err(PerfError::Closed("the guest has no clock but jiffies".to_owned()));
    }
    Ok(())
}

fn run(bench: &Bench<'_>, job: &Job) -> Result<Vec<Figure>, PerfError> {
    let path = format!("/tmp/{}.fio", job.name);
    let bad = |why: String| PerfError::Fio { job: job.name.clone(), why };
    // The agent's WriteFile is one write(2); a job file is small.
    bench.guest().write_file(&path, &job.text)?;
    let skips = |name| bench.number(name);
    let before = (
        busy_ns(bench)?,
        bench.rig.now(),
        skips("inflight_skipped_exact")?,
        skips("inflight_skipped_possible")?,
    );
    let out = bench.guest().exec(&["fio", "--output-format=json", &path])?;
    let busy = busy_ns(bench)? - before.0;
    let traffic = bench.traffic_since(before.1);
    let start = out.stdout.find('{').ok_or_else(|| bad(out.stdout.clone() + &out.stderr))?;
    let report: Value =
        serde_json::from_str(&out.stdout[start..]).map_err(|error| bad(error.to_string()))?;
    let result = &report["jobs"][0];
    let mut figures = Vec::new();
    let mut requests = 0;
    for direction in ["read", "write"] {
        let side = &result[direction];
        let count = side["total_ios"].as_u64().unwrap_or(0);
        if count == 0 {
            continue;
        }
        requests += count;
        figures.extend(direction_figures(&format!("{}/{direction}", job.name), side));
    }
    if requests == 0 {
        return Err(bad("it made no request".to_owned()));
    }
    let mut more = |metric, unit, higher_is_better, value| {
        figures.push(Figure { metric, unit, higher_is_better, workload: job.name.clone(), value });
    };
    more("cpu-per-io", "ns", false, busy / requests as f64);
    let writes = result["write"]["total_ios"].as_u64().unwrap_or(0);
    if writes > 0 {
        let per = |count: u64| count as f64 / writes as f64;
        more("journal-writes-per-write", "1", false, per(traffic.journal_writes));
        more("ssd-flushes-per-write", "1", false, per(traffic.ssd_flushes));
        more("hdd-flushes-per-write", "1", false, per(traffic.hdd_flushes));
        more(
            "journal-bytes-per-write",
            "bytes",
            false,
            traffic.journal_bytes as f64 / writes as f64,
        );
    }
    let reads = result["read"]["total_ios"].as_u64().unwrap_or(0);
    if reads > 0 {
        more("hit-ratio", "ratio", true, 1.0 - (traffic.hdd_reads as f64 / reads as f64).min(1.0));
    }
    for (metric, name, earlier) in [
        ("skipped-exact", "inflight_skipped_exact", before.2),
        ("skipped-possible", "inflight_skipped_possible", before.3),
    ] {
        if let (Some(now), Some(earlier), true) = (skips(name)?, earlier, reads > 0) {
            more(metric, "fills/read", false, (now - earlier) as f64 / reads as f64);
        }
    }
    Ok(figures)
}

/// What fio says of one direction.
fn direction_figures(workload: &str, side: &Value) -> Vec<Figure> {
    let latency = &side["clat_ns"];
    let percentile = |p: &str| latency["percentile"][p].as_f64();
    [
        ("iops", "1/s", true, side["iops"].as_f64()),
        ("bandwidth", "bytes/s", true, side["bw_bytes"].as_f64()),
        ("lat-p50", "ns", false, percentile("50.000000")),
        ("lat-p99", "ns", false, percentile("99.000000")),
        ("lat-p99.9", "ns", false, percentile("99.900000")),
        ("lat-max", "ns", false, latency["max"].as_f64()),
    ]
    .into_iter()
    .filter_map(|(metric, unit, higher_is_better, value)| {
        let workload = workload.to_owned();
        value.map(|value| Figure { metric, unit, higher_is_better, workload, value })
    })
    .collect()
}

/// Processor time of the guest that was not idle, in nanoseconds.
fn busy_ns(bench: &Bench<'_>) -> Result<f64, PerfError> {
    let text = bench.guest().read_file("/proc/stat")?;
    let fields: Vec<u64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq, in hundredths of a second.
    match fields.as_slice() {
        [user, nice, system, _, _, irq, softirq, ..] => {
            Ok((user + nice + system + irq + softirq) as f64 * 1e7)
        }
        _ => Err(PerfError::Closed(format!("unexpected /proc/stat: {text:.80}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_wrong_is_no_measurement() {
        assert!(right_clock(20.0, 20.1).is_ok() && right_clock(20.9, 20.0).is_ok());
        assert!(right_clock(22.0, 20.0).is_err() && right_clock(18.0, 20.0).is_err());
    }

    #[test]
    fn a_direction_without_percentiles_has_no_latency() {
        let side = serde_json::json!({ "iops": 10.5, "bw_bytes": 43008, "clat_ns": { "max": 7 } });
        let figures = direction_figures("j/read", &side);
        let names: Vec<&str> = figures.iter().map(|f| f.metric).collect();
        assert_eq!(names, ["iops", "bandwidth", "lat-max"]);
    }
}
