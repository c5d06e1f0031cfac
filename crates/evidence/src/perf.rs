// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `cargo xtask perf` measured: samples first, everything else follows
//! from them.

use crate::stats::paired::{self, Ratio};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Speed and memory of the run's arms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Perf {
    /// Wall-clock figures are indicative only (no KVM, a shared machine).
    pub indicative: bool,
    /// The arm that the others are compared with.
    pub reference: String,
    /// Margin of the equivalence statements, e.g. 0.02 for ±2 %.
    pub margin: f64,
    /// How fio's disks behave in time; as fast as the host where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disks: Option<String>,
    /// One series per metric, workload and arm; the reference has a second
    /// series, `base (again)`, which gives the noise floor.
    pub series: Vec<Series>,
    /// Memory of the tracker.
    pub memory: Vec<MemoryPoint>,
    /// Hit ratio against bypass writes in flight.
    pub hit_ratio: Vec<HitPoint>,
    /// What was surprising on the way: boots that had to be repeated, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One metric of one arm under one workload; one sample per boot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// `iops`, `bandwidth`, `lat-p99`, `instructions-per-read-miss`…
    pub metric: String,
    /// `1/s`, `bytes/s`, `ns`, `instructions`, `ratio`…
    pub unit: String,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Workload: the job file, or the name of the measurement.
    pub workload: String,
    pub arm: String,
    /// In the order of the boots; the same index is the same pair.
    pub samples: Vec<f64>,
}

/// The tracker's memory for one backing device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryPoint {
    pub arm: String,
    pub device_bytes: u64,
    pub idle_bytes: u64,
    pub peak_bytes: u64,
    /// Writes in flight at the peak.
    pub in_flight: u64,
    /// Growth of the guest's unreclaimable slab memory from idle to peak,
    /// everything that a write needs included: less that of the unpatched
    /// kernel, a check of `peak_bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slab_growth_bytes: Option<u64>,
}

/// Cache misses that overlap nothing, and how many of them were not filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HitPoint {
    pub arm: String,
    pub device_bytes: u64,
    /// Random bypass writes in flight, and their size.
    pub in_flight: u64,
    pub write_bytes: u64,
    pub misses: u64,
    /// Skipped although nothing overlapped.
    pub skipped_needlessly: u64,
    /// Of a read workload beside those writes, from 0 to 1.
    pub hit_ratio: Option<f64>,
}

/// What the reference's second series is called, for instance `base (again)`.
#[must_use]
pub fn again(reference: &str) -> String {
    format!("{reference} (again)")
}

impl Perf {
    /// The series of one metric, workload and arm.
    #[must_use]
    pub fn find(&self, metric: &str, workload: &str, arm: &str) -> Option<&Series> {
        self.series.iter().find(|s| s.metric == metric && s.workload == workload && s.arm == arm)
    }

    /// What both have measured, or how they cannot be one.
    pub(crate) fn overlap(&self, other: &Self) -> Option<String> {
        if (&self.reference, self.margin) != (&other.reference, other.margin) {
            return Some("another reference or margin".to_owned());
        }
        let series = |s: &&Series| other.find(&s.metric, &s.workload, &s.arm).is_some();
        let memory = |p: &&MemoryPoint| {
            let same = |q: &MemoryPoint| (&p.arm, p.device_bytes) == (&q.arm, q.device_bytes);
            other.memory.iter().any(same)
        };
        let hits = |p: &&HitPoint| {
            let same = |q: &HitPoint| (&p.arm, p.in_flight) == (&q.arm, q.in_flight);
            other.hit_ratio.iter().any(same)
        };
        let twice = self.series.iter().find(series).map(|s| format!("{} of {}", s.metric, s.arm));
        twice
            .or_else(|| Some(format!("memory of {}", self.memory.iter().find(memory)?.arm)))
            .or_else(|| Some(format!("fills of {}", self.hit_ratio.iter().find(hits)?.arm)))
    }

    /// Adds what another run has measured of the same arms.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.indicative |= other.indicative;
        self.series.extend(other.series.iter().cloned());
        self.memory.extend(other.memory.iter().cloned());
        self.hit_ratio.extend(other.hit_ratio.iter().cloned());
        self.notes.extend(other.notes.iter().cloned());
    }

    /// Adds a sample to its series; `like` describes it where it is new.
    pub fn push(&mut self, like: Series, value: f64) {
        let same = |s: &&mut Series| {
            s.metric == like.metric && s.workload == like.workload && s.arm == like.arm
        };
        match self.series.iter_mut().find(same) {
            Some(series) => series.samples.push(value),
            None => self.series.push(Series { samples: vec![value], ..like }),
        }
    }
}

impl Series {
    /// The middle sample, or the mean of the two in the middle; `None` without
    /// samples.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            even if even % 2 == 0 => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
            _ => Some(sorted[middle]),
        }
    }

    /// The ratio to `base` with its interval, or without one where
    /// there are too few pairs.
    pub(crate) fn compared(&self, base: &Self, seed: u64) -> Option<Result<Ratio, f64>> {
        let pairs = self.samples.len().min(base.samples.len());
        let (a, b) = (&self.samples[..pairs], &base.samples[..pairs]);
        match paired::ratio(a, b, seed) {
            Ok(ratio) => Some(Ok(ratio)),
            Err(_) => paired::point(a, b).ok().map(Err),
        }
    }
}
