// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario sets and asks of bcache in sysfs.

use serde::Deserialize;

/// Counters in sysfs: the tracker's and what rests on it without their prefix, and the block
/// layer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// In flight now.
    Writes,
    /// Ever recorded.
    Recorded,
    /// Misses not cached for a write to the same sectors.
    SkippedExact,
    /// Misses not cached for a write that may be to the same sectors.
    SkippedPossible,
    /// Memory of the tracker, in bytes.
    Bytes,
    /// Reads and writes that the block layer counts as in flight at the bcache
    /// device, on every kernel: one more at the end is one that leaked.
    Requests,
    /// Bypass writes that needed no invalidation.
    Spared,
}

/// Settings of bcache that scenarios change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Setting {
    CacheMode,
    SequentialCutoff,
    WritebackRunning,
    WritebackPercent,
    WritebackDelay,
    CongestedReadThresholdUs,
    CongestedWriteThresholdUs,
    /// Starts garbage collection, whatever the value.
    TriggerGc,
}
