// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `cargo xtask perf` measured: samples first, everything else follows
//! from them.

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
    /// One series per metric, workload and arm; the reference has a second
    /// series, `base (again)`, which gives the noise floor.
    pub series: Vec<Series>,
    /// Memory of the tracker.
    pub memory: Vec<MemoryPoint>,
    /// Hit ratio against bypass writes in flight.
    pub hit_ratio: Vec<HitPoint>,
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
    /// Arm.
    pub arm: String,
    /// In the order of the boots; the same index is the same pair.
    pub samples: Vec<f64>,
}

/// The tracker's memory for one backing device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
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
#[allow(missing_docs)]
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
